// SPDX-License-Identifier: MIT
// Messages of the change stream: whatever comes, transactions are whole and lie in memory of their own.
#include "rowcast/pgoutput.h"

#include "fuzz.h"

static unsigned sum; // what is read must be readable

static void touch(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum += (unsigned char)bytes[i];
}

static void check_row(const struct row *row)
{
    if (row == NULL)
        return;
    for (uint32_t i = 0; i < row->relation->column_count; i++) {
        touch(row->relation->columns[i].name, row->relation->columns[i].name_size);
        if (row->values[i].state == VALUE_TEXT)
            touch(row->values[i].text, row->values[i].size);
    }
}

static void on_transaction(void *user, struct transaction *transaction)
{
    (void)user;
    for (uint32_t i = 0; i < transaction->change_count; i++) {
        const struct change *change = &transaction->changes[i];
        FUZZ_CHECK(change->op == CHANGE_MESSAGE || change->relation != NULL);
        FUZZ_CHECK(change->op != CHANGE_INSERT || change->new_row != NULL);
        check_row(change->new_row);
        check_row(change->old_row);
        if (change->op == CHANGE_MESSAGE)
            touch(change->content, change->content_size);
    }
    transaction_free(transaction);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct pgoutput *decoder = pgoutput_new(on_transaction, NULL);
    const uint8_t *piece;
    struct fault fault;
    int result = 0;

    while (result == 0 && fuzz_piece(&input, &piece, &size)) {
        char *message = fuzz_exact(piece, size);
        result = pgoutput_feed(decoder, message, size, &fault);
        FUZZ_CHECK(result == 0 || fault.text[0] != '\0');
        free(message);
    }
    pgoutput_free(decoder);
    return 0;
}

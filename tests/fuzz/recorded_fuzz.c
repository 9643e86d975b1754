// SPDX-License-Identifier: MIT
// Recorded rows that anyone may have written by hand.
#include "rowcast/recorded.h"

#include "fuzz.h"

static void on_transaction(void *user, struct transaction *transaction)
{
    (void)user;
    for (uint32_t i = 0; i < transaction->change_count; i++) {
        const struct change *change = &transaction->changes[i];
        FUZZ_CHECK(change->op == CHANGE_MESSAGE || change->relation != NULL);
        FUZZ_CHECK(change->new_row == NULL || change->new_row->relation->column_count <= 1 << 16);
    }
    transaction_free(transaction);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct recorded_reader *reader = recorded_reader_new(on_transaction, NULL);
    struct fault fault;
    int result = 0;

    for (size_t at = 0; at < size && result == 0;) {
        const uint8_t *end = memchr(bytes + at, '\n', size - at);
        size_t length = end ? (size_t)(end - bytes) - at : size - at;
        char *line = fuzz_exact(bytes + at, length);
        result = recorded_reader_line(reader, line, length, 0, &fault);
        FUZZ_CHECK(result == 0 || fault.text[0] != '\0');
        free(line);
        at += length + 1;
    }
    if (result == 0)
        recorded_reader_end(reader, &fault);
    recorded_reader_free(reader);
    return 0;
}

// SPDX-License-Identifier: MIT
// Texts that PostgreSQL prints: timestamps and array literals.
#include "rowcast/value.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = fuzz_exact(bytes, size), *scratch = malloc(size + 1), iso[VALUE_ISO_SIZE];
    struct array_reader reader;
    enum array_token token;
    size_t tokens = 0;

    FUZZ_CHECK(value_iso(text, size, true, iso) < VALUE_ISO_SIZE);
    FUZZ_CHECK(value_iso(text, size, false, iso) < VALUE_ISO_SIZE);
    array_reader_init(&reader, text, size, scratch);
    do {
        token = array_reader_next(&reader);
        FUZZ_CHECK(++tokens <= size + 2);
        if (token == ARRAY_ELEMENT)
            FUZZ_CHECK(reader.element_size <= size);
    } while (token != ARRAY_END && token != ARRAY_BAD);
    free(text);
    free(scratch);
    return 0;
}

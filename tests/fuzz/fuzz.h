// SPDX-License-Identifier: MIT
// What the fuzz targets share: one input is cut into pieces by its own bytes.
#ifndef ROWCAST_FUZZ_H
#define ROWCAST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What the fuzzer calls; 0.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct fuzz_input {
    const uint8_t *at;
    size_t size;
};

// A copy of exactly this size on the heap, so that a read beyond its end is seen. The caller frees it.
static inline char *fuzz_exact(const uint8_t *bytes, size_t size)
{
    char *exact = malloc(size ? size : 1);
    if (size)
        memcpy(exact, bytes, size);
    return exact;
}

// The next piece: its size stands in front of it in two bytes. False at the end.
static inline int fuzz_piece(struct fuzz_input *input, const uint8_t **piece, size_t *size)
{
    if (input->size < 2)
        return 0;
    size_t wanted = (size_t)input->at[0] << 8 | input->at[1], left = input->size - 2;
    *piece = input->at + 2;
    *size = wanted < left ? wanted : left;
    input->at += 2 + *size;
    input->size -= 2 + *size;
    return 1;
}

#endif

// SPDX-License-Identifier: MIT
// Patterns and subjects: the matcher stays within both, and within its limit.
#include "rowcast/pattern.h"

#include "fuzz.h"

#define LIMIT 100000

static void check_captures(const struct pattern *pattern)
{
    FUZZ_CHECK(pattern->capture_count <= PATTERN_MAX_CAPTURES);
    for (unsigned i = 0; i < pattern->capture_count; i++) {
        const struct pattern_capture *capture = &pattern->captures[i];
        FUZZ_CHECK(capture->at >= pattern->subject && capture->at <= pattern->subject_end);
        FUZZ_CHECK(capture->size >= PATTERN_PLACE);
        FUZZ_CHECK(capture->size <= pattern->subject_end - capture->at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    const uint8_t *piece;
    size_t text_size;
    if (!fuzz_piece(&input, &piece, &text_size))
        return 0;
    char *text = fuzz_exact(piece, text_size), *subject = fuzz_exact(input.at, input.size);
    struct pattern pattern;
    pattern_init(&pattern, subject, input.size, text, text_size, LIMIT);
    pattern_take_anchor(&pattern);
    const char *from = subject, *end;
    enum pattern_result result;
    while ((result = pattern_find(&pattern, &from, &end)) == PATTERN_FOUND) {
        FUZZ_CHECK(from >= subject && end >= from && end <= pattern.subject_end);
        check_captures(&pattern);
        if (end == pattern.subject_end)
            break;
        from = end > from ? end : end + 1;
    }
    FUZZ_CHECK((result == PATTERN_WRONG) == (pattern.wrong != NULL && !pattern.stopped));
    FUZZ_CHECK(pattern.depth == 0);
    FUZZ_CHECK(pattern.steps <= LIMIT + 2 * (size + 1));
    free(text);
    free(subject);
    return 0;
}

// SPDX-License-Identifier: MIT
// JSON that scripts read and write: what was written reads as what was read.
#include "rowcast/json.h"

#include <lauxlib.h>

#include "fuzz.h"
#include "rowcast/vm.h"

struct text {
    const char *at;
    size_t size;
    struct buffer out;
};

static int read_and_write(lua_State *lua)
{
    struct text *text = lua_touserdata(lua, 1);

    json_read(lua, text->at, text->size);
    json_write(lua, -1, &text->out);
    return 0;
}

// False: it was no JSON, or cannot be said.
static bool run(struct vm *vm, struct text *text)
{
    char failure[1000];

    buffer_init(&text->out, 1 << 24);
    return vm_run(vm, read_and_write, text, 100000000, failure, sizeof failure) == 0;
}

static struct text again(struct vm *vm, const struct text *before)
{
    struct text text = {.at = before->out.bytes, .size = before->out.size};

    FUZZ_CHECK(run(vm, &text));
    return text;
}

static bool is_same(const struct text *a, const struct text *b)
{
    return a->out.size == b->out.size && memcmp(a->out.bytes, b->out.bytes, a->out.size) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct vm *vm = vm_new("scripts", 64 << 20, 0);
    char *exact = fuzz_exact(bytes, size);
    struct text first = {.at = exact, .size = size};

    if (run(vm, &first)) {
        // Bytes that are no UTF-8 become U+FFFD when they are written, which may change the order of keys.
        struct text second = again(vm, &first), third = again(vm, &second);
        if (memmem(first.out.bytes, first.out.size, "\xef\xbf\xbd", 3) == NULL)
            FUZZ_CHECK(is_same(&first, &second));
        FUZZ_CHECK(is_same(&second, &third));
        buffer_release(&second.out);
        buffer_release(&third.out);
    }
    buffer_release(&first.out);
    free(exact);
    vm_free(vm);
    return 0;
}

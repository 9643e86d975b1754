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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct vm *vm = vm_new("scripts", 64 << 20);
    char *exact = fuzz_exact(bytes, size);
    struct text first = {.at = exact, .size = size};

    if (run(vm, &first)) {
        struct text second = {.at = first.out.bytes, .size = first.out.size};
        FUZZ_CHECK(run(vm, &second));
        FUZZ_CHECK(first.out.size == second.out.size);
        FUZZ_CHECK(memcmp(first.out.bytes, second.out.bytes, first.out.size) == 0);
        buffer_release(&second.out);
    }
    buffer_release(&first.out);
    free(exact);
    vm_free(vm);
    return 0;
}

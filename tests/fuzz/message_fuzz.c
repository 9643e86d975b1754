// SPDX-License-Identifier: MIT
// What a client says to the shipped client.lua: it never raises, and always knows an answer or nothing.
#include "rowcast/script.h"

#include "fuzz.h"

static struct script *script; // loaded once: what one call leaves must not reach another

static void unload(void)
{
    script_free(script);
}

static void load(void)
{
    const struct script_limits limits = {.memory = 16 << 20, .max_event = 256 << 10};
    struct fault fault;

    if (script_load(&script, "scripts", &limits, &fault) != 0) {
        fprintf(stderr, "%s\n", fault.text);
        abort();
    }
    atexit(unload);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct script_client client = {.id = "client_1699564800_abc123xyz", .path = "/"};
    char failure[1000];

    if (size == 0)
        return 0;
    if (script == NULL)
        load();
    char *payload = fuzz_exact(bytes + 1, size - 1);
    const struct script_call call = {
        .hook = HOOK_MESSAGE, .payload = payload, .payload_size = size - 1, .binary = bytes[0] & 1};
    struct script_commands *commands =
        script_client(script, &client, &call, failure, sizeof failure);
    if (failure[0])
        fprintf(stderr, "%s\n", failure);
    FUZZ_CHECK(failure[0] == '\0');
    script_commands_free(commands);
    free(payload);
    return 0;
}

// SPDX-License-Identifier: MIT
// A settings file: every value is taken as it should be, or refused with a sentence.
#include "rowcast/settings.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char path[40], *arguments[] = {"--scripts", "/nonexistent", "--config", path};
    int file = memfd_create("settings", 0);
    struct settings settings;
    struct fault fault = {0};

    FUZZ_CHECK(file >= 0 && write(file, bytes, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (settings_read(&settings, 4, arguments, NULL, NULL, 0, &fault) == 0)
        FUZZ_CHECK(settings.max_queue > 0 && settings.workers > 0 && settings.scripts != NULL);
    else
        FUZZ_CHECK(fault.text[0] != '\0' && fault.code == EXIT_CONFIGURATION);
    settings_release(&settings);
    close(file);
    return 0;
}

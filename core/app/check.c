// SPDX-License-Identifier: MIT
// rowcast check: loads all scripts without serving.
#include <stdio.h>

#include "rowcast/commands.h"
#include "rowcast/script.h"

static int run(const struct settings *settings)
{
    struct script *script;
    struct fault fault;
    if (command_load_scripts(settings, &script, &fault) != 0)
        return command_fail(&fault);
    if (script_table_count(script) == 0 && !script_has_hook(script, HOOK_MESSAGE)) {
        script_free(script);
        fault_set(
            &fault, EXIT_CONFIGURATION,
            "%s has neither tables/*.lua nor client.lua: is it the script folder? --scripts DIR "
            "names another.",
            settings->scripts);
        return command_fail(&fault);
    }
    printf("%s: fine, %zu table scripts%s\n", settings->scripts, script_table_count(script),
           script_has_hook(script, HOOK_MESSAGE) ? " and client.lua"
                                                 : ", but no client.lua that takes messages");
    script_free(script);
    return EXIT_FINE;
}

int command_check(int argument_count, char **arguments)
{
    struct settings settings;
    int code;
    if (command_settings(&settings, argument_count, arguments, NULL, NULL, 0, &code) != 0)
        return code;
    command_warn();
    code = run(&settings);
    settings_release(&settings);
    return code;
}

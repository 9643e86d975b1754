// SPDX-License-Identifier: MIT
// A failure as a person reads it.
#include "rowcast/fault.h"

#include <stdarg.h>
#include <stdio.h>

int fault_set(struct fault *fault, enum exit_code code, const char *format, ...)
{
    va_list arguments;

    fault->code = code;
    va_start(arguments, format);
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    return -1;
}

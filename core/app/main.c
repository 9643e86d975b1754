// SPDX-License-Identifier: MIT
// The program.
#include <stdio.h>

int main(void)
{
    printf("rowcast %s\n", ROWCAST_VERSION);
    return 0;
}

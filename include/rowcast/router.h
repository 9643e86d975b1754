// SPDX-License-Identifier: MIT
// The brain: wires source -> script -> hub -> net. One thread, one loop; owns the order of everything.
#ifndef ROWCAST_ROUTER_H
#define ROWCAST_ROUTER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/fault.h"
#include "rowcast/settings.h"

struct router;

// Loads the scripts, listens, and begins with the source. Serves until `router_drain` has finished.
// -1 with a sentence. `settings` must outlive it.
int router_start(struct router **router, uv_loop_t *loop, const struct settings *settings,
                 struct fault *fault);

// Loads the script folder anew and swaps it in, or keeps the old one and says why in log and /ready.
// False: it drains, and nothing is loaded any more.
bool router_reload(struct router *router);
// `settled` is called when all that router_reload was called for has come to its end: the new scripts run, or cannot be
// loaded. A draining router does not call it.
void router_on_settled(struct router *router, void (*settled)(void *user), void *user);

// One log line with what it has: clients, topics, history, memory, health.
void router_log_status(const struct router *router);

// One line for people: whether it is ready, how many clients it has, and what is wrong.
#define ROUTER_SUMMARY 640
void router_summary(const struct router *router, char text[ROUTER_SUMMARY]);

// Unready at once, 1001 to every client, then closes all it has on the loop so that it ends.
void router_drain(struct router *router);

// What the program ends with: EXIT_FINE, or why the source can never run.
int router_exit_code(const struct router *router);

void router_free(struct router *router); // after the loop has ended; NULL is fine

#endif

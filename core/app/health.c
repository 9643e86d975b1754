// SPDX-License-Identifier: MIT
// What /health and /ready say.
#include "rowcast/health.h"

#include <string.h>

bool health_ready(const struct health *health)
{
    return health->source_ok && !health->held && !health->draining;
}

const char *health_word(const struct health *health)
{
    if (!health_ready(health))
        return "unavailable";
    return health->scripts_ok && !health->slot_risky ? "ok" : "degraded";
}

static void write_check(struct buffer *out, const char *name, const char *text)
{
    buffer_append_json_string(out, name, strlen(name));
    buffer_append_byte(out, ':');
    buffer_append_json_string(out, text, strlen(text));
}

void health_write_alive(struct buffer *out)
{
    buffer_append_text(out, "{\"status\":\"ok\",\"checks\":{\"process\":\"ok\"}}\n");
}

void health_write_ready(const struct health *health, enum health_reader reader, struct buffer *out)
{
    bool away = health->source_private && reader == HEALTH_PUBLIC;
    const char *status = health_word(health);
    buffer_append_text(out, "{\"status\":");
    buffer_append_json_string(out, status, strlen(status));
    buffer_append_text(out, ",\"checks\":{");
    write_check(out, "source", away ? HEALTH_SOURCE_AWAY : health->source);
    buffer_append_byte(out, ',');
    write_check(out, "scripts", health->scripts);
    if (health->slot[0]) {
        buffer_append_byte(out, ',');
        bool withheld = reader == HEALTH_PUBLIC && strcmp(health->slot, "ok") != 0;
        write_check(out, "slot", withheld ? HEALTH_SLOT_RISK : health->slot);
    }
    if (health->held) {
        buffer_append_byte(out, ',');
        write_check(out, "delivery",
                    reader == HEALTH_PUBLIC ? HEALTH_DELIVERY_HELD : health->delivery);
    }
    if (health->draining) {
        buffer_append_byte(out, ',');
        write_check(out, "process", "draining");
    }
    buffer_append_text(out, "}}\n");
}

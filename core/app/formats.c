// SPDX-License-Identifier: MIT
// The formats that clients have chosen.
#include "rowcast/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"

// What was shaped lately, for the next one who resumes.
#define KEPT 1024              // events
#define KEPT_BYTES (4u << 20u) // of their frames; beyond that all are forgotten

#define FAILURE_SIZE 4096

struct kept {
    struct event_id id;
    uint32_t format;     // FORMATS_JSON: nothing is kept here
    struct frame *frame; // NULL: the script leaves it out
};

struct formats {
    struct formats_config config;
    struct script *script;
    struct format {
        char *name; // NULL: free
        uint32_t clients;
    } items[FORMATS_MAX + 1]; // by number; the first one is nobody's
    uint32_t in_use;
    struct kept *kept;
    size_t bytes;
};

struct formats *formats_new(const struct formats_config *config)
{
    struct formats *formats = memory_new(sizeof *formats);
    formats->config = *config;
    return formats;
}

// ---- what is kept ----

static void forget(struct formats *formats)
{
    if (!formats->kept)
        return;
    for (size_t i = 0; i < KEPT; i++)
        frame_unref(formats->kept[i].frame);
    free(formats->kept);
    formats->kept = NULL;
    formats->bytes = 0;
}

static struct kept *place_of(struct formats *formats, uint32_t format, const struct event_id *id)
{
    uint64_t hash = id->lsn * 31 + id->change * 7 + id->emit * 3 + format;
    if (!formats->kept)
        formats->kept = memory_new(KEPT * sizeof *formats->kept);
    return &formats->kept[hash * 0x9e3779b97f4a7c15u >> 54u];
}

static bool is_kept(const struct kept *kept, uint32_t format, const struct event_id *id)
{
    return kept->format == format && kept->id.epoch == id->epoch &&
           event_id_compare(&kept->id, id) == 0;
}

static void keep(struct formats *formats, uint32_t format, const struct event_id *id,
                 struct frame *frame)
{
    size_t size = frame ? frame->size : 0;
    if (formats->bytes + size > KEPT_BYTES)
        forget(formats);
    struct kept *kept = place_of(formats, format, id);
    formats->bytes += size - (kept->frame ? kept->frame->size : 0);
    frame_unref(kept->frame);
    *kept = (struct kept){*id, format, frame ? frame_ref(frame) : NULL};
}

// ---- life ----

void formats_free(struct formats *formats)
{
    if (!formats)
        return;
    forget(formats);
    for (uint32_t i = 0; i <= FORMATS_MAX; i++)
        free(formats->items[i].name);
    free(formats);
}

void formats_set_script(struct formats *formats, struct script *script)
{
    forget(formats);
    formats->script = script;
}

bool formats_has(const struct formats *formats, uint32_t format)
{
    return format == FORMATS_JSON ||
           script_has_format(formats->script, formats->items[format].name);
}

// There is always a free one: those in use are of the scripts, which have no more.
uint32_t formats_enter(struct formats *formats, const char *name)
{
    uint32_t empty = FORMATS_JSON;
    for (uint32_t i = FORMATS_MAX; i > FORMATS_JSON; i--) {
        struct format *format = &formats->items[i];
        if (!format->name)
            empty = i;
        else if (strcmp(format->name, name) == 0) {
            format->clients++;
            return i;
        }
    }
    if (empty == FORMATS_JSON)
        abort();
    formats->items[empty] = (struct format){memory_text(name), 1};
    formats->in_use++;
    return empty;
}

void formats_leave(struct formats *formats, uint32_t number)
{
    struct format *format = &formats->items[number];
    if (number == FORMATS_JSON || --format->clients > 0)
        return;
    free(format->name);
    format->name = NULL;
    if (--formats->in_use == 0)
        forget(formats);
}

// ---- topics ----

// The topic's name, a NUL, which no topic has in its name, and the format's.
static size_t pair_name(const struct formats *formats, uint32_t format, uint32_t topic,
                        char name[EVENT_MAX_TOPIC_SIZE + SCRIPT_MAX_FORMAT_NAME + 2])
{
    size_t size = topics_name_size(formats->config.topics, topic);
    memcpy(name, topics_name(formats->config.topics, topic), size + 1);
    strcpy(name + size + 1, formats->items[format].name);
    return size + 1 + strlen(name + size + 1);
}

uint32_t formats_topic(struct formats *formats, uint32_t format, uint32_t topic)
{
    char name[EVENT_MAX_TOPIC_SIZE + SCRIPT_MAX_FORMAT_NAME + 2];
    if (format == FORMATS_JSON) {
        topics_ref(formats->config.topics, topic);
        return topic;
    }
    size_t size = pair_name(formats, format, topic, name);
    return topics_take(formats->config.topics, name, size);
}

// ---- events ----

static void report(struct formats *formats, const char *name, const char *failure)
{
    metrics_failed(formats->config.metrics, CLIENTS_SCRIPT);
    if (log_says(LOG_ERROR, "client_script_failed", failure))
        log_write(LOG_ERROR, "client_script_failed",
                  LOG_FIELDS(LOG_TEXT("format", name), LOG_TEXT("traceback", failure)),
                  "%.*s; the clients that should get this event as '%s' are closed with 1011",
                  (int)strcspn(failure, "\n"), failure, name);
}

struct frame *formats_shape(struct formats *formats, uint32_t format, struct frame *json,
                            const struct event_id *id, bool *failed)
{
    *failed = false;
    if (format == FORMATS_JSON)
        return frame_ref(json);
    struct kept *kept = id ? place_of(formats, format, id) : NULL;
    if (kept && is_kept(kept, format, id))
        return kept->frame ? frame_ref(kept->frame) : NULL;

    char failure[FAILURE_SIZE];
    const char *name = formats->items[format].name;
    size_t size;
    const char *text = (const char *)frame_payload(json, &size);
    int64_t began = clock_steady();
    struct frame *frame = script_format(formats->script, name, text, size, failure, sizeof failure);
    metrics_ran(formats->config.metrics, CLIENTS_SCRIPT, 0, 0, clock_steady() - began);
    *failed = *failure != '\0';
    if (*failed)
        report(formats, name, failure);
    else if (id)
        keep(formats, format, id, frame);
    return frame;
}

static void publish_as(struct formats *formats, uint32_t format, struct server *server,
                       const struct event *event, uint64_t place)
{
    char name[EVENT_MAX_TOPIC_SIZE + SCRIPT_MAX_FORMAT_NAME + 2];
    uint32_t topics[EVENT_MAX_TOPICS], count = 0;
    bool failed;
    for (uint32_t i = 0; i < event->topic_count; i++) {
        size_t size = pair_name(formats, format, event->topics[i], name);
        uint32_t topic = topics_find(formats->config.topics, name, size);
        if (topic != TOPIC_NONE)
            topics[count++] = topic;
    }
    if (count == 0)
        return;
    struct frame *frame =
        formats_shape(formats, format, event->frames[FORMAT_JSON], &event->id, &failed);
    if (frame)
        server_publish(server, topics, count, event->type, place, frame);
    frame_unref(frame);
    if (failed)
        formats->config.failed(formats->config.user, format, event);
}

void formats_publish(struct formats *formats, struct server *server, const struct event *event,
                     uint64_t place)
{
    if (formats->in_use == 0)
        return;
    for (uint32_t i = FORMATS_JSON + 1; i <= FORMATS_MAX; i++)
        if (formats->items[i].name)
            publish_as(formats, i, server, event, place);
}

// SPDX-License-Identifier: MIT
// What /events and /explain answer: the events of the history in their order, and what has become of one.
#include <string.h>

#include "router_state.h"
#include "rowcast/answer.h"

#define PAGE_MAX (1 << 20) // bytes of an answer, beside its last event
#define STEPS_MAX 20000    // events that it looks at: a millisecond or so
#define TYPE_MAX 256

#define WRONG_PARAMETER                                                                            \
    "400: /events?behind=ID&topic=NAME&type=NAME: all of them may be left out; `behind` is an id\n"

// Which events are asked for.
struct choice {
    struct event_id behind;
    bool is_behind, by_topic, by_type;
    uint32_t topic; // TOPIC_NONE has no events
    uint64_t type;
};

// -1: the query is not understood.
static int read_choice(const struct router *router, struct http_text query, struct choice *choice)
{
    char id[EVENT_ID_TEXT_SIZE], topic[EVENT_MAX_TOPIC_SIZE + 1], type[TYPE_MAX];
    enum http_parameter behind = http_parameter(query, "behind", id, sizeof id);
    enum http_parameter named = http_parameter(query, "topic", topic, sizeof topic);
    enum http_parameter typed = http_parameter(query, "type", type, sizeof type);
    *choice = (struct choice){.is_behind = behind == HTTP_PARAMETER_FOUND,
                              .by_topic = named == HTTP_PARAMETER_FOUND,
                              .by_type = typed == HTTP_PARAMETER_FOUND};
    if (choice->by_topic)
        choice->topic = topics_find(&router->topics, topic, strlen(topic));
    if (choice->by_type)
        choice->type = event_type_hash(type, strlen(type));
    if (choice->is_behind && event_id_parse(id, strlen(id), &choice->behind) != 0)
        return -1;
    return behind == HTTP_PARAMETER_BROKEN || named == HTTP_PARAMETER_BROKEN ||
                   typed == HTTP_PARAMETER_BROKEN
               ? -1
               : 0;
}

static bool is_chosen(const struct choice *choice, const struct event *event)
{
    bool is_of_topic = !choice->by_topic;
    for (uint32_t i = 0; i < event->topic_count; i++)
        is_of_topic |= event->topics[i] == choice->topic;
    return is_of_topic && (!choice->by_type || event->type == choice->type);
}

// A json column goes out as it came, line ends among it: only white space of JSON may be one.
static void append_line(struct buffer *out, const struct frame *frame)
{
    size_t size;
    const unsigned char *payload = frame_payload(frame, &size);
    char *line = buffer_reserve(out, size + 1);
    if (!line)
        return;
    for (size_t i = 0; i < size; i++)
        line[i] = payload[i] == '\n' || payload[i] == '\r' ? ' ' : (char)payload[i];
    line[size] = '\n';
    out->size += size + 1;
}

// Those from the place on. Leaves in `next` what the next question begins behind. True: there are more.
static bool append_events(const struct router *router, const struct choice *choice, uint64_t place,
                          struct buffer *out, struct event_id *next)
{
    for (int steps = 0; steps < STEPS_MAX && out->size < PAGE_MAX; steps++) {
        const struct event *event = history_walk(router->history, &place);
        if (!event) {
            *next = *history_position(router->history);
            return false;
        }
        *next = event->id;
        if (is_chosen(choice, event))
            append_line(out, event->frames[FORMAT_JSON]);
    }
    return true;
}

struct frame *router_answer_events(const struct router *router, const struct http_request *request)
{
    struct choice choice;
    struct event_id next = *history_position(router->history);
    struct buffer events, body;
    char text[EVENT_ID_TEXT_SIZE];
    bool whole = true, more = false;
    if (read_choice(router, request->query, &choice) != 0)
        return answer_text(400, WRONG_PARAMETER);
    buffer_init(&events, SIZE_MAX);
    buffer_init(&body, SIZE_MAX);
    if (choice.is_behind) {
        uint64_t place = history_behind(router->history, &choice.behind, &whole);
        more = append_events(router, &choice, place, &events, &next);
    }
    event_id_text(&next, text);
    buffer_append_format(&body, "{\"behind\":\"%s\",\"whole\":%s,\"more\":%s}\n", text,
                         whole ? "true" : "false", more ? "true" : "false");
    buffer_append(&body, events.bytes, events.size);
    buffer_append_byte(&body, '\0');
    struct frame *frame = answer_text(200, body.bytes);
    buffer_release(&events);
    buffer_release(&body);
    return frame;
}

// ---- one event ----

// Ids of recorded rows have no more than the position.
static void append_transaction(const struct event_id *id, struct buffer *out)
{
    buffer_append_format(out, "transaction  LSN %X/%X", (unsigned)(id->lsn >> 32),
                         (unsigned)id->lsn);
    if (id->timeline > 0)
        buffer_append_format(out, ", xid %u, timeline %u", id->xid, id->timeline);
    buffer_append_byte(out, '\n');
}

static void append_origin(const struct router *router, const struct event *event,
                          struct buffer *out)
{
    const struct event_id *id = &event->id;
    const char *script = router->metrics.scripts.names[event->script];
    buffer_append_format(out, "row          change %u of it (%s), by %s as event %u\n", id->change,
                         change_op_name((enum change_op)event->op), script, id->emit + 1u);
}

static void append_topics(const struct router *router, const struct event *event,
                          struct buffer *out)
{
    buffer_append_text(out, "topics       ");
    for (uint32_t i = 0; i < event->topic_count; i++) {
        buffer_append_text(out, i > 0 ? ", " : "");
        buffer_append(out, topics_name(&router->topics, event->topics[i]),
                      topics_name_size(&router->topics, event->topics[i]));
    }
    buffer_append_byte(out, '\n');
}

// What it met is known of the newest events only: none of a stretch that was refilled was published.
static void append_publication(const struct router *router, uint64_t place, struct buffer *out)
{
    uint32_t met;
    bool known = false;
    buffer_append_text(out, "published    ");
    for (uint32_t i = 0; i < server_workers(router->server); i++) {
        if (!server_met(router->server, i, place, &met))
            continue;
        buffer_append_format(out, "%sto %u subscriptions at worker %u", known ? ", " : "", met, i);
        known = true;
    }
    buffer_append_text(out, known ? "\n"
                                  : "to nobody: none was subscribed, it was read again after a "
                                    "start, or it is too long ago\n");
}

static void append_audience(const struct router *router, const struct event *event, uint64_t place,
                            struct buffer *out)
{
    struct clients_audience audience;
    clients_audience(router->clients, event, place, &audience);
    buffer_append_format(out, "subscribed   now: %u clients, %u of them have it still to come\n",
                         audience.subscribed, audience.behind);
    for (uint32_t i = 0; i < audience.behind && i < CLIENTS_NAMED; i++)
        buffer_append_format(out, "behind       %s\n", audience.named[i]);
}

static void append_known(const struct router *router, const struct event *event, uint64_t place,
                         struct buffer *out)
{
    append_origin(router, event, out);
    append_topics(router, event, out);
    append_publication(router, place, out);
    append_audience(router, event, place, out);
    buffer_append_text(out, "event        ");
    append_line(out, event->frames[FORMAT_JSON]);
}

static const char *why_unknown(const struct router *router, const struct event_id *id)
{
    bool whole;
    history_behind(router->history, id, &whole);
    if (id->epoch != history_position(router->history)->epoch)
        return "it is of another database or publication, or of other recorded rows";
    if (event_id_is_position(id))
        return "that is no event but a position: everything up to that transaction has passed";
    if (event_id_compare(id, history_position(router->history)) > 0)
        return "the stream has not come as far as that";
    return whole
               ? "there is none with this id: no script made one there, or it is of a log that is gone"
               : "it has left the history (ROWCAST_HISTORY, ROWCAST_HISTORY_TIME)";
}

struct frame *router_answer_explain(const struct router *router, const struct http_request *request)
{
    char text[EVENT_ID_TEXT_SIZE];
    struct event_id id;
    uint64_t place;
    struct buffer body;
    if (http_parameter(request->query, "id", text, sizeof text) != HTTP_PARAMETER_FOUND ||
        event_id_parse(text, strlen(text), &id) != 0)
        return answer_text(400, "400: /explain?id=ID: the id of an event, as clients get it\n");
    const struct event *event = history_find(router->history, &id, &place);
    buffer_init(&body, SIZE_MAX);
    append_transaction(&id, &body);
    if (event)
        append_known(router, event, place, &body);
    else
        buffer_append_format(&body, "not here     %s\n", why_unknown(router, &id));
    buffer_append_byte(&body, '\0');
    struct frame *frame = answer_text(event ? 200 : 404, body.bytes);
    buffer_release(&body);
    return frame;
}

// SPDX-License-Identifier: MIT
// The settings, each with its kind, its bounds, its default and its explanation.
#include "rowcast/setting.h"

#include <stdio.h>
#include <string.h>

#include "rowcast/amount.h"
#include "rowcast/settings.h"

#define AT(member) offsetof(struct settings, member)
#define KIB (1LL << 10)
#define MIB (1LL << 20)
#define GIB (1LL << 30)
#define SECOND 1000LL
#define HOUR (3600 * SECOND)

static const struct setting table[] = {
    {"port", "WS_PORT", SETTING_NUMBER, SETTING_LISTENING, .offset = AT(port), .initial = "4001",
     .minimum = 0, .maximum = 65535, .help = "port to listen on; 0 picks a free one",
     .more =
         "WebSocket clients connect here; /health and /ready answer here too. The first line of the log names the port. A "
         "taken port ends the start with exit status 69."},
    {"host", "WS_HOST", SETTING_TEXT_VALUE, SETTING_LISTENING, .offset = AT(host),
     .worked_out = "0.0.0.0 and ::", .example = "127.0.0.1", .help = "address to listen on",
     .more = "Behind a proxy on the same machine, 127.0.0.1 keeps everybody else out."},
    {"admin", "ROWCAST_ADMIN", SETTING_ADDRESS, SETTING_LISTENING, .offset = AT(admin),
     .initial = "127.0.0.1:4002",
     .help =
         "HOST:PORT of /status and /metrics, :PORT on every address, or off; port 0: a free one",
     .more =
         "It has no password: keep it on the loopback, or in a network of your own. A second rowcast on the same machine "
         "needs an address of its own."},
    {"workers", "ROWCAST_WORKERS", SETTING_NUMBER, SETTING_LISTENING, .offset = AT(workers),
     .worked_out = "one a core", .minimum = 1, .maximum = 256, .example = "4",
     .help = "I/O threads",
     .more = "They read and write the clients' sockets; scripts run on a thread of their own."},
    {"paths", NULL, SETTING_LIST, SETTING_LISTENING, .offset = AT(paths), .worked_out = "/ and /ws",
     .help = "WebSocket paths (config.lua)", .more = ""},
    {"protocols", NULL, SETTING_LIST, SETTING_LISTENING, .offset = AT(protocols),
     .help = "WebSocket subprotocols (config.lua)",
     .more = "The first one that the client offers wins."},

    {"database", "DATABASE_URL", SETTING_TEXT_VALUE, SETTING_SOURCE, .offset = AT(database),
     .secret = true, .example = "postgresql://rowcast@localhost/name",
     .help = "PostgreSQL: libpq URI or keywords",
     .more =
         "Such as postgresql://user@host/name. The role needs REPLICATION, and SELECT for snapshots; the server "
         "wal_level = logical. A password is better kept in this file or in ~/.pgpass than in a flag, which every user of "
         "the machine can read."},
    {"slot", "ROWCAST_SLOT", SETTING_TEXT_VALUE, SETTING_SOURCE, .offset = AT(slot),
     .initial = "rowcast", .help = "name of the replication slot",
     .more =
         "Made by 'rowcast db setup', removed by 'rowcast db drop'. Instances of the same slot take turns: one reads, "
         "the others stand by."},
    {"publication", "ROWCAST_PUBLICATION", SETTING_TEXT_VALUE, SETTING_SOURCE,
     .offset = AT(publication), .initial = "rowcast", .help = "name of the publication",
     .more = "The tables whose rows come. Instances that shall give the same ids share it."},
    {"setup", "ROWCAST_SETUP", SETTING_SWITCH, SETTING_SOURCE, .offset = AT(setup),
     .initial = "off", .help = "do 'db setup' before serving",
     .more =
         "Needs a role that owns the tables. Without it the router changes nothing in the database."},
    {"no_retry", "ROWCAST_NO_RETRY", SETTING_SWITCH, SETTING_SOURCE, .offset = AT(no_retry),
     .initial = "off", .help = "end with status 69 when the change stream cannot be had or is lost",
     .more =
         "For a start that shall fail at once, and for supervisors that would rather start anew. Without it the router "
         "stays, unready, and tries again until the stream is there. A slot that another instance reads counts as one "
         "that cannot be had."},
    {"replay_wal", "ROWCAST_REPLAY_WAL", SETTING_SIZE, SETTING_SOURCE, .offset = AT(replay_wal),
     .initial = "256MiB", .minimum = 0, .maximum = 1024 * GIB,
     .help = "WAL kept behind the slot, so that a restart can refill the history",
     .more =
         "At most this much log stays on the database's disk beyond what is needed anyway. With less, clients that come "
         "back after a restart may be told to fetch their state anew."},
    {"slot_limit", "ROWCAST_SLOT_LIMIT", SETTING_SIZE, SETTING_SOURCE, .offset = AT(slot_limit),
     .initial = "4GiB", .minimum = MIB, .maximum = 1024 * GIB,
     .help = "WAL kept for the slot at which the router warns and is degraded",
     .more =
         "Set it to what the database's disk can spare. Nothing is dropped at it; the log says the cause and the remedy."},
    {"recreate_slot", "ROWCAST_RECREATE_SLOT", SETTING_SWITCH, SETTING_SOURCE,
     .offset = AT(recreate_slot), .initial = "off",
     .help = "make a lost slot anew; clients are told stream_reset",
     .more =
         "A new slot begins at the present, which is a gap: without this the router stays unready until somebody decides."},
    {"snapshot_connections", "ROWCAST_SNAPSHOT_CONNECTIONS", SETTING_NUMBER, SETTING_SOURCE,
     .offset = AT(snapshot_connections), .initial = "4", .minimum = 1, .maximum = 100,
     .help = "connections to the database for snapshots, at most",
     .more =
         "They are opened when clients ask for snapshots; more clients at once wait for each other."},
    {"snapshot_timeout", "ROWCAST_SNAPSHOT_TIMEOUT", SETTING_DURATION, SETTING_SOURCE,
     .offset = AT(snapshot_timeout), .initial = "10s", .minimum = 100, .maximum = HOUR,
     .help = "time for the queries of one snapshot",
     .more = "Then the client is told 'unavailable'. A snapshot that takes long wants an index."},

    {"scripts", "ROWCAST_SCRIPTS", SETTING_TEXT_VALUE, SETTING_SCRIPTS, .offset = AT(scripts),
     .worked_out = "./scripts, else the installed ones", .example = "/etc/rowcast/scripts",
     .help = "script folder",
     .more =
         "Its tables/ names the tables, its client.lua what clients may say. Reloaded on SIGHUP."},
    {"shadow", "ROWCAST_SHADOW", SETTING_TEXT_VALUE, SETTING_SCRIPTS, .offset = AT(shadow),
     .example = "/etc/rowcast/candidate",
     .help = "folder of candidate scripts: run beside the live ones, compared, not delivered",
     .more = "For a change that shall be seen at real rows before it goes live."},
    {"source", "ROWCAST_SOURCE", SETTING_TEXT_VALUE, SETTING_SCRIPTS, .offset = AT(source),
     .initial = "postgres", .help = "postgres, a file of recorded rows, or - for standard input",
     .more =
         "Recorded rows need no database: 'rowcast record' writes them, anyone can by hand. At their end the router goes "
         "on serving."},
    {"on_error", "ROWCAST_ON_ERROR", SETTING_CHOICE, SETTING_SCRIPTS, .offset = AT(on_error),
     .initial = "skip", .words = "skip or hold",
     .help = "what becomes of a row whose script fails: skip or hold",
     .more =
         "skip: it is logged, counted, and written to the file of 'failed'; the stream goes on. hold: the stream stands "
         "still, unready, until a reload mends the script; no event is missing, but the database's log grows meanwhile."},
    {"failed", "ROWCAST_FAILED", SETTING_TEXT_VALUE, SETTING_SCRIPTS, .offset = AT(failed),
     .example = "/var/lib/rowcast/failed.jsonl",
     .help = "file for the transactions of rows whose script failed",
     .more =
         "As recorded rows, so that 'rowcast replay' shows what a mended script makes of them. Opened anew on SIGHUP, "
         "for logrotate."},
    {"max_event", "ROWCAST_MAX_EVENT", SETTING_SIZE, SETTING_SCRIPTS, .offset = AT(max_event),
     .initial = "256KiB", .minimum = KIB, .maximum = GIB,
     .help = "largest event; of a larger one its size is told",
     .more = "Clients get {\"too_large\":BYTES} as its data and may fetch the row themselves."},
    {"lua_memory", "ROWCAST_LUA_MEMORY", SETTING_SIZE, SETTING_SCRIPTS, .offset = AT(lua_memory),
     .initial = "16MiB", .minimum = MIB, .maximum = 2 * GIB,
     .help = "memory of the script VM, beside four times max_message",
     .more =
         "A script that needs more is stopped at the row and counted as failed; rowcast_lua_memory_bytes shows what it "
         "takes."},
    {"script_timeout", "ROWCAST_SCRIPT_TIMEOUT", SETTING_DURATION, SETTING_SCRIPTS,
     .offset = AT(script_timeout), .initial = "1s", .minimum = 10, .maximum = HOUR,
     .help = "processor time of one call of a script; half of it is where it is stopped",
     .more =
         "The budget of instructions ends nearly every script long before. One that even goes on behind the other half ends "
         "the router, which then starts again without the row: see skip."},
    {"skip", "ROWCAST_SKIP", SETTING_TEXT_VALUE, SETTING_SCRIPTS, .offset = AT(skip),
     .worked_out = "rowcast.skip, in the folder that systemd gives as STATE_DIRECTORY if it does",
     .example = "/var/lib/rowcast/rowcast.skip",
     .help = "file for the row whose script had to be ended with the router, or off",
     .more =
         "The next start with the same scripts passes that row by, as a failed one. Without the file it would come to it "
         "again and again."},
    {"conflate", NULL, SETTING_LIST, SETTING_SCRIPTS, .offset = AT(conflate),
     .help = "event types of which a slow client gets the newest only (config.lua)", .more = ""},

    {"history", "ROWCAST_HISTORY", SETTING_SIZE, SETTING_HISTORY, .offset = AT(history),
     .initial = "64MiB", .minimum = 64 * KIB, .maximum = 1024 * GIB,
     .help = "bytes of events kept for resuming",
     .more =
         "In memory, and about a third more for what surrounds small events. Clients that were away while more than this "
         "passed must fetch their state anew, as rowcast_resumes_total{result=\"expired\"} counts."},
    {"history_time", "ROWCAST_HISTORY_TIME", SETTING_DURATION, SETTING_HISTORY,
     .offset = AT(history_time), .initial = "10m", .minimum = SECOND, .maximum = 7 * 24 * HOUR,
     .help = "age of events kept for resuming",
     .more =
         "Whichever bound is met first. The slot is held back by the same time, within replay_wal."},

    {"heartbeat", "ROWCAST_HEARTBEAT", SETTING_DURATION, SETTING_CLIENTS, .offset = AT(heartbeat),
     .initial = "30s", .may_be_off = true, .minimum = 100, .maximum = 24 * HOUR,
     .help = "ping interval, or off; two silent ones end a connection",
     .more = "Keep it below the idle time of proxies on the way, which is 60 s with many of them."},
    {"handshake_timeout", "ROWCAST_HANDSHAKE_TIMEOUT", SETTING_DURATION, SETTING_CLIENTS,
     .offset = AT(handshake_timeout), .initial = "10s", .minimum = 100, .maximum = HOUR,
     .help = "time for the HTTP upgrade",
     .more = "Who has not sent the whole request by then is cut."},
    {"max_header", "ROWCAST_MAX_HEADER", SETTING_SIZE, SETTING_CLIENTS, .offset = AT(max_header),
     .initial = "16KiB", .minimum = KIB, .maximum = MIB, .help = "bytes of the HTTP request",
     .more = "Pages with many or large cookies may need more."},
    {"max_message", "ROWCAST_MAX_MESSAGE", SETTING_SIZE, SETTING_CLIENTS, .offset = AT(max_message),
     .initial = "16KiB", .minimum = 128, .maximum = GIB, .help = "largest client message",
     .more = "A larger one ends the connection with 1009."},
    {"max_fragments", "ROWCAST_MAX_FRAGMENTS", SETTING_NUMBER, SETTING_CLIENTS,
     .offset = AT(max_fragments), .initial = "1024", .minimum = 1, .maximum = 16777216,
     .help = "frames of one client message", .more = "More end the connection with 1009."},
    {"max_queue", "ROWCAST_MAX_QUEUE", SETTING_SIZE, SETTING_CLIENTS, .offset = AT(max_queue),
     .initial = "1MiB", .minimum = 4 * KIB, .maximum = GIB, .help = "bytes waiting for one client",
     .more =
         "A client that reads more slowly is served from the history when it catches up, and closed with 4100 when it "
         "falls out of it."},
    {"max_connections", "ROWCAST_MAX_CONNECTIONS", SETTING_NUMBER, SETTING_CLIENTS,
     .offset = AT(max_connections), .worked_out = "from RLIMIT_NOFILE", .minimum = 1,
     .maximum = 10000000, .example = "50000", .help = "clients at once, then 503",
     .more =
         "Each takes a file descriptor, and memory as --print-config estimates. The router raises its own limit of "
         "descriptors as far as it may, and warns where the machine cannot hold what is promised here."},
    {"max_connections_per_address", "ROWCAST_MAX_CONNECTIONS_PER_ADDRESS", SETTING_NUMBER,
     SETTING_CLIENTS, .offset = AT(max_connections_per_address), .initial = "off",
     .may_be_off = true, .minimum = 1, .maximum = 10000000,
     .help = "clients of one address at once, then 429; IPv6 counts by /64",
     .more = "Behind a proxy name it in trusted_proxies first, or all clients have its address."},
    {"max_subscriptions", "ROWCAST_MAX_SUBSCRIPTIONS", SETTING_NUMBER, SETTING_CLIENTS,
     .offset = AT(max_subscriptions), .initial = "1000", .minimum = 1, .maximum = 1000000,
     .help = "topics of one client",
     .more = "One more is answered with the error too_many_subscriptions."},
    {"rate", "ROWCAST_RATE", SETTING_RATE, SETTING_CLIENTS, .offset = AT(rate),
     .initial = "100/s burst 2000", .may_be_off = true,
     .help = "messages of one client, or off; more are read more slowly, in the end it is closed",
     .more = "First it is read more slowly, then told rate_limited, then closed with 4101."},
    {"deflate", "ROWCAST_DEFLATE", SETTING_SWITCH, SETTING_CLIENTS, .offset = AT(deflate),
     .initial = "off", .help = "permessage-deflate for clients that offer it",
     .more = "Each event is compressed once for all its receivers."},
    {"origins", "ROWCAST_ORIGINS", SETTING_ORIGINS, SETTING_CLIENTS, .offset = AT(origins),
     .initial = "any", .help = "comma list of the Origins whose pages may connect",
     .more =
         "Such as https://example.com, without a path. Browsers tell the truth here; other programs need not."},
    {"trusted_proxies", "ROWCAST_TRUSTED_PROXIES", SETTING_NETWORKS, SETTING_CLIENTS,
     .offset = AT(trusted_proxies), .initial = "none",
     .help = "comma list of networks whose X-Forwarded-For is believed",
     .more =
         "Such as 10.0.0.0/8, ::1. The client's address is then the right-most one that is none of theirs."},

    {"drain", "ROWCAST_DRAIN", SETTING_DURATION, SETTING_OPERATING, .offset = AT(drain),
     .initial = "10s", .minimum = 0, .maximum = HOUR,
     .help = "how long SIGTERM spreads its goodbyes",
     .more =
         "So that not all clients come back at the same moment. The service manager must wait longer before it "
         "kills: TimeoutStopSec of systemd, kill_timeout of pm2."},
    {"take_over", "ROWCAST_TAKE_OVER", SETTING_SWITCH, SETTING_OPERATING, .offset = AT(take_over),
     .initial = "off",
     .help = "share the port with the rowcast that has it, until that one is ended",
     .more =
         "For an update without a refused connection: start the next one with it, wait until it stands by, end the "
         "other one."},
    {"log_level", "LOG_LEVEL", SETTING_CHOICE, SETTING_OPERATING, .offset = AT(log_level),
     .initial = "info", .words = "debug, info, warn or error", .help = "debug, info, warn or error",
     .more =
         "The log is standard error: JSON, one line an event; for people on a terminal, unless NODE_ENV is production."},
};

#define COUNT (sizeof table / sizeof *table)
_Static_assert(COUNT <= SETTING_MAX, "SETTING_MAX is to be raised");

size_t setting_count(void)
{
    return COUNT;
}

const struct setting *setting_at(size_t index)
{
    return &table[index];
}

int setting_find(const char *key)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(table[i].key, key) == 0)
            return (int)i;
    return -1;
}

void setting_flag(const struct setting *setting, char flag[SETTING_FLAG])
{
    snprintf(flag, SETTING_FLAG, "--%s", setting->key);
    for (char *at = flag; *at; at++)
        if (*at == '_')
            *at = '-';
}

static void write_amount(const struct setting *setting, int64_t value, char text[AMOUNT_TEXT_SIZE])
{
    if (setting->kind == SETTING_SIZE)
        amount_format_size(value, text);
    else if (setting->kind == SETTING_DURATION)
        amount_format_duration(value, text);
    else
        snprintf(text, AMOUNT_TEXT_SIZE, "%lld", (long long)value);
}

static void write_range(const struct setting *setting, char text[SETTING_TEXT])
{
    char low[AMOUNT_TEXT_SIZE], high[AMOUNT_TEXT_SIZE];
    write_amount(setting, setting->minimum, low);
    write_amount(setting, setting->maximum, high);
    snprintf(text, SETTING_TEXT, "a %s from %s to %s%s",
             setting->kind == SETTING_SIZE       ? "size (B, KiB, MiB, GiB)"
             : setting->kind == SETTING_DURATION ? "duration with its unit (ms, s, m, h)"
                                                 : "whole number",
             low, high, setting->may_be_off ? ", or off" : "");
}

void setting_values(const struct setting *setting, char text[SETTING_TEXT])
{
    static const char *const values[] = {
        [SETTING_ADDRESS] = "HOST:PORT (127.0.0.1:4002, [::1]:4002), :PORT, PORT or off",
        [SETTING_SWITCH] = "on or off",
        [SETTING_RATE] =
            "messages a second, such as 100/s burst 2000 (each at most 1000000), or off",
        [SETTING_ORIGINS] = "any, or at most 64 origins with commas between, such as "
                            "https://example.com (no path)",
        [SETTING_NETWORKS] = "none, or at most 64 networks with commas between, such as 10.0.0.0/8",
        [SETTING_LIST] = NULL,
    };
    bool is_amount = setting->kind == SETTING_NUMBER || setting->kind == SETTING_SIZE ||
                     setting->kind == SETTING_DURATION;
    const char *plain = setting->words ? setting->words : values[setting->kind];
    if (is_amount)
        write_range(setting, text);
    else
        snprintf(text, SETTING_TEXT, "%s", plain ? plain : "");
}

const char *setting_default(const struct setting *setting)
{
    return setting->initial ? setting->initial : setting->worked_out;
}

const char *setting_group_name(enum setting_group group)
{
    static const char *const names[] = {
        [SETTING_LISTENING] = "Listening",          [SETTING_SOURCE] = "The database",
        [SETTING_SCRIPTS] = "Scripts and events",   [SETTING_HISTORY] = "Resuming",
        [SETTING_CLIENTS] = "What a client may do", [SETTING_OPERATING] = "Operating",
    };
    return names[group];
}

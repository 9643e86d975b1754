// SPDX-License-Identifier: MIT
// The bare reader that the router is measured against: a slot's changes through libpq and nothing more.
//
// usage: reader CONNINFO SLOT PUBLICATION COUNT
// Prints for each of COUNT inserts "<first column> <when it was committed> <when its Commit was read>", both in
// microseconds since 1970. Blocking, which is as fast as polling.
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EPOCH_2000 INT64_C(946684800000000)
#define HEADER 25 // of an XLogData message: 'w' and three numbers

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

static PGconn *begin(const char *conninfo, const char *slot, const char *publication)
{
    char command[512];
    PGconn *conn = PQconnectdb(conninfo);
    snprintf(command, sizeof command,
             "START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names '%s')",
             slot, publication);
    PGresult *result = PQexec(conn, command);
    if (PQresultStatus(result) != PGRES_COPY_BOTH) {
        fprintf(stderr, "reader: %s", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(result);
    return conn;
}

// 'I', the relation, 'N', the number of columns, and of the first one 't', its size and its text.
static int read_id(const char *message, char *id, size_t room)
{
    uint32_t size;
    const char *at = message + HEADER + 1 + 4 + 1 + 2;
    memcpy(&size, at + 1, sizeof size);
    size = __builtin_bswap32(size);
    return *at == 't' && size < room ? snprintf(id, room, "%.*s", (int)size, at + 5) : -1;
}

// 'C', flags, two positions, the time.
static int64_t commit_time(const char *message)
{
    uint64_t time;
    memcpy(&time, message + HEADER + 1 + 1 + 8 + 8, sizeof time);
    return (int64_t)__builtin_bswap64(time) + EPOCH_2000;
}

int main(int count, char **words)
{
    char id[32] = "";
    if (count != 5)
        return 2;
    PGconn *conn = begin(words[1], words[2], words[3]);
    for (int left = atoi(words[4]); left > 0;) {
        char *message;
        int size = PQgetCopyData(conn, &message, 0);
        if (size < 0) {
            fprintf(stderr, "reader: %s", PQerrorMessage(conn));
            return 1;
        }
        if (size > HEADER && message[0] == 'w' && message[HEADER] == 'I' &&
            read_id(message, id, sizeof id) < 0)
            return 1;
        if (size > HEADER && message[0] == 'w' && message[HEADER] == 'C' && id[0]) {
            printf("%s %" PRId64 " %" PRId64 "\n", id, commit_time(message), now());
            id[0] = '\0';
            left--;
        }
        PQfreemem(message);
    }
    PQfinish(conn);
    return fflush(stdout) == 0 ? 0 : 1;
}

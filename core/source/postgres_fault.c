// SPDX-License-Identifier: MIT
// Server texts in, sentences out. The texts are those of PostgreSQL 14 to 18; where the server
// speaks another language, the SQLSTATE tells, and else its own words are passed on.
#include "postgres_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- sentences ----

const char POSTGRES_WAL_LEVEL[] =
    "{where} does not log row changes: its wal_level is {said}, not logical. {log_rows}";
const char POSTGRES_STANDBY[] =
    "{where} is a standby, and its stream can only be read from the primary. Name the "
    "primary in DATABASE_URL, or all hosts together with target_session_attrs=read-write.";
const char POSTGRES_NO_PUBLICATION[] =
    "The publication \"{publication}\" does not exist in {where}: it says which tables are "
    "sent. Create it with: rowcast db setup";
const char POSTGRES_NO_SLOT[] =
    "The replication slot \"{slot}\" does not exist in {where}: it is the place in the "
    "stream up to which all was read. Create it with: rowcast db setup";
const char POSTGRES_SLOT_LOST[] =
    "The replication slot \"{slot}\" in {where} is lost: {said}, and the changes since then "
    "are gone. Make a new one with: rowcast db setup --recreate-slot (or let the router do it: "
    "--recreate-slot, ROWCAST_RECREATE_SLOT=on). Clients are then told to fetch their state anew.";
const char POSTGRES_SLOT_DATABASE[] =
    "The replication slot \"{slot}\" belongs to the database \"{said}\", not to {where}. "
    "Choose another name with --slot (ROWCAST_SLOT) and run: rowcast db setup";
const char POSTGRES_SLOT_PHYSICAL[] =
    "The replication slot \"{slot}\" in {where} is a physical one, made for a standby "
    "server. Choose another name with --slot (ROWCAST_SLOT) and run: rowcast db setup";
const char POSTGRES_SLOT_PLUGIN[] =
    "The replication slot \"{slot}\" in {where} was made for the output plugin {said}, not "
    "for pgoutput: another program uses it. Choose another name with --slot (ROWCAST_SLOT) "
    "and run: rowcast db setup";
const char POSTGRES_SLOT_ACTIVE[] =
    "The replication slot \"{slot}\" in {where} is being read by {said}. This instance "
    "stands by and takes over when that one ends.";
const char POSTGRES_SLOT_NAME[] =
    "\"{slot}\" cannot be the name of a replication slot: PostgreSQL allows 1 to 63 "
    "lower-case letters, digits and underscores. Choose another one with --slot "
    "(ROWCAST_SLOT).";
const char POSTGRES_NO_REPLICATION[] =
    "The user \"{user}\" may not read the change stream of {where}. As {admin} run: {replicate}";

static const char UNREACHABLE[] =
    "{where} cannot be reached: {said}. Check that the server runs and that DATABASE_URL "
    "(--database) names its host and port: psql \"$DATABASE_URL\" -c 'SELECT 1'";
static const char POOLER[] =
    "{where} is a connection pooler, which cannot pass on a change stream: {said}. {direct}";
static const char NO_ROUTE[] =
    "{where} has an IPv6 address, to which this machine has no way: {said}. {ipv6}";
static const char BROKEN[] = "The connection to {where} ended: {said}.";
static const char OTHER[] = "{where} answers: {said}.";
static const char SLOT_TAKEN_IN_PASSING[] =
    "The replication slot \"{slot}\" in {where} is being read by another process. This "
    "instance stands by and takes over when that one ends.";
const char POSTGRES_NO_PUBLICATION_THEN[] =
    "The publication \"{publication}\" did not exist yet, or does not any more, where the "
    "slot \"{slot}\" of {where} stands, and changes without it cannot be read. Skip them "
    "with: rowcast db setup. Clients are then told to fetch their state anew.";

static const char SLOT_LOST_THEN[] =
    "The replication slot \"{slot}\" in {where} is lost: {said}. Make a new one with: rowcast db setup "
    "--recreate-slot (or let the router do it: --recreate-slot, ROWCAST_RECREATE_SLOT=on). Clients are "
    "then told to fetch their state anew.";

// The first rule whose texts both occur (NULL: any) gives the sentence.
struct rule {
    const char *state; // SQLSTATE; errors at connect have none
    const char *text;  // in the server's or libpq's message
    const char *sentence;
};

static const struct rule connection_rules[] = {
    {NULL, "no password supplied",
     "{where} wants a password for the user \"{user}\", and none was given. Put it into "
     "DATABASE_URL (postgres://USER:PASSWORD@HOST/DATABASE), into PGPASSWORD or into "
     "~/.pgpass."},
    {NULL, "password authentication failed",
     "{where} refuses the password of the user \"{user}\". Correct it in DATABASE_URL, or set "
     "it anew: ALTER ROLE {role} PASSWORD '...';"},
    {NULL, "authentication failed",
     "{where} does not accept the user \"{user}\": {said}. Use a user that pg_hba.conf "
     "admits, or add a line for this one and run: SELECT pg_reload_conf();"},
    {NULL, "to start walsender", POSTGRES_NO_REPLICATION},
    {NULL, "to start WAL sender", POSTGRES_NO_REPLICATION},
    {NULL, "max_wal_senders",
     "{where} has no connection for replication left: all of its max_wal_senders are in use "
     "(SELECT * FROM pg_stat_replication shows by whom). End one, or as a superuser run: "
     "ALTER SYSTEM SET max_wal_senders = 20; and restart the server."},
    {NULL, "pg_hba.conf",
     "{where} does not admit this connection: {said}. Add a line for it to pg_hba.conf, such "
     "as: host {database} {role} ADDRESS/32 scram-sha-256, and run: SELECT pg_reload_conf();"},
    {NULL, "is not permitted to log in",
     "The user \"{user}\" may not log in to {where}. As a superuser run: ALTER ROLE {role} LOGIN;"},
    {NULL, "too many clients",
     "{where} has no connection left: all of its max_connections are in use. End some, or "
     "raise max_connections."},
    {NULL, "remaining connection slots",
     "{where} has no connection left: all of its max_connections are in use. End some, or "
     "raise max_connections."},
    {NULL, "unsupported startup parameter", POOLER},
    {NULL, "enant or user not found",
     "{where} is a pooler that knows no project by the user \"{user}\": {said}. It could not pass on a "
     "change stream either. {direct}"},
    {NULL, "tenant/user",
     "{where} is a pooler that knows no project by the user \"{user}\": {said}. It could not pass on a "
     "change stream either. {direct}"},
    {NULL, "the database system is", "{where} is not ready: {said}. This ends by itself."},
    {NULL, "SSL was required",
     "{where} does not offer TLS, but sslmode asks for it: {said}. Turn TLS on in the server, "
     "or set sslmode=prefer in DATABASE_URL."},
    {NULL, "does not match host name",
     "{where} cannot be trusted as sslmode=verify-full asks: {said}. Name the host in DATABASE_URL as "
     "the certificate does; where that name leads elsewhere, add hostaddr=ADDRESS."},
    {NULL, "certificate verify failed",
     "{where} cannot be trusted as sslmode asks: no CA in the file of sslrootcert has signed its "
     "certificate, or that has expired ({said}). Name the file of its CA in DATABASE_URL: "
     "sslrootcert=/path/to/ca.pem. {ca}"},
    {NULL, "root certificate file",
     "{where} cannot be trusted as sslmode asks, for want of a CA: {said}. Name its file in DATABASE_URL: "
     "sslrootcert=/path/to/ca.pem. {ca}"},
    {NULL, "could not translate host name",
     "{where} cannot be reached: {said}. Correct the host in DATABASE_URL (--database), or mend the "
     "name service."},
    {NULL, "session is not read-write", POSTGRES_STANDBY},
    {NULL, "permission denied for database",
     "The user \"{user}\" may not connect to {where}. As its owner run: GRANT CONNECT ON "
     "DATABASE {database} TO {role};"},
    {NULL, "database \"",
     "{where} does not exist: {said}. Create it with createdb, or correct its name in "
     "DATABASE_URL; psql -l lists those that exist."},
    {NULL, "role \"",
     "The user \"{user}\" is unknown to {where}: {said}. Create it: CREATE ROLE {role} LOGIN "
     "REPLICATION PASSWORD '...';"},
    {NULL, NULL, UNREACHABLE},
};

static const struct rule result_rules[] = {
    {"55006", NULL, SLOT_TAKEN_IN_PASSING},
    {"42601", "\"IDENTIFY_SYSTEM\"",
     POOLER}, // it kept `replication` to itself: a plain session reads SQL only
    {"42704", "replication slot", POSTGRES_NO_SLOT},
    {"42704", "publication", POSTGRES_NO_PUBLICATION_THEN},
    {"42602", NULL, POSTGRES_SLOT_NAME},
    {"55000", "was not created in this database",
     "The replication slot \"{slot}\" belongs to another database than {where}. Choose "
     "another name with --slot (ROWCAST_SLOT) and run: rowcast db setup"},
    {"55000", "invalidated", SLOT_LOST_THEN},
    {"55000", "can no longer get changes from replication slot", SLOT_LOST_THEN},
    {"55000", "can no longer access replication slot", SLOT_LOST_THEN},
    {"55000", "wal_level", "{where} does not log row changes: {said}. {log_rows}"},
    {"0A000", "in recovery", POSTGRES_STANDBY},
    {"53400", "replication slots are in use",
     "{where} has no replication slot left: {said}. Drop one that is not needed (SELECT * "
     "FROM pg_replication_slots), or as a superuser run: ALTER SYSTEM SET "
     "max_replication_slots = 20; and restart the server."},
    {"42501", "replication", POSTGRES_NO_REPLICATION},
    {"42501", NULL,
     "The user \"{user}\" may not do this in {where}: {said}. Let the owner of the tables do "
     "it: rowcast db setup --dry-run prints the SQL."},
    {"55P03", NULL,
     "A table in {where} stayed locked by another transaction: {said}. Nothing "
     "was changed; SELECT * FROM pg_stat_activity shows who is at work. Then run it again."},
    {"57P01", NULL,
     "{where} ended the connection: {said} (somebody called pg_terminate_backend, the slot's "
     "WAL passed max_slot_wal_keep_size, or the server stops)."},
    {"XX000", "invalid memory alloc request size",
     "{where} cannot send a row: one of its values is larger than 512 MB ({said}). Skip "
     "everything up to now with: SELECT pg_replication_slot_advance('{slot}', "
     "pg_current_wal_lsn()); and leave that column out of the publication. Clients are then "
     "told to fetch their state anew."},
    {NULL, NULL, OTHER},
};

static const struct rule query_rules[] = {
    {"57014", NULL,
     "{where} was asked for a snapshot and stopped it: {said}. Give the columns that the table script's "
     "'snapshot' looks for an index, or raise snapshot_timeout."},
    {"42501", "row-level security",
     "The user \"{user}\" may not read all rows for a snapshot of {where}: {said}. The change stream has "
     "them all; as a superuser run: ALTER ROLE {role} BYPASSRLS;"},
    {"42501", NULL,
     "The user \"{user}\" may not read rows for a snapshot of {where}: {said}. As the table's owner run: "
     "GRANT SELECT ON TABLE the_table TO {role};"},
    {"57P01", NULL, "{where} ended the connection of a snapshot: {said}."},
    {NULL, NULL, "{where} refuses a query that a table script's 'snapshot' makes: {said}."},
};

// ---- filling in ----

#define SENTENCE_MAX sizeof(((struct fault *)NULL)->text)

static const char *known(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static const char *user_of(const struct postgres_place *place)
{
    const char *user = place->conn ? PQuser(place->conn) : conninfo_get(place->info, "user");
    return known(user, known(getenv("PGUSER"), "of this process"));
}

static const char *database_of(const struct postgres_place *place)
{
    const char *name = place->conn ? PQdb(place->conn) : conninfo_get(place->info, "dbname");
    return known(name, known(getenv("PGDATABASE"), user_of(place)));
}

// The first of its hosts while none is chosen.
static const char *host_of(const struct postgres_place *place)
{
    const char *host = place->conn ? PQhost(place->conn) : NULL;
    return known(host, known(conninfo_get(place->info, "host"),
                             known(conninfo_get(place->info, "hostaddr"), "the local socket")));
}

static void append_where(struct buffer *text, const struct postgres_place *place)
{
    const char *host = host_of(place);
    const char *port = place->conn ? PQport(place->conn) : NULL;
    bool bare_ipv6 = strchr(host, ':') != NULL;
    port = known(port, known(conninfo_get(place->info, "port"), "5432"));
    buffer_append_format(text, "%s database \"%s\" on %s%s%s%s%s", text->size == 0 ? "The" : "the",
                         database_of(place), bare_ipv6 ? "[" : "", host, bare_ipv6 ? "]" : "",
                         host[0] == '/' ? " port " : ":", port);
}

// Supabase's pooler is told the project behind the user's name (postgres.PROJECT).
static void append_direct_host(struct buffer *text, const struct postgres_place *place)
{
    const char *host = host_of(place);
    const char *project = strchr(user_of(place), '.');
    if (strncmp(host, "db.", 3) == 0)
        buffer_append_text(text, host);
    else
        buffer_append_format(text, "db.%s.supabase.co", project ? project + 1 : "PROJECT");
}

// "app" as app, "My App" as "My App" in quotes: what can be pasted into SQL.
static void append_identifier(struct buffer *text, const char *name)
{
    bool plain = !(*name >= '0' && *name <= '9') &&
                 strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
    if (plain) {
        buffer_append_text(text, name);
        return;
    }
    buffer_append_byte(text, '"');
    for (; *name; name++) {
        if (*name == '"')
            buffer_append_byte(text, '"');
        buffer_append_byte(text, *name);
    }
    buffer_append_byte(text, '"');
}

static const struct postgres_service *service_of(const struct postgres_place *place)
{
    return place->service ? place->service : postgres_service_of_host(host_of(place));
}

static const char *of_service(const struct postgres_service *service, const char *name, size_t size)
{
    const struct {
        const char *name, *sentence;
    } sentences[] = {{"log_rows", service->log_rows},
                     {"admin", service->admin},
                     {"replicate", service->replicate},
                     {"direct", service->direct},
                     {"ca", service->ca},
                     {"ipv6", service->ipv6}};
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (strlen(sentences[i].name) == size && strncmp(name, sentences[i].name, size) == 0)
            return sentences[i].sentence;
    return NULL;
}

static void append_value(struct buffer *text, const struct postgres_place *place, const char *name,
                         size_t size, const char *said)
{
    const char *sentence = of_service(service_of(place), name, size);
    if (sentence)
        postgres_append_sentence(text, place, sentence, said);
    else if (strncmp(name, "where", size) == 0)
        append_where(text, place);
    else if (strncmp(name, "direct_host", size) == 0)
        append_direct_host(text, place);
    else if (strncmp(name, "user", size) == 0)
        buffer_append_text(text, user_of(place));
    else if (strncmp(name, "role", size) == 0)
        append_identifier(text, user_of(place));
    else if (strncmp(name, "database", size) == 0)
        append_identifier(text, database_of(place));
    else if (strncmp(name, "slot", size) == 0)
        buffer_append_text(text, known(place->slot, ""));
    else if (strncmp(name, "publication", size) == 0)
        buffer_append_text(text, known(place->publication, ""));
    else
        buffer_append_text(text, known(said, "nothing"));
}

void postgres_append_sentence(struct buffer *text, const struct postgres_place *place,
                              const char *sentence, const char *said)
{
    while (*sentence) {
        size_t plain = strcspn(sentence, "{");
        buffer_append(text, sentence, plain);
        sentence += plain;
        if (*sentence == '{') {
            size_t size = strcspn(sentence, "}");
            append_value(text, place, sentence + 1, size - 1, said);
            sentence += size + 1;
        }
    }
}

int postgres_fault(struct fault *fault, const struct postgres_place *place, const char *sentence,
                   const char *said)
{
    struct buffer text;
    buffer_init(&text, SENTENCE_MAX - 1);
    postgres_append_sentence(&text, place, sentence, said);
    fault_set(fault, EXIT_UNAVAILABLE, "%.*s", (int)text.size, text.bytes);
    buffer_release(&text);
    return -1;
}

// ---- errors ----

// The server's words in one line: without "FATAL:", libpq's guesses (indented lines) and a last
// full stop, which the sentence brings itself. Of several attempts the last one counts.
static void tidy(const char *message, char *said, size_t size)
{
    static const char *const marks[] = {"failed: ", "FATAL:  ", "ERROR:  "};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        for (const char *at; (at = strstr(message, marks[i])) != NULL;)
            message = at + strlen(marks[i]);
    const char *guess = strstr(message, "\n\t");
    guess = guess ? guess : strstr(message, "\nEither ");
    const char *end = guess ? guess : message + strlen(message);
    size_t length = 0;
    for (; message < end && length + 1 < size; message++)
        said[length++] = *message == '\n' ? ' ' : *message;
    while (length > 0 && strchr(" .", said[length - 1]))
        length--;
    said[length] = '\0';
}

static int explain(struct fault *fault, const struct postgres_place *place,
                   const struct rule *rules, const char *state, const char *message)
{
    char said[512];
    tidy(message, said, sizeof said);
    const struct rule *rule = rules;
    while ((rule->state && (!state || strcmp(state, rule->state) != 0)) ||
           (rule->text && !strstr(message, rule->text)))
        rule++;
    return postgres_fault(fault, place, rule->sentence, said);
}

// Of a name with addresses of both kinds, the last one tried counts, as its error does.
static bool lacks_ipv6(const struct postgres_place *place)
{
    static const char *const signs[] = {"Network is unreachable", "Cannot assign requested address",
                                        "Address family not supported"};
    const char *address = known(PQhostaddr(place->conn), host_of(place));
    bool found = false;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        found = found || strstr(PQerrorMessage(place->conn), signs[i]);
    return found && strchr(address, ':');
}

int postgres_fault_connection(struct fault *fault, const struct postgres_place *place)
{
    static const struct rule no_route[] = {{NULL, NULL, NO_ROUTE}};
    if (lacks_ipv6(place))
        return explain(fault, place, no_route, NULL, PQerrorMessage(place->conn));
    return explain(fault, place, connection_rules, NULL, PQerrorMessage(place->conn));
}

int postgres_fault_broken(struct fault *fault, const struct postgres_place *place)
{
    static const struct rule rules[] = {{NULL, NULL, BROKEN}};
    return explain(fault, place, rules, NULL, PQerrorMessage(place->conn));
}

int postgres_fault_result(struct fault *fault, const struct postgres_place *place,
                          const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!message) // libpq's own
        return postgres_fault_broken(fault, place);
    char whole[512];
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    snprintf(whole, sizeof whole, "%s%s%s", message, detail ? ": " : "", detail ? detail : "");
    return explain(fault, place, result_rules, PQresultErrorField(result, PG_DIAG_SQLSTATE), whole);
}

int postgres_fault_query(struct fault *fault, const struct postgres_place *place,
                         const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!message || !state)
        return postgres_fault_broken(fault, place);
    explain(fault, place, query_rules, state, message);
    // Wrong syntax, wrong names, wrong data and missing rights stay what they are; all else may pass.
    if (strncmp(state, "42", 2) == 0 || strncmp(state, "22", 2) == 0)
        fault->code = EXIT_CONFIGURATION;
    return -1;
}

bool postgres_is_skip(const PGresult *notice)
{
    const char *state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    return state && strcmp(state, "55000") == 0;
}

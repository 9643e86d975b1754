// SPDX-License-Identifier: MIT
// What is there of what the stream needs. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_INSPECT_H
#define ROWCAST_SOURCE_POSTGRES_INSPECT_H

#include <stdint.h>

#include "postgres_session.h"
#include "rowcast/slot.h"

// A table of the scripts, as the catalog has it. Texts live in `result`.
struct postgres_table_facts {
    const struct postgres_table *asked;
    PGresult *result; // its row; no row: it does not exist
    PGresult *leaves; // what UPDATE and DELETE reach: itself, or its partitions
    char *suggestion; // for one that does not exist; NULL: nothing is near
    bool exists, partitioned;
    bool owned; // by the user, or a role of the user's
    const char *owner, *oid;
    const char *unfit; // why it can never be published; NULL: it can
    bool published;
    bool identified;      // UPDATE and DELETE can name the row everywhere
    const char *identity; // in words
};

struct postgres_facts {
    PGresult *result;
    const char *version, *wal_level, *database, *server_lsn;
    bool standby, may_replicate, may_create;

    bool publication, all_tables, sends_updates, via_root, publication_owned;
    const char *publication_owner;

    bool slot;
    const char *slot_type, *plugin, *slot_database, *pid, *application, *address;
    const char *confirmed, *keep_size;
    const char *invalidation; // why it is lost
    struct slot figures;      // lag_bytes: what its reader has not taken

    struct postgres_table_facts *tables;
    size_t table_count;
};

// Connects and looks. 0, or -1 with a sentence. To be closed after success only.
int postgres_inspect_open(struct postgres_session *session, const struct postgres_config *config,
                          const struct postgres_table *tables, size_t table_count,
                          struct postgres_facts *facts, struct fault *fault);
void postgres_inspect_close(struct postgres_session *session, struct postgres_facts *facts);

// There is a script for it.
bool postgres_is_routed(const struct postgres_facts *facts, const char *schema, const char *table);

// The leaves of a table without a usable replica identity, by index: quoted "schema"."table", or
// NULL.
const char *postgres_leaf_without_identity(const struct postgres_table_facts *table, int leaf);

#endif

// SPDX-License-Identifier: MIT
// From what is there to what is to be done. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_PLAN_H
#define ROWCAST_SOURCE_POSTGRES_PLAN_H

#include "postgres_inspect.h"

#define POSTGRES_STATEMENT_MAX (1u << 20)

// SQL to run, in this order; NULL where nothing is missing.
struct postgres_plan {
    char *identities;  // ALTER TABLE ... REPLICA IDENTITY FULL; several statements
    char *publication; // CREATE PUBLICATION, or ALTER PUBLICATION ... ADD TABLE
    char *root;        // ALTER PUBLICATION ... SET (publish_via_partition_root = true)
    char *drop;        // SELECT pg_drop_replication_slot(...), for one that is lost
    char *slot;        // SELECT pg_create_logical_replication_slot(...)
    char *skip;        // SELECT pg_replication_slot_advance(...), for one that is stuck
    const struct postgres_table_facts *foreign; // a table of these that the user does not own
};

// -1 with a sentence if a slot of that name cannot be ours: it is refused, whatever is to be done with it.
int postgres_check_slot(const struct postgres_session *session, const struct postgres_facts *facts,
                        struct fault *fault);

// -1 with a sentence for every table that cannot be routed as it is.
int postgres_check_tables(const struct postgres_session *session,
                          const struct postgres_facts *facts, bool identity_full,
                          struct fault *fault);

// A slot that is lost is replaced.
void postgres_plan_make(const struct postgres_session *session, const struct postgres_facts *facts,
                        bool stuck, struct postgres_plan *plan);
void postgres_plan_release(struct postgres_plan *plan);

// It would be published without a way to name its rows: the application's UPDATE would fail.
bool postgres_lacks_identity(const struct postgres_facts *facts,
                             const struct postgres_table_facts *table);

// Partitions would come under their own names.
bool postgres_lacks_root(const struct postgres_facts *facts);

#endif

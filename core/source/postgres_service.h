// SPDX-License-Identifier: MIT
// Who runs the server, and how things are done there that a superuser does elsewhere. Pure. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_SERVICE_H
#define ROWCAST_SOURCE_POSTGRES_SERVICE_H

#include <stddef.h>

// Sentences may name what postgres_fault.h lets them name.
struct postgres_service {
    const char *name;      // NULL: the server is nobody's service
    const char *log_rows;  // a sentence: how wal_level becomes logical
    const char *admin;     // who may give the right to replicate
    const char *replicate; // SQL that gives it
    const char *direct;    // a sentence: which address is the server's own, not a pooler's
    const char *ca;        // a sentence: where the CA of its certificates is
    const char *ipv6;      // a sentence: what else than IPv6 there is
};

// By a role that only this service has (NULL: none); by the end of the host's name (NULL: no host). Never NULL.
const struct postgres_service *postgres_service_of_role(const char *role);
const struct postgres_service *postgres_service_of_host(const char *host);

// The roles it is known by, as an SQL list.
#define POSTGRES_SERVICE_ROLES                                                                     \
    "'rds_superuser', 'supabase_admin', 'cloudsqlsuperuser', 'azure_pg_admin', 'neon_superuser'"
// Who has it may replicate without the attribute of that name.
#define POSTGRES_REPLICATION_ROLE "'rds_replication'"

#endif

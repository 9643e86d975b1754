// SPDX-License-Identifier: MIT
// Managed servers: no superuser, settings beside SQL.
#include "postgres_service.h"

#include <string.h>

#define PUBLIC_CA                                                                                  \
    "Certificates of public CAs are verified with sslrootcert=/etc/ssl/certs/ca-certificates.crt."
#define IPV6_ELSEWHERE "Give the machine IPv6, or the database a name that has an IPv4 address."

static const struct postgres_service nobodys = {
    .log_rows =
        "As a superuser run: ALTER SYSTEM SET wal_level = 'logical'; and restart the server.",
    .admin = "a superuser",
    .replicate = "ALTER ROLE {role} REPLICATION;",
    .direct = "Name the PostgreSQL server itself, its own host and port, in DATABASE_URL "
              "(pgbouncer.ini has them under [databases]).",
    .ca = "Whoever set up the server has it. " PUBLIC_CA,
    .ipv6 = IPV6_ELSEWHERE,
};

static const struct postgres_service services[] = {
    {
        .name = "Amazon RDS",
        .log_rows =
            "On Amazon RDS set rds.logical_replication to 1 in the parameter group (of Aurora: "
            "the cluster's) and reboot the instance.",
        .admin = "a member of rds_superuser, such as the master user",
        .replicate = "GRANT rds_replication TO {role};",
        .direct =
            "Name the endpoint of the instance or the cluster in DATABASE_URL, not the one of "
            "an RDS proxy.",
        .ca =
            "The CAs of Amazon RDS: https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
        .ipv6 = IPV6_ELSEWHERE,
    },
    {
        .name = "Supabase",
        .log_rows = "Supabase sets wal_level for each project: restart this one in its dashboard.",
        .admin = "the user postgres",
        .replicate = "ALTER ROLE {role} REPLICATION;",
        .direct =
            "Name the direct connection in DATABASE_URL (the dashboard shows it under Connect): "
            "host {direct_host}, port 5432, user postgres.",
        .ca = "The CA of Supabase is a download in the dashboard's database settings, under SSL "
              "configuration.",
        .ipv6 =
            "Supabase's direct host has an IPv6 address only, and its poolers, which have IPv4, "
            "cannot pass on a change stream. Run rowcast where there is IPv6, or turn on the "
            "project's IPv4 add-on.",
    },
    {
        .name = "Google Cloud SQL",
        .log_rows = "On Cloud SQL set the instance's flag cloudsql.logical_decoding to on, which "
                    "restarts it.",
        .admin = "a member of cloudsqlsuperuser, such as postgres",
        .replicate = "ALTER ROLE {role} REPLICATION;",
        .direct = "Name the instance's own address in DATABASE_URL.",
        .ca = "The server's CA is a download on the instance's page, under Connections.",
        .ipv6 = IPV6_ELSEWHERE,
    },
    {
        .name = "Azure Database for PostgreSQL",
        .log_rows =
            "On Azure set the server parameter wal_level to logical and restart the server.",
        .admin = "the server's administrator",
        .replicate = "ALTER ROLE {role} REPLICATION;",
        .direct = "Name port 5432 in DATABASE_URL: 6432 is the one of its pgbouncer.",
        .ca = PUBLIC_CA,
        .ipv6 = IPV6_ELSEWHERE,
    },
    {
        .name = "Neon",
        .log_rows =
            "On Neon enable logical replication in the project's settings, which restarts its "
            "computes.",
        .admin = "a member of neon_superuser",
        .replicate = "ALTER ROLE {role} REPLICATION;",
        .direct = "Name the host without \"-pooler\" in DATABASE_URL.",
        .ca = PUBLIC_CA,
        .ipv6 = IPV6_ELSEWHERE,
    },
};

enum { RDS, SUPABASE, CLOUD_SQL, AZURE, NEON };

struct sign {
    const char *text;
    int service;
};

static const struct sign roles[] = {
    {"rds_superuser", RDS},    {"supabase_admin", SUPABASE}, {"cloudsqlsuperuser", CLOUD_SQL},
    {"azure_pg_admin", AZURE}, {"neon_superuser", NEON},
};

static const struct sign hosts[] = {
    {".rds.amazonaws.com", RDS},
    {".rds.amazonaws.com.cn", RDS},
    {".supabase.co", SUPABASE},
    {".supabase.com", SUPABASE},
    {".postgres.database.azure.com", AZURE},
    {".neon.tech", NEON},
};

const struct postgres_service *postgres_service_of_role(const char *role)
{
    for (size_t i = 0; role && i < sizeof roles / sizeof *roles; i++)
        if (strcmp(role, roles[i].text) == 0)
            return &services[roles[i].service];
    return &nobodys;
}

static int ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

const struct postgres_service *postgres_service_of_host(const char *host)
{
    for (size_t i = 0; host && i < sizeof hosts / sizeof *hosts; i++)
        if (ends_with(host, hosts[i].text))
            return &services[hosts[i].service];
    return &nobodys;
}

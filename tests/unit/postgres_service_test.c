// SPDX-License-Identifier: MIT
// Tests of core/source/postgres_service.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../../core/source/postgres_service.h"

static void is_known_by_its_role(void **state)
{
    static const char *const known[][3] = {
        {"rds_superuser", "Amazon RDS", "rds.logical_replication"},
        {"supabase_admin", "Supabase", "dashboard"},
        {"cloudsqlsuperuser", "Google Cloud SQL", "cloudsql.logical_decoding"},
        {"azure_pg_admin", "Azure Database for PostgreSQL", "server parameter wal_level"},
        {"neon_superuser", "Neon", "project's settings"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct postgres_service *service = postgres_service_of_role(known[i][0]);
        assert_string_equal(service->name, known[i][1]);
        assert_non_null(strstr(service->log_rows, known[i][2]));
        assert_null(strstr(service->log_rows, "ALTER SYSTEM"));
        assert_non_null(strstr(POSTGRES_SERVICE_ROLES, known[i][0]));
    }
    (void)state;
}

static void is_known_by_the_end_of_its_host(void **state)
{
    static const char *const known[][2] = {
        {"x.abc.eu-west-1.rds.amazonaws.com", "Amazon RDS"},
        {"x.abc.rds.cn-north-1.rds.amazonaws.com.cn", "Amazon RDS"},
        {"db.abcd.supabase.co", "Supabase"},
        {"aws-0-eu-west-1.pooler.supabase.com", "Supabase"},
        {"x.postgres.database.azure.com", "Azure Database for PostgreSQL"},
        {"ep-x-pooler.eu-central-1.aws.neon.tech", "Neon"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_string_equal(postgres_service_of_host(known[i][0])->name, known[i][1]);
    (void)state;
}

static void is_nobodys_otherwise(void **state)
{
    static const char *const others[] = {
        NULL, "", "co", "localhost", "/run/postgresql", "supabase.co.example.org"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(postgres_service_of_host(others[i])->name);
    assert_null(postgres_service_of_role(NULL)->name);
    assert_null(postgres_service_of_role("postgres")->name);
    assert_non_null(strstr(postgres_service_of_role(NULL)->log_rows, "ALTER SYSTEM"));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_known_by_its_role),
        cmocka_unit_test(is_known_by_the_end_of_its_host),
        cmocka_unit_test(is_nobodys_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

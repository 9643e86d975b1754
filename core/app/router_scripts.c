// SPDX-License-Identifier: MIT
// The brain's scripts: loaded, watched, swapped between two transactions, and told of.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "router_state.h"
#include "rowcast/clock.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"

// ---- health ----

static void tell_health(struct router *router)
{
    const struct reloading *scripts = &router->scripts;
    const char *sentence = scripts->failed[0]        ? scripts->failed
                           : scripts->unpublished[0] ? scripts->unpublished
                                                     : "ok";
    router->health.scripts_ok = !scripts->failed[0] && !scripts->unpublished[0];
    snprintf(router->health.scripts, HEALTH_SENTENCE, "%s", sentence);
    if (router->server)
        router_publish_health(router);
}

static void note_result(struct router *router, const char *result, int64_t microseconds)
{
    router->scripts.result = result;
    router->scripts.at = clock_now();
    router->scripts.took = microseconds;
}

// What was asked for has come to its end: nothing of it is loading any more, or waits to be swapped in.
static void settle(struct router *router)
{
    struct reloading *scripts = &router->scripts;
    if (!scripts->asked || scripts->fresh || reload_is_asked(scripts->reload))
        return;
    scripts->asked = false;
    if (scripts->settled)
        scripts->settled(scripts->settled_user);
}

// ---- what is published ----

static bool is_listed(const char *lines, const char *schema, const char *table)
{
    size_t schema_size = strlen(schema), table_size = strlen(table);
    for (const char *line = lines; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t size = strcspn(line, "\n");
        if (size == schema_size + 1 + table_size && memcmp(line, schema, schema_size) == 0 &&
            line[schema_size] == '.' && memcmp(line + schema_size + 1, table, table_size) == 0)
            return true;
    }
    return false;
}

void router_note_published(struct router *router, const char *published)
{
    free(router->scripts.published);
    router->scripts.published = memory_text(published);
}

// A script for a table that is not published gets no row: nothing else would tell. Of several the first one is named.
void router_check_published(struct router *router)
{
    struct reloading *scripts = &router->scripts;
    char before[HEALTH_SENTENCE];
    memcpy(before, scripts->unpublished, sizeof before);
    scripts->unpublished[0] = '\0';
    for (size_t i = 0; scripts->published && i < script_table_count(router->script); i++) {
        const char *schema = script_table_schema(router->script, i);
        const char *table = script_table_name(router->script, i);
        if (scripts->unpublished[0] || is_listed(scripts->published, schema, table))
            continue;
        snprintf(scripts->unpublished, HEALTH_SENTENCE,
                 "the table %s.%s has a script but is not in the publication \"%s\": no row of it "
                 "comes. Add it with: rowcast db setup",
                 schema, table, router->settings->publication);
    }
    if (strcmp(before, scripts->unpublished) != 0 && scripts->unpublished[0])
        log_write(LOG_WARN, "table_not_published", NULL, "%s", scripts->unpublished);
    else if (before[0] && !scripts->unpublished[0])
        log_write(LOG_INFO, "tables_published", NULL,
                  "every table that has a script is in the publication \"%s\" now",
                  router->settings->publication);
    tell_health(router);
}

// ---- swapping ----

// The scripts have been loaded: from now on they are counted, and told of.
static void note_scripts(struct router *router)
{
    router->scripts.loaded = clock_now();
    metrics_know(&router->metrics, CLIENTS_SCRIPT);
    for (size_t i = 0; i < script_table_count(router->script); i++)
        metrics_know(&router->metrics,
                     script_name(router->script, script_table_file(router->script, i)));
}

static bool has_table(const struct script *script, const char *schema, const char *table)
{
    for (size_t i = 0; i < script_table_count(script); i++)
        if (strcmp(script_table_schema(script, i), schema) == 0 &&
            strcmp(script_table_name(script, i), table) == 0)
            return true;
    return false;
}

// Which tables one has and the other has not.
static void tell_tables(const struct script *script, const struct script *other, const char *event,
                        const char *sentence)
{
    for (size_t i = 0; i < script_table_count(script); i++) {
        const char *schema = script_table_schema(script, i), *table = script_table_name(script, i);
        if (!has_table(other, schema, table))
            log_write(LOG_INFO, event,
                      LOG_FIELDS(LOG_TEXT("schema", schema), LOG_TEXT("table", table)), sentence,
                      schema, table);
    }
}

void router_swap_scripts(struct router *router)
{
    struct script *script = router->scripts.fresh, *before = router->script;
    int64_t began = clock_steady();
    if (!script || (router->within && !router->health.held))
        return;
    router->scripts.fresh = NULL;
    router->script = script;
    note_scripts(router);
    clients_set_script(router->clients, script);
    snapshots_set_script(router->snapshots, script);
    delivery_set_script(router->delivery, script);
    overrun_set_script(router->overrun, script);
    tell_tables(script, before, "table_added", "%s.%s has a script now: its rows make events");
    tell_tables(before, script, "table_removed",
                "%s.%s has no script any more: its rows make no events");
    reload_discard(router->loop, before);
    router_check_published(router);
    int64_t paused = router->scripts.taking + clock_steady() - began;
    log_write(LOG_INFO, "reloaded",
              LOG_FIELDS(LOG_NUMBER("tables", (int64_t)script_table_count(script)),
                         LOG_NUMBER("took_us", router->scripts.took),
                         LOG_NUMBER("paused_us", paused / 1000)),
              "the scripts of %s run now", router->settings->scripts);
    if (router->health.held)
        router_try_again(router);
    settle(router);
}

// ---- settings ----

static void tell_setting(void *user, const char *key, const char *origin)
{
    (void)user;
    if (strcmp(key, "log_level") != 0)
        log_write(LOG_WARN, "setting_waits",
                  LOG_FIELDS(LOG_TEXT("setting", key), LOG_TEXT("origin", origin)),
                  "the setting %s is another one now (%s): it takes effect when rowcast is started "
                  "anew",
                  key, origin);
}

static void take_settings(struct router *router)
{
    log_set_level((enum log_level)router->scripts.reread.log_level);
    settings_each_changed(&router->scripts.reread, router->settings, tell_setting, router);
    settings_release(&router->scripts.reread);
}

// ---- the reload's callbacks ----

static int reread_settings(void *user, struct fault *fault)
{
    struct router *router = user;
    settings_release(&router->scripts.reread); // of a try that came to nothing
    return settings_reread(&router->scripts.reread, router->settings, fault);
}

// One that was still waiting has never run.
static void scripts_loaded(void *user, struct script *script, int64_t microseconds)
{
    struct router *router = user;
    int64_t began = clock_steady();
    reload_discard(router->loop, router->scripts.fresh);
    router->scripts.fresh = script;
    router->scripts.failed[0] = '\0';
    router->metrics.reloads++;
    note_result(router, "ok", microseconds);
    take_settings(router);
    tell_health(router);
    router->scripts.taking = clock_steady() - began;
    router_swap_scripts(router);
}

static void scripts_failed(void *user, const struct fault *fault)
{
    static const char go_on[] = "; the scripts loaded before go on";
    struct router *router = user;
    snprintf(router->scripts.failed, HEALTH_SENTENCE, "%.*s%s",
             (int)(HEALTH_SENTENCE - sizeof go_on), fault->text, go_on);
    log_write(LOG_ERROR, "reload_failed", NULL, "%s%s", fault->text, go_on);
    router->metrics.reload_failures++;
    note_result(router, "failed", 0);
    tell_health(router);
    settle(router);
}

static void scripts_mended(void *user)
{
    struct router *router = user;
    router->scripts.failed[0] = '\0';
    note_result(router, "mended", 0);
    log_write(LOG_INFO, "reload_mended", NULL,
              "%s has again what runs already: nothing is loaded anew", router->settings->scripts);
    tell_health(router);
    settle(router);
}

static void scripts_blind(void *user, const char *why)
{
    struct router *router = user;
    snprintf(router->scripts.blind, HEALTH_SENTENCE, "%s", why ? why : "");
    if (why)
        log_write(LOG_WARN, "scripts_not_watched", NULL,
                  "%s. The scripts are looked through every 2 s instead; kill -HUP %d reloads them "
                  "at once",
                  why, (int)getpid());
    else
        log_write(LOG_INFO, "scripts_watched", NULL, "the scripts are watched again");
}

void router_on_settled(struct router *router, void (*settled)(void *user), void *user)
{
    router->scripts.settled = settled;
    router->scripts.settled_user = user;
}

bool router_reload(struct router *router)
{
    if (router->failed)
        failed_reopen(router->failed);
    if (!router->scripts.reload)
        return false;
    router->scripts.asked = true;
    reload_now(router->scripts.reload);
    return true;
}

// ---- life ----

int router_load_scripts(struct router *router, struct fault *fault)
{
    struct script_limits limits = settings_script_limits(router->settings);
    tell_health(router);
    if (script_load(&router->script, router->settings->scripts, &limits, fault) != 0)
        return -1;
    note_scripts(router);
    return 0;
}

void router_watch_scripts(struct router *router)
{
    static const struct reload_callbacks callbacks = {
        .prepare = reread_settings,
        .loaded = scripts_loaded,
        .failed = scripts_failed,
        .mended = scripts_mended,
        .blind = scripts_blind,
    };
    struct reload_config config = {.folder = router->settings->scripts,
                                   .limits = settings_script_limits(router->settings),
                                   .hash = script_hash(router->script)};
    router->scripts.reload = reload_new(router->loop, &config, &callbacks, router);
}

void router_leave_scripts(struct router *router)
{
    reload_close(router->scripts.reload);
    router->scripts.reload = NULL;
}

void router_free_scripts(struct router *router)
{
    settings_release(&router->scripts.reread);
    script_free(router->scripts.fresh);
    script_free(router->script);
    free(router->scripts.published);
}

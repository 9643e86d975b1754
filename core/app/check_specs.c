// SPDX-License-Identifier: MIT
// rowcast check --specs: the specs of a folder, in the core's VM.
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowcast/check.h"
#include "rowcast/memory.h"
#include "rowcast/specs.h"

#define MAX_DEPTH 8
#define SUFFIX "_spec.lua"

struct listing {
    const char *project;
    char **files;
    size_t count;
};

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool is_spec(const char *name)
{
    size_t size = strlen(name), suffix = strlen(SUFFIX);
    return size > suffix && strcmp(name + size - suffix, SUFFIX) == 0;
}

// spec/helper_spec.lua stands beside spec/helper.lua: it is of what specs are made with, not of scripts.
static bool is_of_helper(const struct listing *listing, const char *name)
{
    char *subject =
        memory_format("%s%.*s.lua", listing->project, (int)(strlen(name) - strlen(SUFFIX)), name);
    bool found = access(subject, F_OK) == 0;
    free(subject);
    return found;
}

static void list(struct listing *listing, const char *name, int depth)
{
    struct dirent **entries;
    char *path = memory_format("%s%s", listing->project, name);
    int count = depth > 0 ? scandir(path, &entries, is_visible, alphasort) : -1;
    if (count < 0 && is_spec(name) && !is_of_helper(listing, name)) {
        listing->files =
            memory_resize(listing->files, (listing->count + 1) * sizeof *listing->files);
        listing->files[listing->count++] = memory_text(name);
    }
    for (int i = 0; i < count; i++) {
        char *inner = memory_format("%s/%s", name, entries[i]->d_name);
        list(listing, inner, depth - 1);
        free(inner);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    free(path);
}

static void take_failure(void *user, const char *finding)
{
    findings_add(user, finding);
}

static int run(const struct listing *listing, const struct settings *settings,
               struct findings *findings, size_t *passed, struct fault *fault)
{
    struct specs specs = {.folder = settings->scripts,
                          .project = listing->project,
                          .limits = settings_script_limits(settings),
                          .failed = take_failure,
                          .user = findings};
    int result = specs_run(&specs, (const char *const *)listing->files, listing->count, fault);
    *passed = specs.passed;
    return result;
}

int check_specs(const struct settings *settings, const char *folder, struct findings *findings,
                size_t *passed, struct fault *fault)
{
    char *project = memory_text(folder);
    size_t size = strlen(project);
    while (size > 1 && project[size - 1] == '/')
        project[--size] = '\0';
    char *slash = strrchr(project, '/');
    char *name = memory_text(slash ? slash + 1 : project);
    project[slash ? (size_t)(slash + 1 - project) : 0] = '\0';
    struct listing listing = {.project = project};
    list(&listing, name, MAX_DEPTH);
    int result =
        listing.count > 0
            ? run(&listing, settings, findings, passed, fault)
            : fault_set(fault, EXIT_CONFIGURATION,
                        "There are no specs (*_spec.lua) in %s: rowcast check --specs DIR names "
                        "their folder.",
                        folder);
    for (size_t i = 0; i < listing.count; i++)
        free(listing.files[i]);
    free(listing.files);
    free(name);
    free(project);
    return result;
}

// SPDX-License-Identifier: MIT
// Sees that something changes in a folder of scripts, or on the way there.
#include "rowcast/watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "rowcast/memory.h"

#define MAX_LINKS 40 // on one path, as in the kernel
#define MAX_DEPTH 9  // of folders below the path

// Names that come, go and change hands; the folder itself, too.
#define NAMES                                                                                      \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |         \
     IN_ONLYDIR | IN_MASK_ADD)
#define CONTENTS (NAMES | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB)

struct look {
    struct watch_view *view;
    int descriptor;
    size_t folders;
};

// ---- places ----

static void go_blind(struct watch_view *view, const char *path, const char *why)
{
    if (!view->blind[0])
        snprintf(view->blind, sizeof view->blind, "%.200s: %s", path, why);
}

static void add_place(struct watch_view *view, int number, const char *name)
{
    if (view->count == view->capacity) {
        view->capacity = view->capacity ? 2 * view->capacity : 16;
        view->places = memory_resize(view->places, view->capacity * sizeof *view->places);
    }
    view->places[view->count++] = (struct watch_place){number, memory_text(name)};
}

// What is not there, or no folder, is none of ours: the place above tells when that changes.
static void look_at(struct look *look, const char *folder, const char *name)
{
    int number = inotify_add_watch(look->descriptor, folder, name ? NAMES : CONTENTS);
    if (number >= 0)
        add_place(look->view, number, name);
    else if (errno == ENOSPC)
        go_blind(look->view, folder,
                 "no more folders can be watched, fs.inotify.max_user_watches is used up; more: "
                 "sysctl -w fs.inotify.max_user_watches=524288");
    else if (errno != ENOENT && errno != ENOTDIR)
        go_blind(look->view, folder, strerrordesc_np(errno));
}

// ---- the way ----

struct way {
    char reached[PATH_MAX]; // "" is the root
    char rest[2 * PATH_MAX];
    int links;
};

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// The link that `next` is stands in front of the rest.
static bool follow_link(struct way *way, const char *next)
{
    char target[PATH_MAX], rest[sizeof way->rest];
    ssize_t size = readlink(next, target, sizeof target - 1);
    if (size <= 0 || ++way->links > MAX_LINKS)
        return false;
    target[size] = '\0';
    int needed = snprintf(rest, sizeof rest, "%s/%s", target, way->rest);
    if (needed < 0 || (size_t)needed >= sizeof rest)
        return false;
    memcpy(way->rest, rest, (size_t)needed + 1);
    if (target[0] == '/')
        way->reached[0] = '\0';
    return true;
}

static bool step(struct look *look, struct way *way, const char *name)
{
    char next[PATH_MAX];
    struct stat status;
    if (strcmp(name, "..") == 0) {
        char *last = strrchr(way->reached, '/');
        if (last)
            *last = '\0';
        return true;
    }
    look_at(look, way->reached[0] ? way->reached : "/", name);
    int needed = snprintf(next, sizeof next, "%s/%s", way->reached, name);
    if (needed < 0 || (size_t)needed >= sizeof next || lstat(next, &status) != 0)
        return false;
    if (S_ISLNK(status.st_mode))
        return follow_link(way, next);
    memcpy(way->reached, next, (size_t)needed + 1);
    return true;
}

// Looks at each place where the path, in `way`, is decided. True: it leads somewhere, to `way->reached`.
static bool walk(struct look *look, struct way *way)
{
    while (way->rest[0]) {
        char name[NAME_MAX + 1];
        size_t size = strcspn(way->rest, "/");
        if (size > NAME_MAX)
            return false;
        memcpy(name, way->rest, size);
        name[size] = '\0';
        size_t behind = size + strspn(way->rest + size, "/");
        memmove(way->rest, way->rest + behind, strlen(way->rest + behind) + 1);
        if (size > 0 && strcmp(name, ".") != 0 && !step(look, way, name))
            return false;
    }
    return true;
}

static bool begin_way(struct way *way, const char *path)
{
    way->links = 0;
    way->reached[0] = '\0';
    if (path[0] != '/' && !getcwd(way->reached, sizeof way->reached))
        return false;
    if (strcmp(way->reached, "/") == 0)
        way->reached[0] = '\0';
    return (size_t)snprintf(way->rest, sizeof way->rest, "%s", path) < sizeof way->rest;
}

// ---- what lies there ----

static void look_below(struct look *look, const char *folder, int depth);

static void look_at_link(struct look *look, const char *path, int depth)
{
    struct way *way = memory_new(sizeof *way);
    if (begin_way(way, path) && walk(look, way) && is_folder(way->reached))
        look_below(look, way->reached, depth);
    free(way);
}

static void look_at_entry(struct look *look, const char *folder, const char *name, int depth)
{
    char path[PATH_MAX];
    struct stat status;
    int needed = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (needed < 0 || (size_t)needed >= sizeof path || lstat(path, &status) != 0)
        return;
    if (S_ISLNK(status.st_mode))
        look_at_link(look, path, depth);
    else if (S_ISDIR(status.st_mode))
        look_below(look, path, depth);
}

static void look_below(struct look *look, const char *folder, int depth)
{
    if (depth == 0)
        return;
    if (look->folders++ == WATCH_MAX_FOLDERS) {
        go_blind(look->view, folder, "it is one of more than 1000 folders");
        return;
    }
    look_at(look, folder, NULL); // before it is read: nothing comes between
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        if (entry->d_name[0] != '.' &&
            (entry->d_type == DT_DIR || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN))
            look_at_entry(look, folder, entry->d_name, depth - 1);
    if (entries)
        closedir(entries);
}

// File systems whose other users are on other machines (linux/magic.h and their own headers).
static bool is_remote(const char *path)
{
    static const unsigned kinds[] = {
        0x6969 /* nfs */,      0xff534d42 /* cifs */, 0xfe534d42 /* smb2 */,
        0x517b /* smb */,      0x01021997 /* 9p */,   0x65735546 /* fuse */,
        0x00c36400 /* ceph */, 0x5346414f /* afs */,  0x786f4256 /* vboxsf */};
    struct statfs status;
    bool remote = false;
    if (statfs(path, &status) != 0)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        remote |= (unsigned)status.f_type == kinds[i];
    return remote;
}

static bool open_inotify(struct watch_view *view, int *descriptor, const char *path)
{
    if (*descriptor < 0)
        *descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (*descriptor < 0)
        go_blind(view, path,
                 errno == EMFILE
                     ? "it cannot be watched, fs.inotify.max_user_instances is used up; more: "
                       "sysctl -w fs.inotify.max_user_instances=1024"
                     : strerrordesc_np(errno));
    return *descriptor >= 0;
}

void watch_look(struct watch_view *view, int *descriptor, const char *path,
                const char *const *subfolders)
{
    *view = (struct watch_view){0};
    if (!open_inotify(view, descriptor, path))
        return;
    struct look look = {view, *descriptor, 0};
    struct way *way = memory_new(sizeof *way);
    if (begin_way(way, path) && walk(&look, way) && is_folder(way->reached)) {
        const char *root = way->reached[0] ? way->reached : "/";
        look_at(&look, root, NULL);
        for (; *subfolders; subfolders++)
            look_at_entry(&look, root, *subfolders, MAX_DEPTH);
        if (is_remote(root))
            go_blind(view, root,
                     "it is on a file system that does not tell what other machines change");
    }
    free(way);
}

// ---- leaving ----

static bool looks_at(const struct watch_view *view, int number)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->places[i].number == number)
            return true;
    return false;
}

void watch_leave(int descriptor, const struct watch_view *older, const struct watch_view *view)
{
    for (size_t i = 0; i < older->count; i++)
        if (!looks_at(view, older->places[i].number))
            inotify_rm_watch(descriptor, older->places[i].number);
}

void watch_view_release(struct watch_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        free(view->places[i].name);
    free(view->places);
    *view = (struct watch_view){0};
}

// ---- events ----

// A script, a folder, or a name without an ending, which may be a link to a folder. What editors leave beside the
// files is neither.
static bool is_of_interest(const struct inotify_event *event)
{
    size_t size = strlen(event->name);
    if (event->name[0] == '.')
        return false;
    return (size > 4 && strcmp(event->name + size - 4, ".lua") == 0) || event->mask & IN_ISDIR ||
           !strchr(event->name, '.');
}

// A number that is not in the view is one that was added since: its view is still being built.
static bool counts(const struct watch_view *view, const struct inotify_event *event)
{
    bool known = false;
    if (event->mask & IN_IGNORED)
        return false;
    if (event->len == 0 || event->wd < 0)
        return true; // the folder itself, or events were lost
    for (size_t i = 0; i < view->count; i++) {
        const struct watch_place *place = &view->places[i];
        if (place->number != event->wd)
            continue;
        known = true;
        if (place->name ? strcmp(place->name, event->name) == 0 : is_of_interest(event))
            return true;
    }
    return !known && is_of_interest(event);
}

bool watch_read(int descriptor, const struct watch_view *view)
{
    char bytes[16 << 10] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool any = false;
    for (ssize_t size; (size = read(descriptor, bytes, sizeof bytes)) > 0;)
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            any |= counts(view, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    return any;
}

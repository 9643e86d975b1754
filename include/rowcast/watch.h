// SPDX-License-Identifier: MIT
// Sees that something changes in a folder of scripts: in the folder, in some of its subfolders and all below those,
// and on the way there: each folder that a component of the path is looked up in is watched for that one name, so
// that a link that is put somewhere else is seen, and a folder that goes and comes back.
//
// Two halves. The view, what is looked at, is built with blocking calls, on any thread; the events are read without
// waiting, on the thread that owns the watch. Through inotify(7): of network file systems it sees only what this
// machine does.
#ifndef ROWCAST_WATCH_H
#define ROWCAST_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#define WATCH_MAX_FOLDERS 1000

struct watch_place {
    int number; // inotify's
    char *name; // the one name that counts there; NULL: every script and folder does
};

struct watch_view {
    struct watch_place *places;
    size_t count, capacity;
    char blind[512]; // why changes may go unseen, and the command against it; "": they do not
};

// Begins to look at `path` and those of its `subfolders` (NULL at the end) that are there. `descriptor` is that of
// inotify, or -1 to open it: it stays what it was if that fails. What changes from now on is seen.
void watch_look(struct watch_view *view, int *descriptor, const char *path,
                const char *const *subfolders);

// What only the older view looked at is looked at no more.
void watch_leave(int descriptor, const struct watch_view *older, const struct watch_view *view);
void watch_view_release(struct watch_view *view);

// Reads what has happened. True: some of it counts, and the path should be looked at anew.
bool watch_read(int descriptor, const struct watch_view *view);

#endif

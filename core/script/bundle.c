// SPDX-License-Identifier: MIT
// The texts of a script folder, read in one go.
#include "rowcast/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowcast/memory.h"

#define HASH_OF_NOTHING 0xcbf29ce484222325 // FNV-1a

const char *const bundle_folders[] = {"tables", "lib", NULL};

// ---- files ----

static const char *read_bytes(int descriptor, struct bundle_file *file)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return strerrordesc_np(errno);
    if (!S_ISREG(status.st_mode) || status.st_size > BUNDLE_MAX_FILE)
        return "not a regular file of up to 1 MiB";
    file->bytes = memory_new((size_t)status.st_size + 1);
    while (file->size < (size_t)status.st_size) {
        ssize_t size =
            read(descriptor, file->bytes + file->size, (size_t)status.st_size - file->size);
        if (size < 0 && errno != EINTR)
            return strerrordesc_np(errno);
        if (size == 0)
            break;
        file->size += size > 0 ? (size_t)size : 0;
    }
    return NULL;
}

// A link as the file itself is not followed; nothing that is no file can hold us up.
static void read_file(struct bundle_file *file, int folder, const char *name)
{
    int descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor >= 0)
        file->why = read_bytes(descriptor, file);
    else
        file->why = errno == ELOOP ? "not a regular file of up to 1 MiB" : strerrordesc_np(errno);
    if (descriptor >= 0)
        close(descriptor);
    if (!file->why)
        return;
    free(file->bytes);
    file->bytes = NULL;
    file->size = 0;
}

static int add_file(struct bundle *bundle, int folder, const char *prefix, const char *name,
                    struct fault *fault)
{
    if (bundle->count == BUNDLE_MAX_FILES || bundle->bytes > BUNDLE_MAX_BYTES)
        return fault_set(fault, EXIT_CONFIGURATION,
                         "%s: it holds more than %d scripts or %d MiB of them; is it the script "
                         "folder? --scripts DIR names another.",
                         bundle->folder, BUNDLE_MAX_FILES, BUNDLE_MAX_BYTES >> 20);
    if ((bundle->count & (bundle->count - 1)) == 0)
        bundle->files = memory_resize(bundle->files, (bundle->count ? 2 * bundle->count : 1) *
                                                         sizeof *bundle->files);
    struct bundle_file *file = &bundle->files[bundle->count++];
    *file = (struct bundle_file){.name = memory_format("%s%s", prefix, name)};
    read_file(file, folder, name);
    bundle->bytes += file->size;
    return 0;
}

// ---- folders ----

static bool is_script(const char *name)
{
    size_t size = strlen(name);
    return size > 4 && strcmp(name + size - 4, ".lua") == 0;
}

// A link could lead out of the script folder.
static bool is_folder(int folder, const char *name)
{
    struct stat status;
    return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

static int read_folder(struct bundle *bundle, int folder, const char *prefix, int depth,
                       struct fault *fault);

// `depth`: so many folders below it count.
static int enter(struct bundle *bundle, int above, const char *prefix, const char *name, int depth,
                 struct fault *fault)
{
    int folder = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno == ENOENT ? 0
                               : fault_set(fault, EXIT_CONFIGURATION, "%s/%s%s: cannot be read: %s",
                                           bundle->folder, prefix, name, strerrordesc_np(errno));
    char *below = memory_format("%s%s/", prefix, name);
    int result = read_folder(bundle, folder, below, depth, fault);
    free(below);
    return result;
}

static int take_entry(struct bundle *bundle, int folder, const char *prefix, const char *name,
                      int depth, struct fault *fault)
{
    if (name[0] == '.')
        return 0;
    if (is_script(name))
        return add_file(bundle, folder, prefix, name, fault);
    if (depth > 0 && is_folder(folder, name))
        return enter(bundle, folder, prefix, name, depth - 1, fault);
    return 0;
}

// Closes `folder`.
static int read_folder(struct bundle *bundle, int folder, const char *prefix, int depth,
                       struct fault *fault)
{
    int result = 0;
    DIR *entries = fdopendir(folder);
    if (!entries) {
        close(folder);
        return fault_set(fault, EXIT_CONFIGURATION, "%s/%s: cannot be read: %s", bundle->folder,
                         prefix, strerrordesc_np(errno));
    }
    for (struct dirent *entry; result == 0 && (entry = readdir(entries));)
        result = take_entry(bundle, folder, prefix, entry->d_name, depth, fault);
    closedir(entries);
    return result;
}

// ---- the whole ----

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct bundle_file *)left)->name,
                  ((const struct bundle_file *)right)->name);
}

static void add_to_hash(uint64_t *hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
}

static void finish(struct bundle *bundle)
{
    if (bundle->count > 0)
        qsort(bundle->files, bundle->count, sizeof *bundle->files, by_name);
    bundle->hash = HASH_OF_NOTHING;
    for (size_t i = 0; i < bundle->count; i++) {
        const struct bundle_file *file = &bundle->files[i];
        add_to_hash(&bundle->hash, file->name, strlen(file->name) + 1);
        add_to_hash(&bundle->hash, &file->size, sizeof file->size);
        if (file->why)
            add_to_hash(&bundle->hash, file->why, strlen(file->why));
        else
            add_to_hash(&bundle->hash, file->bytes, file->size);
    }
}

static int refuse_folder(const char *folder, struct fault *fault)
{
    return fault_set(
        fault, EXIT_CONFIGURATION,
        "The script folder '%s' cannot be read: %s; --scripts DIR (or ROWCAST_SCRIPTS) names it.",
        folder,
        errno == ENOTDIR  ? "it is not a folder"
        : errno == ENOENT ? "it does not exist"
                          : strerrordesc_np(errno));
}

int bundle_read(struct bundle **result, const char *folder, struct fault *fault)
{
    int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return refuse_folder(folder, fault);
    int again = dup(root); // the folder that was opened, wherever its name leads meanwhile
    struct bundle *bundle = memory_new(sizeof *bundle);
    bundle->folder = memory_text(folder);
    int read = read_folder(bundle, root, "", 0, fault);
    for (const char *const *name = bundle_folders; read == 0 && *name; name++)
        read = enter(bundle, again, "", *name, strcmp(*name, "lib") == 0 ? BUNDLE_MAX_DEPTH : 0,
                     fault);
    if (again >= 0)
        close(again);
    if (read != 0) {
        bundle_free(bundle);
        return -1;
    }
    finish(bundle);
    *result = bundle;
    return 0;
}

void bundle_free(struct bundle *bundle)
{
    if (!bundle)
        return;
    for (size_t i = 0; i < bundle->count; i++) {
        free(bundle->files[i].name);
        free(bundle->files[i].bytes);
    }
    free(bundle->files);
    free(bundle->folder);
    free(bundle);
}

const struct bundle_file *bundle_find(const struct bundle *bundle, const char *name)
{
    struct bundle_file key = {.name = (char *)name};
    return bundle->count == 0 ? NULL
                              : bsearch(&key, bundle->files, bundle->count, sizeof key, by_name);
}

// ---- lines ----

static bool is_word(char byte)
{
    return byte == '_' || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

// Whether `key =` stands at `at`. A file's bytes end with a zero.
static bool is_given(const char *line, const char *at, const char *key)
{
    const char *rest = at + strlen(key);
    if ((at > line && is_word(at[-1])) || is_word(*rest))
        return false;
    rest += strspn(rest, " \t]\"'");
    return rest[0] == '=' && rest[1] != '=';
}

static bool gives(const char *line, size_t size, const char *key)
{
    const char *comment = memmem(line, size, "--", 2), *end = comment ? comment : line + size;
    const char *at = line;
    while ((at = memmem(at, (size_t)(end - at), key, strlen(key)))) {
        if (is_given(line, at, key))
            return true;
        at++;
    }
    return false;
}

int bundle_line(const struct bundle *bundle, const char *name, const char *key)
{
    const struct bundle_file *file = bundle_find(bundle, name);
    if (!file || file->why || !*key)
        return 1;
    const char *end = file->bytes + file->size;
    int number = 1;
    for (const char *line = file->bytes; line < end; number++) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((next ? next : end) - line);
        if (gives(line, size, key))
            return number;
        line += size + 1;
    }
    return 1;
}

// SPDX-License-Identifier: MIT
// What the kernel says of this process.
#include "rowcast/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define STAT_FIELDS 24 // behind the name, which may have blanks in it

// The fields of /proc/self/stat (proc(5)) from the third one on.
static int read_stat(unsigned long long fields[STAT_FIELDS])
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return -1;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    char *at = strrchr(text, ')'), *rest = NULL;
    int count = 0;
    for (char *word = at ? strtok_r(at + 1, " ", &rest) : NULL; word && count < STAT_FIELDS;
         word = strtok_r(NULL, " ", &rest))
        if (sscanf(word, "%llu", &fields[count++]) != 1)
            fields[count - 1] = 0;
    return count == STAT_FIELDS ? 0 : -1;
}

static double boot_time(void)
{
    char line[256];
    double seconds = 0;
    FILE *file = fopen("/proc/stat", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "btime %lf", &seconds) == 1)
            break;
    if (file)
        fclose(file);
    return seconds;
}

void process_measure(struct process_figures *figures)
{
    unsigned long long fields[STAT_FIELDS] = {0};
    struct rusage usage;
    struct rlimit limit = {0};
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &limit);
    figures->cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    figures->max_descriptors = limit.rlim_cur;
    if (read_stat(fields) != 0)
        return;
    figures->threads = (int)fields[17];
    // /proc/stat grows with the machine; this process began once.
    if (figures->started == 0)
        figures->started = boot_time() + (double)fields[19] / (double)sysconf(_SC_CLK_TCK);
    figures->virtual_size = fields[20];
    figures->resident = fields[21] * (unsigned long long)sysconf(_SC_PAGESIZE);
}

int64_t process_count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int64_t count = -1; // the folder's own
    if (!folder)
        return -1;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

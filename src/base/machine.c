/* See machine.h. */
#include "base/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include "base/file.h"
#include "base/str.h"

enum { MAX_TEXT = 64 << 10 };

/* The number behind `label` in a file of the kernel; 0: there is none ("max" is none, too). */
static uint64_t number_in(const char *path, const char *label)
{
    uint64_t value = 0;
    fc_buf text;
    char digits[24] = "";
    fc_buf_init(&text, MAX_TEXT);
    if (fc_path_exists(path) && fc_file_read(path, &text, NULL) == FC_OK) {
        const char *at = strstr(fc_buf_cstr(&text), label);
        if (at) {
            at += strlen(label);
            at += strspn(at, " \t");
            snprintf(digits, sizeof digits, "%.*s", (int)strspn(at, "0123456789"), at);
        }
    }
    fc_buf_fini(&text);
    return fc_parse_u64(digits, &value) ? value : 0;
}

void fc_machine_memory_read(fc_machine_memory *out)
{
    out->total = number_in("/proc/meminfo", "MemTotal:") * 1024;
    out->available = number_in("/proc/meminfo", "MemAvailable:") * 1024;
    uint64_t limit = number_in("/sys/fs/cgroup/memory.max", "");
    uint64_t used = number_in("/sys/fs/cgroup/memory.current", "");
    uint64_t pages = number_in("/sys/fs/cgroup/memory.stat", "\ninactive_file "); /* can be dropped */
    if (!limit) return;
    uint64_t fixed = used > pages ? used - pages : 0, room = limit > fixed ? limit - fixed : 0;
    if (!out->total || limit < out->total) out->total = limit;
    if (!out->available || room < out->available) out->available = room;
}

uint64_t fc_machine_disk_free(const char *path)
{
    char folder[4096];
    struct statvfs fs;
    snprintf(folder, sizeof folder, "%s", *path ? path : ".");
    while (statvfs(folder, &fs) != 0) {
        char *slash = strrchr(folder, '/');
        if (!slash && strcmp(folder, ".") == 0) return 0;
        if (!slash)
            snprintf(folder, sizeof folder, ".");
        else if (slash == folder && slash[1])
            slash[1] = '\0';
        else if (slash == folder)
            return 0;
        else
            *slash = '\0';
    }
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

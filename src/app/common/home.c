/* See home.h. */
#include "app/common/home.h"

#include <stdlib.h>
#include <string.h>
#include "base/str.h"

const char *fc_home_dir(const char *chosen)
{
    if (chosen && *chosen) return chosen;
    const char *from_environment = getenv("FOOOCUS_HOME");
    return from_environment && *from_environment ? from_environment : ".";
}

bool fc_name_is_plain(const char *name)
{
    if (*name == '/' || *name == '\\' || (*name && name[1] == ':')) return false;
    for (const char *part = name; part; part = strpbrk(part, "/\\")) {
        if (*part == '/' || *part == '\\') part++;
        if (fc_str_starts(part, "..") && strchr("/\\", part[2])) return false; /* strchr finds the end, too */
    }
    return true;
}

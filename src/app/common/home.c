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
    if (*name == '/' || strchr(name, '\\')) return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        if (*part == '/') part++;
        if (fc_str_starts(part, "..") && (part[2] == '/' || part[2] == '\0')) return false;
    }
    return true;
}

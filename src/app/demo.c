/* See demo.h. */
#include "app/demo.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"

/* `place` is relative to the folder of the running program. */
static bool beside_program(const char *place, char *path, size_t size)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) return false;
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    return fc_path_join(path, size, exe, place) == FC_OK && fc_path_is_dir(path);
}

bool fc_demo_dir(char *path, size_t size)
{
    const char *wish = getenv("FOOOCUS_DEMO");
    if (wish && strcmp(wish, "none") == 0) return false;
    if (wish && *wish) return fc_path_join(path, size, wish, "") == FC_OK && fc_path_is_dir(path);
    return beside_program("../share/fooocus/demo", path, size) ||
           beside_program("../../data/demo", path, size);
}

/* See demo.h. */
#include "app/common/demo.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"

/* `place` is relative to the folder of `file`. */
static bool beside(const char *file, const char *place, char *path, size_t size)
{
    char folder[PATH_MAX];
    size_t n = (size_t)(fc_path_basename(file) - file);
    if (n >= sizeof folder) return false;
    memcpy(folder, file, n);
    folder[n] = '\0';
    return fc_path_join(path, size, folder, place) == FC_OK && fc_path_is_dir(path);
}

/* A folder that comes with the program: installed, or of the source tree that it was built in. */
static bool beside_program(const char *name, char *path, size_t size)
{
    char exe[PATH_MAX], installed[64], source[64];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) return false;
    exe[n] = '\0';
    snprintf(installed, sizeof installed, "../share/fooocus/%s", name);
    snprintf(source, sizeof source, "../../data/%s", name);
    return beside(exe, installed, path, size) || beside(exe, source, path, size);
}

/* A program of somebody else that uses libfooocus.so: that is in lib/ or in a folder of lib/. */
static bool beside_library(const char *name, char *path, size_t size)
{
    static const char of_this_file = 0;
    char place[64];
    Dl_info info;
    if (!dladdr(&of_this_file, &info) || !info.dli_fname || *info.dli_fname != '/') return false;
    snprintf(place, sizeof place, "../../share/fooocus/%s", name);
    return beside(info.dli_fname, place + 3, path, size) || beside(info.dli_fname, place, path, size);
}

bool fc_demo_dir(char *path, size_t size)
{
    const char *chosen = getenv("FOOOCUS_DEMO");
    if (chosen && strcmp(chosen, "none") == 0) return false;
    if (chosen && *chosen) return fc_path_join(path, size, chosen, "") == FC_OK && fc_path_is_dir(path);
    return beside_program("demo", path, size) || beside_library("demo", path, size);
}

bool fc_box_dir(char *path, size_t size)
{
    const char *chosen = getenv("FOOOCUS_BOX");
    if (chosen && strcmp(chosen, "none") == 0) return false;
    if (chosen && *chosen) return fc_path_join(path, size, chosen, "") == FC_OK && fc_path_is_dir(path);
    return beside_program("box", path, size) || beside_library("box", path, size);
}

/* See file_name.h. */
#include "app/common/file_name.h"

#include <stdbool.h>
#include <string.h>
#include "base/file.h"

static char folded(char c, bool nocase)
{
    if (c == '\\') return '/';
    return nocase && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool equal(const char *file, size_t size, const char *name, bool nocase)
{
    if (strlen(name) != size) return false;
    for (size_t i = 0; i < size; i++)
        if (folded(file[i], nocase) != folded(name[i], nocase)) return false;
    return true;
}

/* Length of file without the ending that its last part has. */
static size_t bare_size(const char *file)
{
    size_t n;
    const char *stem = fc_path_stem(file, &n);
    return (size_t)(stem - file) + n;
}

/* The last parts of a path, as many bytes as name has. */
static bool is_tail(const char *file, size_t size, const char *name, bool nocase)
{
    size_t n = strlen(name);
    return n > 0 && n < size && file[size - n - 1] == '/' && equal(file + size - n, n, name, nocase);
}

enum { RANKS = 5 };

static bool answers(const char *file, const char *name, int rank, bool nocase)
{
    const char *last = fc_path_basename(file);
    size_t size = strlen(file), bare = bare_size(file);
    switch (rank) {
    case 0:
        return equal(file, size, name, nocase);
    case 1:
        return equal(last, strlen(last), name, nocase);
    case 2:
        return equal(file, bare, name, nocase) || equal(last, bare - (size_t)(last - file), name, nocase);
    case 3:
        return is_tail(file, size, name, nocase);
    default:
        return is_tail(file, bare, name, nocase);
    }
}

size_t fc_file_name_find(const char *const *files, size_t count, const char *name)
{
    for (int nocase = 0; nocase < 2 && *name; nocase++)
        for (int rank = 0; rank < RANKS; rank++)
            for (size_t i = 0; i < count; i++)
                if (answers(files[i], name, rank, nocase)) return i;
    return count;
}

/* Finding files of a kind below a folder, in an order that does not depend on the file system. */
#ifndef FC_APP_COMMON_WALK_H
#define FC_APP_COMMON_WALK_H

#include "app/common/lines.h"

#ifdef FC_HARD
enum { FC_WALK_MAX_DEPTH = 3, FC_WALK_MAX_FILES = 40 };
#else
enum { FC_WALK_MAX_DEPTH = 16, FC_WALK_MAX_FILES = 100000 };
#endif

/* Adds the relative paths ('/' between) of all files below folder whose name ends in one of `endings` (with
 * the dot, any case; the list ends with NULL): the files of sub-folders before those of their folder, folders
 * and files each sorted by name without regard to case. Names that start with a dot are left out; links are
 * followed, circles are not. A folder that does not exist holds nothing. Names that are not UTF-8 or have
 * control characters are left out. */
fc_status fc_walk(const char *folder, const char *const *endings, fc_lines *out, fc_err *err) FC_MUST_USE;

#endif

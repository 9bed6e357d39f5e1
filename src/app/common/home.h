/* The home folder, and which names from outside may be looked up below it. */
#ifndef FC_APP_COMMON_HOME_H
#define FC_APP_COMMON_HOME_H

#include <stdbool.h>

/* The home folder: `chosen` unless it is empty or NULL, else FOOOCUS_HOME, else ".". */
const char *fc_home_dir(const char *chosen);
/* Whether a name from outside stays below the folder it is looked up in: not absolute on any system, no "..";
 * '\\' parts names as '/' does. */
bool fc_name_is_plain(const char *name);

#endif

/* Data-driven tests of src/app: cases from tests/data/app, small files on disk, warnings caught. */
#ifndef FC_TESTS_APP_CASES_H
#define FC_TESTS_APP_CASES_H

#include "app/common/warn.h"
#include "app/settings/config.h"
#include "base/arena.h"
#include "support/support.h"

/* tests/data/app/NAME.json; fails the running test when it cannot be read. The caller owns the reference. */
json_t *app_cases(const char *name);
/* The text under key; fails the test when there is none. */
const char *app_text(const json_t *object, const char *key);
/* Writes a file into the test's temporary folder, with the folders on the way to it. -> its path */
const char *app_write(const char *relative, const char *content);

/* A home of its own for each test: a setup function, the folder it made, and a file in it. */
int app_home_new(void **state);
const char *app_home(void);
void app_home_write(const char *name, const char *content);

/* The configuration of a home folder as it is now; lives until the next call. */
const fc_config *app_config(const char *folder);

/* Collects warnings; one per line. */
typedef struct app_warnings {
    char text[8192];
    int count;
} app_warnings;
fc_warn app_warn(app_warnings *w); /* empties *w */

#endif

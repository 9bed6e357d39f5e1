/* What `fooocus models`, `setup` and `config` share: their few flags, yes/no questions, the bar of a
 * download. */
#ifndef FC_CLI_MODELS_ARGS_H
#define FC_CLI_MODELS_ARGS_H

#include "app/fetch.h"
#include "app/modelstore.h"
#include "cli/tty.h"

enum { MODELS_MAX_NAMES = 256 };

typedef struct models_args {
    const char *home, *preset; /* NULL: not given */
    fc_fetch_options fetch;
    bool all, json, yes, quiet, help;
    const char *names[MODELS_MAX_NAMES]; /* what is no flag */
    int name_count;
} models_args;

/* allowed: the flags of this command, "home preset all json yes offline hf-mirror". */
fc_status models_args_parse(models_args *a, const char *allowed, int argc, char **argv,
                            fc_err *err) FC_MUST_USE;

/* Asks on the terminal; yes without asking when a->yes, no when nobody can be asked. */
bool models_ask(const models_args *a, const char *question);
/* Warnings of settings and catalogue to stderr. */
fc_warn models_warn(void);
/* "6.94 GB" */
void models_size(uint64_t bytes, char out[32]);
/* Fetches one model with a bar on stderr; ctrl-C stops and keeps what has arrived. */
fc_status models_fetch(const models_args *a, const fc_catalog_model *model, char *path, size_t size,
                       fc_err *err) FC_MUST_USE;
/* Fetches what a request made with --preset still lacks. */
fc_status models_fetch_for(const fc_request *request, const fc_config *config, bool quiet,
                           fc_err *err) FC_MUST_USE;
/* Set by ctrl-C. */
const atomic_int *models_cancel(void);

#endif

/* What `fooocus models`, `setup`, `config` and `doctor` share: their few flags, yes/no questions, the bar of
 * a download. */
#ifndef FC_CLI_MODELS_ARGS_H
#define FC_CLI_MODELS_ARGS_H

#include "app/models/fetch.h"
#include "app/models/store.h"
#include "cli/args.h"
#include "cli/tty.h"

enum { MODELS_MAX_NAMES = 256 };

typedef struct models_args {
    const char *command;
    const char *home;   /* "": not given */
    const char *preset; /* NULL: not given */
    fc_fetch_options fetch;
    bool all, json, yes, quiet, help;
    const char *names[MODELS_MAX_NAMES]; /* what is no flag */
    int name_count;
} models_args;

/* argv[0] is the command's name; --help is answered by the caller. */
fc_status models_args_parse(models_args *a, int argc, char **argv, fc_err *err) FC_MUST_USE;

/* Asks on the terminal; an empty answer means yes. Yes without asking when a->yes, no when nobody can be
 * asked. */
bool models_ask(const models_args *a, const char *question);
/* The same, and an empty answer means no: for what cannot be undone. */
bool models_ask_twice(const models_args *a, const char *question);
/* Warnings of settings and catalogue to stderr. */
fc_warn models_warn(void);
/* "6.94 GB" */
void models_size(uint64_t bytes, char out[32]);
/* Lists models with size and licence on stderr, and what they are together. */
void models_announce(const fc_catalog_model *const *models, size_t count, const char *home);
/* Fetches one model with a bar on stderr; ctrl-C stops and keeps what has arrived. */
fc_status models_fetch(const models_args *a, const fc_config *config, const fc_catalog_model *model,
                       char *path, size_t size, fc_err *err) FC_MUST_USE;
/* Checks one file, model may be NULL, with the same bar. */
fc_status models_verify(const models_args *a, const char *path, const fc_catalog_model *model,
                        fc_verify_result *result, fc_err *err) FC_MUST_USE;
/* Fetches what a request made with --preset still lacks. a: yes, quiet, fetch. On a terminal after one
 * question; elsewhere the flag itself is the consent. */
fc_status models_fetch_for(const fc_request *request, const fc_config *config, models_args *a,
                           fc_err *err) FC_MUST_USE;
/* Whether the message of an error begins with a file that `fooocus models verify` looks at. */
bool models_blamed(fc_config *config, const char *message);

#endif

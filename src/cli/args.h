/* Arguments of `fooocus generate`: picture settings into a request, the rest into options. */
#ifndef FC_CLI_ARGS_H
#define FC_CLI_ARGS_H

#include <stdbool.h>
#include "base/status.h"
#include "cli/flag_tables.h"

typedef enum cli_help { CLI_HELP_NO, CLI_HELP_SHORT, CLI_HELP_ALL } cli_help;

typedef struct cli_args {
    fc_request *request;
    fc_engine_config engine;
    const char *from;   /* picture to repeat, or NULL */
    const char *preset; /* name, or NULL */
    const char *mirror; /* instead of huggingface.co, or NULL */
    bool json, quiet, yes, offline;
    cli_help help;
} cli_args;

/* Fills args; what its texts point to is argv. The request is made here and freed by cli_args_fini. */
fc_status cli_args_parse(cli_args *args, int argc, char **argv, fc_err *err) FC_MUST_USE;
void cli_args_fini(cli_args *args);

/* The flags of the engine (--threads, --precision ...) for other commands. */
bool cli_engine_option_is(const char *name, size_t size);
/* *known: whether there is such a flag; FC_OK without change when not. */
fc_status cli_engine_option(fc_engine_config *config, const char *name, size_t size, const char *value,
                            bool *known, fc_err *err) FC_MUST_USE;

#endif

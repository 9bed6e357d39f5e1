/* Arguments of `fooocus serve`. */
#ifndef FC_CLI_SERVE_ARGS_H
#define FC_CLI_SERVE_ARGS_H

#include "cli/args.h"
#include "server/server.h"

typedef struct cli_serve_args {
    fc_server_config server;
    char tls_cert[4096], tls_key[4096];
    const char *preset, *mirror, *outputs; /* NULL: not given */
    bool open, help, yes, offline;
} cli_serve_args;

/* Takes --library (or FOOOCUS_LIBRARY) and --outputs, which belong together, from here on for the whole
 * program. */
fc_status cli_use_library(cli_serve_args *args, fc_err *err) FC_MUST_USE;
fc_status cli_set_lease(cli_serve_args *args, const char *value, fc_err *err) FC_MUST_USE;

/* What texts point to is argv, or the struct itself. */
fc_status cli_serve_args_parse(cli_serve_args *args, int argc, char **argv, fc_err *err) FC_MUST_USE;

#endif

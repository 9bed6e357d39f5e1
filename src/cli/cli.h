/* The command line: shared by its commands. Only this folder prints and ends the process. */
#ifndef FC_CLI_CLI_H
#define FC_CLI_CLI_H

#include <stdbool.h>
#include "base/status.h"

/* argv[0] is the command's name. Returns the exit code. */
int cli_generate(int argc, char **argv);
int cli_serve(int argc, char **argv);
int cli_auth(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_models(int argc, char **argv);
int cli_setup(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_config(int argc, char **argv);

/* "fooocus: MESSAGE" on stderr; returns the exit code of the status. */
int cli_fail(const fc_err *err);

typedef struct cli_command {
    const char *name, *usage, *summary;
    const char *actions; /* "list get": what may stand behind the name; NULL: nothing of the kind */
    const char
        *details; /* for --help, paragraphs with lines of at most 76 characters; NULL: told elsewhere */
    int (*run)(int argc, char **argv);
    bool computes; /* with all cores */
} cli_command;
/* NULL behind the last. */
const cli_command *cli_command_at(int index);

#endif

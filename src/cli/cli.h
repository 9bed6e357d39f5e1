/* The command line: shared by its commands. Only this folder prints and ends the process. */
#ifndef FC_CLI_CLI_H
#define FC_CLI_CLI_H

#include <stdbool.h>
#include "base/status.h"

/* argv[0] is the command's name. Each returns the exit code. */
#define CLI_COMMAND(name, ...) int cli_##name(int argc, char **argv);
#include "cli/commands.def"
#undef CLI_COMMAND

/* "fooocus: MESSAGE" on stderr; returns the exit code of the status. */
int cli_fail(const fc_err *err);

typedef struct cli_command {
    const char *name, *usage, *summary, *actions, *details; /* as in commands.def */
} cli_command;
/* NULL behind the last. */
const cli_command *cli_command_at(int index);

#endif

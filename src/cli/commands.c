/* The table of commands, for help, manual and completion. */
#include "cli/cli.h"

static const cli_command commands[] = {
#define CLI_COMMAND(name, computes, usage, summary, actions, details)                                        \
    {#name, usage, summary, actions, details},
#include "cli/commands.def"
#undef CLI_COMMAND
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const cli_command *cli_command_at(int index)
{
    return index < COMMAND_COUNT ? &commands[index] : NULL;
}

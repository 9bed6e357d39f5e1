/* Reading the flags of a command by its table: long and short names, values behind '=' or in the next
 * argument, and the flags of the engine besides. */
#ifndef FC_CLI_FLAGS_H
#define FC_CLI_FLAGS_H

#include "cli/args.h"

typedef struct cli_flags {
    const char *command; /* for messages */
    const cli_option_row *rows;
    int count;
} cli_flags;

/* Reads the flag argv[*at]; *at moves on when its value is the next argument. *option: its row in the table,
 * or -1 when it was one of the engine's, which *config has then (NULL: the command has none of those).
 * *value: NULL for a switch, and for a flag whose value stands in brackets in the table when there is none.
 */
fc_status cli_flags_read(const cli_flags *f, fc_engine_config *config, int argc, char **argv, int *at,
                         int *option, const char **value, fc_err *err) FC_MUST_USE;

#endif

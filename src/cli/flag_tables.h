/* The flags of every command, as rows of tables (the .def files). Help, manual and completion walk them; the
 * commands' parsers know their rows by the order in the .def file. */
#ifndef FC_CLI_FLAG_TABLES_H
#define FC_CLI_FLAG_TABLES_H

#include <stdbool.h>

typedef struct cli_option_row {
    const char *name, *flag, *value, *help; /* value NULL: a switch */
    char short_flag;
} cli_option_row;

extern const cli_option_row cli_generate_options[], cli_serve_options[], cli_worker_options[],
    cli_bench_options[];
extern const cli_option_row cli_small_options[]; /* of setup, models, config and doctor together */

/* Rows one by one; NULL behind the last. */
const cli_option_row *cli_option_at(int index); /* of generate */
const cli_option_row *cli_serve_option_at(int index);
const cli_option_row *cli_worker_option_at(int index);
const cli_option_row *cli_bench_option_at(int index);
/* Those of one of the small commands. */
const cli_option_row *small_option_at(const char *command, int index);
/* Whether a row of cli_small_options is a flag of that command. */
bool small_option_is_of(int option, const char *command);

#endif

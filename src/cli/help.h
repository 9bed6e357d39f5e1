/* Help texts and the manual page, all from the tables of flags. */
#ifndef FC_CLI_HELP_H
#define FC_CLI_HELP_H

#include <stdbool.h>
#include "base/buf.h"

void cli_help_main(fc_buf *out);
/* all: also the advanced groups. width: of the terminal in characters. */
void cli_help_generate(bool all, int width, fc_buf *out);
void cli_help_serve(int width, fc_buf *out);
void cli_help_worker(int width, fc_buf *out);
void cli_help_bench(int width, fc_buf *out);
/* Prints --help of setup, models, config or doctor; returns the exit code. */
int cli_print_help(const char *command);
/* fooocus.1 for man(1). */
void cli_help_man(fc_buf *out);

#endif

/* Completion of commands, flags and values for shells, from the tables that --help prints. */
#ifndef FC_CLI_COMPLETION_H
#define FC_CLI_COMPLETION_H

#include "base/buf.h"

/* The script for shell "bash", "zsh" or "fish". */
fc_status cli_completion(const char *shell, fc_buf *out, fc_err *err) FC_MUST_USE;

#endif

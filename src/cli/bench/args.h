/* Arguments of `fooocus bench`. */
#ifndef FC_CLI_BENCH_ARGS_H
#define FC_CLI_BENCH_ARGS_H

#include "cli/args.h"

/* What can be measured, in the order in which it is. Bits. */
typedef enum cli_bench_part {
    CLI_BENCH_OPS = 1,
    CLI_BENCH_STEP = 2,
    CLI_BENCH_TEXT = 4,
    CLI_BENCH_VAE = 8,
    CLI_BENCH_LOAD = 16,
    CLI_BENCH_E2E = 32
} cli_bench_part;

typedef struct cli_bench_args {
    unsigned parts;      /* never 0 */
    fc_request *request; /* model, size, steps ...: what a picture has too */
    fc_engine_config engine;
    const char *only; /* NULL: all */
    int repeat;
    bool cpu_time, json, help;
} cli_bench_args;

/* What texts point to is argv. The request is made here and freed by cli_bench_args_fini. */
fc_status cli_bench_args_parse(cli_bench_args *args, int argc, char **argv, fc_err *err) FC_MUST_USE;
void cli_bench_args_fini(cli_bench_args *args);

#endif

/* See flag_tables.h. */
#include "cli/flag_tables.h"

#include <string.h>

#define CLI_OPTION(name_, flag_, short_, value_, text)                                                       \
    {.name = #name_, .flag = flag_, .value = value_, .help = text, .short_flag = short_},
#define SMALL_OPTION(name, flag, letter, value, commands, text) CLI_OPTION(name, flag, letter, value, text)

const cli_option_row cli_generate_options[] = {
#include "cli/options.def"
};
const cli_option_row cli_serve_options[] = {
#include "cli/serve_options.def"
};
const cli_option_row cli_worker_options[] = {
#include "cli/worker_options.def"
};
const cli_option_row cli_bench_options[] = {
#include "cli/bench_options.def"
};
const cli_option_row cli_small_options[] = {
#include "cli/small_options.def"
};
#undef SMALL_OPTION

/* "setup models": which commands have the row */
static const char *const small_commands[] = {
#define SMALL_OPTION(name, flag, letter, value, commands, text) commands,
#include "cli/small_options.def"
#undef SMALL_OPTION
};

enum {
    GENERATE_COUNT = sizeof cli_generate_options / sizeof *cli_generate_options,
    SERVE_COUNT = sizeof cli_serve_options / sizeof *cli_serve_options,
    WORKER_COUNT = sizeof cli_worker_options / sizeof *cli_worker_options,
    BENCH_COUNT = sizeof cli_bench_options / sizeof *cli_bench_options,
    SMALL_COUNT = sizeof cli_small_options / sizeof *cli_small_options
};

const cli_option_row *cli_option_at(int index)
{
    return index < GENERATE_COUNT ? &cli_generate_options[index] : NULL;
}

const cli_option_row *cli_serve_option_at(int index)
{
    return index < SERVE_COUNT ? &cli_serve_options[index] : NULL;
}

const cli_option_row *cli_worker_option_at(int index)
{
    return index < WORKER_COUNT ? &cli_worker_options[index] : NULL;
}

const cli_option_row *cli_bench_option_at(int index)
{
    return index < BENCH_COUNT ? &cli_bench_options[index] : NULL;
}

bool small_option_is_of(int option, const char *command)
{
    size_t n = strlen(command);
    for (const char *p = small_commands[option]; *p; p += strspn(p, " ")) {
        size_t length = strcspn(p, " ");
        if (length == n && memcmp(p, command, n) == 0) return true;
        p += length;
    }
    return false;
}

const cli_option_row *small_option_at(const char *command, int index)
{
    for (int i = 0; i < SMALL_COUNT; i++)
        if (small_option_is_of(i, command) && index-- == 0) return &cli_small_options[i];
    return NULL;
}

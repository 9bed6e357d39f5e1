/* Reading the flags of `fooocus bench`. See args.h. */
#include "cli/bench/args.h"

#include <string.h>
#include "app/settings/request.h"
#include "base/str.h"
#include "cli/flags.h"

enum { DEFAULT_REPEAT = 5, MAX_REPEAT = 1000 };

typedef enum option_id {
#define CLI_OPTION(name, ...) OPTION_##name,
#include "cli/bench_options.def"
#undef CLI_OPTION
    OPTION_COUNT
} option_id;

static fc_status set_repeat(cli_bench_args *a, const char *value, fc_err *err)
{
    int64_t n;
    if (!fc_parse_i64(value, &n) || n < 1 || n > MAX_REPEAT)
        return fc_fail(err, FC_ARG, "--repeat: '%.60s' is no number from 1 to %d", value, MAX_REPEAT);
    a->repeat = (int)n;
    return FC_OK;
}

static fc_status set_option(cli_bench_args *a, option_id id, const char *value, fc_err *err)
{
    switch (id) {
    case OPTION_model:
    case OPTION_preview_decoder:
    case OPTION_home:
    case OPTION_size:
    case OPTION_steps:
        return fc_request_set(a->request, cli_bench_options[id].name, value, err);
    case OPTION_repeat:
        return set_repeat(a, value, err);
    case OPTION_only:
        a->only = value;
        return FC_OK;
    case OPTION_cpu_time:
        a->cpu_time = true;
        return FC_OK;
    case OPTION_json:
        a->json = true;
        return FC_OK;
    case OPTION_COUNT:
        break;
    case OPTION_help:
        a->help = true;
        return FC_OK;
    }
    return fc_fail(err, FC_INTERNAL, "an option without meaning");
}

static fc_status add_part(cli_bench_args *a, const char *word, fc_err *err)
{
    static const char *const names[] = {"ops", "step", "text", "vae", "load", "e2e"};
    enum { COUNT = sizeof names / sizeof *names };
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(word, names[i]) != 0) continue;
        a->parts |= 1u << i;
        return FC_OK;
    }
    const char *near = fc_str_closest(word, names, COUNT);
    if (near) return fc_fail(err, FC_ARG, "bench: there is no '%.60s', did you mean %s?", word, near);
    return fc_fail(err, FC_ARG, "bench: '%.60s' is not one of ops, step, text, vae, load, e2e", word);
}

/* What can only be said when all flags are known. */
static fc_status finish(cli_bench_args *a, fc_err *err)
{
    if (a->only && !a->parts) a->parts = CLI_BENCH_OPS;
    if (a->only && !(a->parts & CLI_BENCH_OPS))
        return fc_fail(err, FC_ARG, "--only chooses among the lines of bench ops, which is not asked for");
    if (!a->parts)
        a->parts = CLI_BENCH_OPS | CLI_BENCH_STEP | CLI_BENCH_TEXT | CLI_BENCH_VAE | CLI_BENCH_LOAD;
    if (a->cpu_time && a->engine.threads > 1)
        return fc_fail(err, FC_ARG, "--cpu-time measures one thread: leave --threads out");
    if (a->cpu_time) a->engine.threads = 1;
    return FC_OK;
}

fc_status cli_bench_args_parse(cli_bench_args *a, int argc, char **argv, fc_err *err)
{
    const cli_flags flags = {"bench", cli_bench_options, OPTION_COUNT};
    fc_status status = FC_OK;
    *a = (cli_bench_args){.request = fc_request_new(), .repeat = DEFAULT_REPEAT};
    if (!a->request) return fc_fail(err, FC_NOMEM, "out of memory");
    for (int at = 1; at < argc && status == FC_OK; at++) {
        const char *value;
        int option = -1;
        if (argv[at][0] != '-') {
            status = add_part(a, argv[at], err);
            continue;
        }
        status = cli_flags_read(&flags, &a->engine, argc, argv, &at, &option, &value, err);
        if (status == FC_OK && option >= 0) status = set_option(a, (option_id)option, value, err);
    }
    return status == FC_OK ? finish(a, err) : status;
}

void cli_bench_args_fini(cli_bench_args *a)
{
    fc_request_free(a->request);
    a->request = NULL;
}

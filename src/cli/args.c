/* See args.h. */
#include "cli/args.h"

#include <stdlib.h>
#include <string.h>
#include "app/settings/params.h"
#include "base/str.h"

typedef enum option_id {
#define CLI_OPTION(name, ...) OPTION_##name,
#include "cli/options.def"
#undef CLI_OPTION
    OPTION_COUNT
} option_id;

typedef struct parser {
    cli_args *args;
    char **argv;
    int argc, at;
    bool has_prompt;
    fc_err *err;
} parser;

/* What an argument names: one of the three, or none of them. */
typedef struct named {
    const fc_param *param;
    const fc_composite *composite;
    const cli_option_row *option;
    bool negated; /* --no-log */
} named;

static bool flag_is(const char *flag, const char *name, size_t n)
{
    return flag && strlen(flag) == n && memcmp(flag, name, n) == 0;
}

static bool find_long(const char *name, size_t n, named *out)
{
    *out = (named){0};
    for (int i = 0; i < OPTION_COUNT; i++)
        if (flag_is(cli_generate_options[i].flag, name, n)) out->option = &cli_generate_options[i];
    for (size_t i = 0; i < fc_composite_count; i++)
        if (flag_is(fc_composite_table[i].flag, name, n)) out->composite = &fc_composite_table[i];
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        const fc_param *p = &fc_param_table[i];
        bool no = p->kind == FC_KIND_BOOL && n > 3 && memcmp(name, "no-", 3) == 0 &&
                  flag_is(p->flag, name + 3, n - 3);
        if (!no && !flag_is(p->flag, name, n)) continue;
        out->param = p;
        out->negated = no;
    }
    return out->option || out->composite || out->param;
}

static bool find_short(char letter, named *out)
{
    *out = (named){0};
    for (int i = 0; i < OPTION_COUNT; i++)
        if (cli_generate_options[i].short_flag == letter) out->option = &cli_generate_options[i];
    for (int i = 0; i < FC_PARAM_COUNT; i++)
        if (fc_param_table[i].short_flag == letter) out->param = &fc_param_table[i];
    return out->option || out->param;
}

static fc_status unknown_flag(const char *argument, size_t n, fc_err *err)
{
    const char *names[FC_PARAM_COUNT + OPTION_COUNT + 16];
    char wanted[64];
    size_t count = 0;
    for (int i = 0; i < OPTION_COUNT; i++) names[count++] = cli_generate_options[i].flag;
    for (size_t i = 0; i < fc_composite_count && i < 16; i++) names[count++] = fc_composite_table[i].flag;
    for (int i = 0; i < FC_PARAM_COUNT; i++)
        if (fc_param_table[i].flag) names[count++] = fc_param_table[i].flag;
    const char *name = argument + strspn(argument, "-");
    size_t size = n - (size_t)(name - argument);
    if (size >= sizeof wanted) size = sizeof wanted - 1;
    memcpy(wanted, name, size);
    wanted[size] = '\0';
    const char *near = fc_str_closest(wanted, names, count);
    if (near)
        return fc_fail(err, FC_ARG, "there is no flag %.*s, did you mean --%s?", (int)n, argument, near);
    return fc_fail(err, FC_ARG, "there is no flag %.*s, see fooocus generate --help all", (int)n, argument);
}

/* ---- options of the run ---- */

static fc_status bad_value(const char *flag, const char *value, const char *wanted, fc_err *err)
{
    return fc_fail(err, FC_ARG, "--%s: '%.60s' is not %s", flag, value, wanted);
}

static fc_status set_precision(fc_engine_config *c, const char *value, fc_err *err)
{
    static const char *const names[] = {"auto", "f32", "bf16", "f16"};
    for (int i = 0; i < 4; i++)
        if (strcmp(value, names[i]) == 0) {
            c->precision = (fc_precision)i;
            return FC_OK;
        }
    return bad_value("precision", value, "auto, f32, bf16 or f16", err);
}

static fc_status set_memory(fc_engine_config *c, const char *value, fc_err *err)
{
    static const char *const names[] = {"auto", "fast", "low"};
    for (int i = 0; i < 3; i++)
        if (strcmp(value, names[i]) == 0) {
            c->memory = (fc_memory_mode)i;
            return FC_OK;
        }
    return bad_value("memory", value, "auto, fast or low", err);
}

static fc_status set_weights(fc_engine_config *c, const char *value, fc_err *err)
{
    bool int8 = strcmp(value, "int8") == 0;
    if (!int8 && strcmp(value, "full") != 0) return bad_value("weights", value, "full or int8", err);
    c->weights = int8 ? FC_WEIGHTS_INT8 : FC_WEIGHTS_FULL;
    return FC_OK;
}

static fc_status set_gigabytes(const char *flag, uint64_t *bytes, const char *value, fc_err *err)
{
    double gigabytes;
    if (!fc_parse_f64(value, &gigabytes) || gigabytes <= 0 || gigabytes > 65536)
        return bad_value(flag, value, "a number of gigabytes above 0", err);
    *bytes = (uint64_t)(gigabytes * 1073741824.0);
    return FC_OK;
}

static fc_status set_threads(fc_engine_config *c, const char *value, fc_err *err)
{
    int64_t threads;
    if (!fc_parse_i64(value, &threads) || threads < 1 || threads > 4096)
        return bad_value("threads", value, "a number of threads from 1 to 4096", err);
    c->threads = (int)threads;
    return FC_OK;
}

static fc_status set_option(cli_args *args, option_id id, const char *value, fc_err *err)
{
    switch (id) {
    case OPTION_from:
        args->from = value;
        return FC_OK;
    case OPTION_preset:
        args->preset = value;
        return FC_OK;
    case OPTION_yes:
        args->yes = true;
        return FC_OK;
    case OPTION_offline:
        args->offline = true;
        return FC_OK;
    case OPTION_hf_mirror:
        args->mirror = value;
        return FC_OK;
    case OPTION_json:
        args->json = true;
        return FC_OK;
    case OPTION_quiet:
        args->quiet = true;
        return FC_OK;
    case OPTION_precision:
        return set_precision(&args->engine, value, err);
    case OPTION_memory:
        return set_memory(&args->engine, value, err);
    case OPTION_memory_budget:
        return set_gigabytes("memory-budget", &args->engine.memory_bytes, value, err);
    case OPTION_device:
        args->engine.device = value;
        return FC_OK;
    case OPTION_device_memory:
        return set_gigabytes("device-memory", &args->engine.device_memory, value, err);
    case OPTION_weights:
        return set_weights(&args->engine, value, err);
    case OPTION_threads:
        return set_threads(&args->engine, value, err);
    case OPTION_backend:
        args->engine.backend = value;
        return FC_OK;
    case OPTION_isa:
        args->engine.isa = value;
        return FC_OK;
    case OPTION_COUNT:
        break;
    case OPTION_help:
        args->help = value && strcmp(value, "all") == 0 ? CLI_HELP_ALL : CLI_HELP_SHORT;
        return FC_OK;
    }
    return fc_fail(err, FC_INTERNAL, "an option without meaning");
}

static int find_engine_option(const char *name, size_t size)
{
    static const option_id ids[] = {OPTION_precision, OPTION_memory,  OPTION_memory_budget,
                                    OPTION_weights,   OPTION_threads, OPTION_backend,
                                    OPTION_isa,       OPTION_device,  OPTION_device_memory};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (flag_is(cli_generate_options[ids[i]].flag, name, size)) return (int)ids[i];
    return -1;
}

bool cli_engine_option_is(const char *name, size_t size)
{
    return find_engine_option(name, size) >= 0;
}

fc_status cli_engine_option(fc_engine_config *config, const char *name, size_t size, const char *value,
                            bool *known, fc_err *err)
{
    int id = find_engine_option(name, size);
    *known = id >= 0;
    if (!*known) return FC_OK;
    cli_args args = {.engine = *config};
    fc_status status = set_option(&args, (option_id)id, value, err);
    *config = args.engine;
    return status;
}

/* ---- arguments ---- */

/* The value behind '=' or in the next argument. */
static fc_status take_value(parser *p, const char *shown, size_t shown_size, const char *attached,
                            const char **value)
{
    if (attached) {
        *value = attached;
        return FC_OK;
    }
    if (p->at + 1 >= p->argc)
        return fc_fail(p->err, FC_ARG, "%.*s needs a value behind it", (int)shown_size, shown);
    *value = p->argv[++p->at];
    return FC_OK;
}

static fc_status no_value(const char *shown, size_t shown_size, fc_err *err)
{
    return fc_fail(err, FC_ARG, "%.*s takes no value", (int)shown_size, shown);
}

static fc_status apply_option(parser *p, const named *f, const char *shown, size_t shown_size,
                              const char *attached)
{
    const char *value = attached;
    option_id id = (option_id)(f->option - cli_generate_options);
    fc_status status = FC_OK;
    if (id == OPTION_help) {
        if (!value && p->at + 1 < p->argc && strcmp(p->argv[p->at + 1], "all") == 0) value = p->argv[++p->at];
    } else if (f->option->value) {
        status = take_value(p, shown, shown_size, attached, &value);
    } else if (attached) {
        status = no_value(shown, shown_size, p->err);
    }
    return status == FC_OK ? set_option(p->args, id, value, p->err) : status;
}

/* shown: the flag as typed, for messages. */
static fc_status apply_flag(parser *p, const named *f, const char *shown, size_t shown_size,
                            const char *attached)
{
    const char *value = NULL;
    if (f->option) return apply_option(p, f, shown, shown_size, attached);
    const char *name = f->param ? f->param->name : f->composite->name;
    if (f->param && f->param->kind == FC_KIND_BOOL) {
        if (attached && f->negated) return no_value(shown, shown_size, p->err);
        value = attached ? attached : f->negated ? "off" : "on";
    } else {
        fc_status status = take_value(p, shown, shown_size, attached, &value);
        if (status != FC_OK) return status;
    }
    return fc_request_set(p->args->request, name, value, p->err);
}

static fc_status parse_long(parser *p, const char *argument)
{
    const char *equals = strchr(argument, '=');
    size_t n = equals ? (size_t)(equals - argument) : strlen(argument);
    named f;
    if (!find_long(argument + 2, n - 2, &f)) return unknown_flag(argument, n, p->err);
    return apply_flag(p, &f, argument, n, equals ? equals + 1 : NULL);
}

static fc_status parse_short(parser *p, const char *argument)
{
    named f;
    if (!find_short(argument[1], &f)) return unknown_flag(argument, strlen(argument), p->err);
    return apply_flag(p, &f, argument, 2, argument[2] ? argument + 2 : NULL);
}

static fc_status parse_prompt(parser *p, const char *argument)
{
    if (p->has_prompt)
        return fc_fail(p->err, FC_ARG, "'%.60s' is a second prompt; put a prompt of several words in quotes",
                       argument);
    p->has_prompt = true;
    return fc_request_set(p->args->request, "prompt", argument, p->err);
}

fc_status cli_args_parse(cli_args *args, int argc, char **argv, fc_err *err)
{
    bool flags_end = false;
    *args = (cli_args){.request = fc_request_new()};
    if (!args->request) return fc_fail(err, FC_NOMEM, "out of memory");
    parser p = {.args = args, .argv = argv, .argc = argc, .at = 1, .err = err};
    fc_status status = FC_OK;
    for (; p.at < argc && status == FC_OK; p.at++) {
        const char *argument = argv[p.at];
        if (!flags_end && strcmp(argument, "--") == 0)
            flags_end = true;
        else if (!flags_end && argument[0] == '-' && argument[1] == '-')
            status = parse_long(&p, argument);
        else if (!flags_end && argument[0] == '-' && argument[1])
            status = parse_short(&p, argument);
        else
            status = parse_prompt(&p, argument);
    }
    return status;
}

void cli_args_fini(cli_args *args)
{
    fc_request_free(args->request);
    args->request = NULL;
}

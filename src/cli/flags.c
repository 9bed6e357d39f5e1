/* See flags.h. */
#include "cli/flags.h"

#include <stdio.h>
#include <string.h>
#include "base/str.h"

enum { MAX_FLAGS = 64 };

typedef struct flag {
    const char *name; /* without dashes */
    size_t size;
    char letter; /* of -p, else 0 */
    const char *attached;
} flag;

static flag read_flag(const char *argument)
{
    flag f = {0};
    if (argument[1] != '-') {
        f.letter = argument[1];
        f.attached = argument[1] && argument[2] ? argument + 2 : NULL;
        return f;
    }
    const char *equals = strchr(argument, '=');
    f.name = argument + 2;
    f.size = equals ? (size_t)(equals - f.name) : strlen(f.name);
    f.attached = equals ? equals + 1 : NULL;
    return f;
}

static int find(const cli_flags *flags, const flag *f)
{
    for (int i = 0; i < flags->count; i++) {
        const cli_option_row *row = &flags->rows[i];
        if (f->letter ? row->short_flag == f->letter
                      : strlen(row->flag) == f->size && memcmp(row->flag, f->name, f->size) == 0)
            return i;
    }
    return -1;
}

static fc_status unknown(const cli_flags *flags, bool engine, const char *argument, fc_err *err)
{
    const char *names[MAX_FLAGS];
    char wanted[64];
    size_t count = 0;
    const cli_option_row *row;
    for (int i = 0; i < flags->count && count < MAX_FLAGS; i++) names[count++] = flags->rows[i].flag;
    for (int i = 0; engine && (row = cli_option_at(i)) && count < MAX_FLAGS; i++)
        if (cli_engine_option_is(row->flag, strlen(row->flag))) names[count++] = row->flag;
    snprintf(wanted, sizeof wanted, "%.*s", (int)strcspn(argument, "="), argument);
    const char *near = fc_str_closest(wanted + strspn(wanted, "-"), names, count);
    if (near) return fc_fail(err, FC_ARG, "there is no flag %s, did you mean --%s?", wanted, near);
    return fc_fail(err, FC_ARG, "there is no flag %.60s, see fooocus %s --help", argument, flags->command);
}

static fc_status take_value(const flag *f, int argc, char **argv, int *at, const char **value, fc_err *err)
{
    *value = f->attached;
    if (*value) return FC_OK;
    if (*at + 1 >= argc) return fc_fail(err, FC_ARG, "%.60s needs a value behind it", argv[*at]);
    *value = argv[++*at];
    return FC_OK;
}

static fc_status read_engine_flag(const flag *f, fc_engine_config *config, int argc, char **argv, int *at,
                                  fc_err *err)
{
    const char *value;
    bool known;
    fc_status status = take_value(f, argc, argv, at, &value, err);
    return status == FC_OK ? cli_engine_option(config, f->name, f->size, value, &known, err) : status;
}

fc_status cli_flags_read(const cli_flags *flags, fc_engine_config *config, int argc, char **argv, int *at,
                         int *option, const char **value, fc_err *err)
{
    const char *argument = argv[*at];
    *value = NULL;
    *option = -1;
    if (argument[0] != '-' || !argument[1])
        return fc_fail(err, FC_ARG, "'%.60s' is no flag, see fooocus %s --help", argument, flags->command);
    const flag f = read_flag(argument);
    *option = find(flags, &f);
    if (*option < 0 && config && f.name && cli_engine_option_is(f.name, f.size))
        return read_engine_flag(&f, config, argc, argv, at, err);
    if (*option < 0) return unknown(flags, config != NULL, argument, err);
    const char *wants = flags->rows[*option].value;
    if (!wants && f.attached) return fc_fail(err, FC_ARG, "%.60s takes no value", argument);
    if (wants && wants[0] != '[') return take_value(&f, argc, argv, at, value, err);
    *value = f.attached;
    if (wants && !*value && *at + 1 < argc && argv[*at + 1][0] != '-') *value = argv[++*at];
    return FC_OK;
}

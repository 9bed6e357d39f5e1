/* The table of keys and what their values may be. */
#include "app/settings/config_impl.h"

#include <string.h>
#include "app/common/python_literal.h"
#include "app/settings/params.h"
#include "app/settings/performance.h"
#include "app/settings/resolutions.h"
#include "base/str.h"

const fc_config_row fc_config_table[] = {
#define ROW(sets, key, kind, value, lowest, highest, choices)                                                \
    {#key, value, choices, lowest, highest, FC_CONFIG_##kind, sets},
#define FC_CONFIG(...)             ROW(FC_PARAM_COUNT, __VA_ARGS__)
#define FC_CONFIG_SETS(param, ...) ROW(FC_P_##param, __VA_ARGS__)
#include "app/settings/config.def"
#undef FC_CONFIG
#undef FC_CONFIG_SETS
#undef ROW
};
const size_t fc_config_table_size = sizeof fc_config_table / sizeof *fc_config_table;

const fc_config_row *fc_config_row_find(const char *key)
{
    for (size_t i = 0; i < fc_config_table_size; i++)
        if (strcmp(fc_config_table[i].key, key) == 0) return &fc_config_table[i];
    return NULL;
}

/* Whether name is one of "a|b|c". */
static bool is_choice(const char *choices, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = choices; *p; p += *p == '|') {
        size_t length = strcspn(p, "|");
        if (length == n && memcmp(p, name, n) == 0) return true;
        p += length;
    }
    return false;
}

static bool all_texts(const json_t *list)
{
    size_t i;
    json_t *item;
    if (!json_is_array(list)) return false;
    json_array_foreach(list, i, item) if (!json_is_string(item)) return false;
    return true;
}

static bool is_subset(const json_t *list, const char *choices)
{
    size_t i;
    json_t *item;
    if (!all_texts(list)) return false;
    json_array_foreach(list, i, item) if (!is_choice(choices, json_string_value(item))) return false;
    return true;
}

static bool is_urls(const json_t *object)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return false;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) if (!json_is_string(value)) return false;
    return true;
}

/* [on, file, weight] or the older [file, weight] */
static bool is_lora_row(const json_t *row)
{
    size_t n = json_array_size(row), first = n == 3;
    return (n == 2 || n == 3) && (n == 2 || json_is_boolean(json_array_get(row, 0))) &&
           json_is_string(json_array_get(row, first)) && json_is_number(json_array_get(row, first + 1));
}

static bool are_loras(const json_t *list)
{
    size_t i;
    json_t *row;
    if (!json_is_array(list)) return false;
    json_array_foreach(list, i, row) if (!is_lora_row(row)) return false;
    return true;
}

static bool is_ratio(const json_t *value)
{
    fc_resolution r;
    return json_is_string(value) && strchr(json_string_value(value), '*') &&
           fc_resolution_parse(json_string_value(value), &r, NULL, NULL) == FC_OK;
}

static bool are_ratios(const json_t *list)
{
    size_t i;
    json_t *item;
    if (json_array_size(list) < 2) return false;
    json_array_foreach(list, i, item) if (!is_ratio(item)) return false;
    return true;
}

static bool in_range(const fc_config_row *row, const json_t *value)
{
    double v = json_number_value(value);
    return v >= row->lowest && v <= row->highest;
}

bool fc_config_is_valid(const fc_config_row *row, const json_t *v)
{
    const char *text = json_string_value(v);
    switch (row->kind) {
    case FC_CONFIG_DIRS:
        return text || (json_array_size(v) > 0 && all_texts(v));
    case FC_CONFIG_DIR:
    case FC_CONFIG_TEXT:
    case FC_CONFIG_PROMPT:
        return text != NULL;
    case FC_CONFIG_BOOL:
        return json_is_boolean(v);
    case FC_CONFIG_INT:
        return json_is_integer(v) && in_range(row, v);
    case FC_CONFIG_NUM:
        return json_is_number(v) && in_range(row, v);
    case FC_CONFIG_FRACTION:
        return json_is_real(v) && in_range(row, v);
    case FC_CONFIG_CHOICE:
        return text && is_choice(row->choices, text);
    case FC_CONFIG_SUBSET:
        return is_subset(v, row->choices);
    case FC_CONFIG_TEXTS:
    case FC_CONFIG_STYLES:
        return all_texts(v);
    case FC_CONFIG_LORAS:
        return are_loras(v);
    case FC_CONFIG_URLS:
        return is_urls(v);
    case FC_CONFIG_RATIO:
        return is_ratio(v);
    case FC_CONFIG_RATIOS:
        return are_ratios(v);
    case FC_CONFIG_SAMPLER:
        return text && fc_choice_find(fc_choice_sampler, text);
    case FC_CONFIG_SCHEDULER:
        return text && fc_choice_find(fc_choice_scheduler, text);
    case FC_CONFIG_MODE:
        return text && fc_performance_find(FC_RECIPE_2_5, text);
    }
    return false;
}

static void list_choices(fc_choice_fn choice, fc_buf *out)
{
    for (size_t i = 0; choice(i); i++) fc_buf_printf(out, "%s%s", i ? ", " : "one of ", choice(i));
}

void fc_config_describe_allowed(const char *key, fc_buf *out)
{
    const fc_config_row *row = fc_config_row_find(key);
    static const char *const plain[] = {
        [FC_CONFIG_DIRS] = "a folder or a list of folders",
        [FC_CONFIG_DIR] = "a folder",
        [FC_CONFIG_TEXT] = "a text",
        [FC_CONFIG_PROMPT] = "a text",
        [FC_CONFIG_BOOL] = "true or false",
        [FC_CONFIG_TEXTS] = "a list of texts",
        [FC_CONFIG_STYLES] = "a list of style names",
        [FC_CONFIG_LORAS] = "a list of [true, \"file\", weight]",
        [FC_CONFIG_URLS] = "an object of file names and addresses",
        [FC_CONFIG_RATIO] = "\"WIDTH*HEIGHT\", multiples of 8 from 64 to 4096",
        [FC_CONFIG_RATIOS] = "a list of at least two \"WIDTH*HEIGHT\"",
    };
    if (!row) return;
    switch (row->kind) {
    case FC_CONFIG_INT:
        fc_buf_printf(out, "a whole number from %g to %g", row->lowest, row->highest);
        break;
    case FC_CONFIG_NUM:
        fc_buf_printf(out, "a number from %g to %g", row->lowest, row->highest);
        break;
    case FC_CONFIG_FRACTION:
        fc_buf_printf(out, "a number with a decimal point from %.1f to %.1f", row->lowest, row->highest);
        break;
    case FC_CONFIG_CHOICE:
    case FC_CONFIG_SUBSET:
        fc_buf_puts(out, row->kind == FC_CONFIG_CHOICE ? "one of " : "a list of ");
        for (const char *p = row->choices; *p; p++)
            if (*p == '|')
                fc_buf_puts(out, ", ");
            else
                fc_buf_putc(out, *p);
        break;
    case FC_CONFIG_SAMPLER:
        list_choices(fc_choice_sampler, out);
        break;
    case FC_CONFIG_SCHEDULER:
        list_choices(fc_choice_scheduler, out);
        break;
    case FC_CONFIG_MODE:
        list_choices(fc_choice_performance, out);
        break;
    default:
        fc_buf_puts(out, plain[row->kind]);
    }
}

/* What Fooocus does with the environment: a Python literal if it is one, else the text as it is. */
json_t *fc_config_from_environment(const fc_config_row *row, const char *text)
{
    if (row->kind == FC_CONFIG_BOOL && fc_str_eq_nocase(text, "true")) return json_true();
    if (row->kind == FC_CONFIG_BOOL && fc_str_eq_nocase(text, "false")) return json_false();
    json_t *value = fc_pyliteral_read(text);
    if (!value && row->kind == FC_CONFIG_URLS) value = json_loads(text, 0, NULL);
    return value ? value : json_string(text);
}

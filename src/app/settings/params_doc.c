/* The reference of all settings, written from the table. */
#include "app/settings/params.h"

#include <string.h>
#include "app/common/number_text.h"

static void describe_range(const fc_param *p, fc_buf *out)
{
    char low[FC_NUMTEXT_SIZE], high[FC_NUMTEXT_SIZE];
    fc_number_text(p->lowest, low);
    fc_number_text(p->highest, high);
    fc_buf_printf(out, "%s to %s", low, high);
}

void fc_param_describe_values(const fc_param *p, fc_buf *out)
{
    const char *name;
    switch (p->kind) {
    case FC_KIND_BOOL:
        fc_buf_puts(out, "on or off");
        break;
    case FC_KIND_INT:
    case FC_KIND_NUM:
        describe_range(p, out);
        break;
    case FC_KIND_LORAS:
    case FC_KIND_GUIDES:
        fc_buf_puts(out, "weight ");
        describe_range(p, out);
        break;
    case FC_KIND_SEED:
        fc_buf_puts(out, "0 to 9223372036854775807, or random");
        break;
    default:
        for (size_t i = 0; p->choice && (name = p->choice(i)); i++)
            fc_buf_printf(out, "%s%s", i ? ", " : "", name);
    }
}

static void list_items(const char *text, fc_buf *out)
{
    for (; *text; text++) {
        if (*text == '|')
            fc_buf_puts(out, ", ");
        else
            fc_buf_putc(out, *text);
    }
}

void fc_param_describe_default(const fc_param *p, fc_buf *out)
{
    const char *old = p->defaults[FC_RECIPE_1_0], *now = p->defaults[FC_RECIPE_2_5];
    if (!old || !now) return;
    list_items(old, out);
    if (strcmp(old, now) == 0) return;
    fc_buf_puts(out, "; ");
    list_items(now, out);
    fc_buf_puts(out, " in recipe 2.5");
}

static void join_defaults(const fc_composite *c, fc_recipe_id recipe, fc_buf *out)
{
    for (int32_t i = 0; i < c->part_count; i++) {
        if (i) fc_buf_putc(out, c->separator);
        fc_buf_puts(out, fc_param_table[c->parts[i]].defaults[recipe]);
    }
}

void fc_composite_describe_default(const fc_composite *c, fc_buf *out)
{
    bool differs = false;
    for (int32_t i = 0; i < c->part_count; i++) {
        const fc_param *p = &fc_param_table[c->parts[i]];
        if (strcmp(p->defaults[FC_RECIPE_1_0], p->defaults[FC_RECIPE_2_5]) != 0) differs = true;
    }
    join_defaults(c, FC_RECIPE_1_0, out);
    if (!differs) return;
    fc_buf_puts(out, "; ");
    join_defaults(c, FC_RECIPE_2_5, out);
    fc_buf_puts(out, " in recipe 2.5");
}

static const char *kind_text(fc_param_kind kind)
{
    switch (kind) {
    case FC_KIND_BOOL:
        return "true or false";
    case FC_KIND_INT:
        return "whole number";
    case FC_KIND_NUM:
        return "number";
    case FC_KIND_SEED:
        return "text or whole number";
    case FC_KIND_LIST:
        return "list of texts";
    case FC_KIND_LORAS:
        return "list of {file, weight}";
    case FC_KIND_GUIDES:
        return "list of {image, weight, stop, model}";
    case FC_KIND_IMAGE:
        return "id of an upload, or picture:NUMBER";
    default:
        return "text";
    }
}

/* A '|' would end the cell. */
static void cell(fc_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') fc_buf_putc(out, '\\');
        fc_buf_putc(out, *text);
    }
}

static void flag_cell(fc_buf *out, const char *flag, const char *value, bool is_bool)
{
    if (!flag) return;
    fc_buf_puts(out, is_bool ? "`--[no-]" : "`--");
    fc_buf_puts(out, flag);
    if (value) {
        fc_buf_putc(out, ' ');
        cell(out, value);
    }
    fc_buf_putc(out, '`');
}

static void param_row(const fc_param *p, fc_buf *out)
{
    fc_buf values, preset;
    fc_buf_init(&values, 4096);
    fc_buf_init(&preset, 4096);
    fc_param_describe_values(p, &values);
    fc_param_describe_default(p, &preset);
    fc_buf_printf(out, "| `%s` | ", p->name);
    flag_cell(out, p->flag, p->value, p->kind == FC_KIND_BOOL);
    fc_buf_printf(out, " | %s | ", kind_text(p->kind));
    cell(out, fc_buf_cstr(&values));
    fc_buf_puts(out, " | ");
    cell(out, fc_buf_cstr(&preset));
    fc_buf_puts(out, " | ");
    cell(out, p->help);
    if (p->marks & FC_MARK_V25) fc_buf_puts(out, " Recipe 2.5 only.");
    if (p->marks & FC_MARK_NOT_FAST) fc_buf_puts(out, " Without effect in the fast modes.");
    if (p->marks & FC_MARK_PRIVATE) fc_buf_puts(out, " Not over the network.");
    fc_buf_puts(out, " |\n");
    fc_buf_fini(&values);
    fc_buf_fini(&preset);
}

static void composite_row(const fc_composite *c, fc_buf *out)
{
    fc_buf_printf(out, "| `%s` | ", c->name);
    flag_cell(out, c->flag, c->value, false);
    fc_buf_puts(out, " | text | ");
    for (int32_t i = 0; i < c->part_count; i++)
        fc_buf_printf(out, "%s`%s`", i ? ", " : "", fc_param_table[c->parts[i]].name);
    fc_buf_puts(out, " in one | ");
    fc_composite_describe_default(c, out);
    fc_buf_printf(out, " | %s |\n", c->help);
}

void fc_params_markdown(fc_buf *out)
{
    fc_buf_puts(
        out,
        "# Settings\n\nWritten by `fooocus --settings` from `src/app/settings/params.def`; do not edit.\n\n"
        "Every setting has one name in requests (`fc_request_set`, JSON) and mostly a flag of\n"
        "`fooocus generate`.\n");
    for (int g = 0; g < FC_GROUP_COUNT; g++) {
        fc_buf_printf(out, "\n## %s\n\n", fc_param_group_title((fc_param_group)g));
        fc_buf_puts(out, "| field | flag | JSON | values | default | meaning |\n|---|---|---|---|---|---|\n");
        for (size_t i = 0; i < fc_composite_count; i++)
            if (fc_composite_table[i].group == (fc_param_group)g) composite_row(&fc_composite_table[i], out);
        for (int i = 0; i < FC_PARAM_COUNT; i++)
            if (fc_param_table[i].group == (fc_param_group)g) param_row(&fc_param_table[i], out);
    }
}

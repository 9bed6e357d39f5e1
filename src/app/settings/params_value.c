/* Values: strict reading from text into one canonical spelling, and from there into struct fc_params. */
#include "app/settings/params.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/common/number_text.h"
#include "base/mem.h"
#include "base/str.h"

static fc_status give(char **canonical, const char *text, fc_err *err)
{
    *canonical = fc_strdup(text);
    return *canonical ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

static fc_status canonical_bool(const fc_param *p, const char *text, char **canonical, fc_err *err)
{
    static const char *const yes[] = {"on", "true", "yes", "1"}, *const no[] = {"off", "false", "no", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (fc_str_eq_nocase(text, yes[i])) return give(canonical, "on", err);
        if (fc_str_eq_nocase(text, no[i])) return give(canonical, "off", err);
    }
    return fc_fail(err, FC_ARG, "%s: '%.60s' is neither on nor off", p->name, text);
}

static fc_status out_of_range(const fc_param *p, const char *text, fc_err *err)
{
    char low[FC_NUMTEXT_SIZE], high[FC_NUMTEXT_SIZE];
    fc_number_text(p->lowest, low);
    fc_number_text(p->highest, high);
    return fc_fail(err, FC_ARG, "%s: %.60s is out of range, give a value from %s to %s", p->name, text, low,
                   high);
}

static bool must_be_multiple(const fc_param *p)
{
    return p->kind == FC_KIND_INT && p->step > 1;
}

static fc_status canonical_int(const fc_param *p, const char *text, char **canonical, fc_err *err)
{
    int64_t value;
    char digits[24];
    if ((p->marks & FC_MARK_AUTO) && fc_str_eq_nocase(text, "auto")) return give(canonical, "auto", err);
    if (!fc_parse_i64(text, &value))
        return fc_fail(err, FC_ARG, "%s: '%.60s' is not a whole number", p->name, text);
    if ((double)value < p->lowest || (double)value > p->highest) return out_of_range(p, text, err);
    int64_t step = (int64_t)p->step;
    if (must_be_multiple(p) && value % step != 0)
        return fc_fail(err, FC_ARG, "%s: %" PRId64 " is no multiple of %" PRId64 ", take %" PRId64, p->name,
                       value, step, value - value % step);
    snprintf(digits, sizeof digits, "%" PRId64, value);
    return give(canonical, digits, err);
}

static fc_status canonical_number(const fc_param *p, const char *text, char **canonical, fc_err *err)
{
    double value;
    char digits[FC_NUMTEXT_SIZE];
    if (!fc_parse_f64(text, &value))
        return fc_fail(err, FC_ARG, "%s: '%.60s' is not a number", p->name, text);
    if (value < p->lowest || value > p->highest) return out_of_range(p, text, err);
    fc_number_text(value, digits);
    return give(canonical, digits, err);
}

static fc_status canonical_seed(const fc_param *p, const char *text, char **canonical, fc_err *err)
{
    int64_t value;
    char digits[24];
    if (fc_str_eq_nocase(text, "random") || strcmp(text, "-1") == 0) return give(canonical, "random", err);
    if (!fc_parse_i64(text, &value) || value < 0)
        return fc_fail(err, FC_ARG,
                       "%s: '%.60s' is no seed, give a whole number from 0 to 9223372036854775807, or random",
                       p->name, text);
    snprintf(digits, sizeof digits, "%" PRId64, value);
    return give(canonical, digits, err);
}

static fc_status canonical_enum(const fc_param *p, const char *text, char **canonical, fc_err *err)
{
    const char *name = fc_choice_find(p->choice, text), *names[FC_MAX_CHOICES];
    size_t count = 0;
    if (name) return give(canonical, name, err);
    while (count < FC_MAX_CHOICES && (name = p->choice(count))) names[count++] = name;
    const char *near = fc_str_closest(text, names, count);
    if (near) return fc_fail(err, FC_ARG, "%s: there is no '%.60s', did you mean %s?", p->name, text, near);
    fc_buf list;
    fc_buf_init(&list, 1000);
    fc_param_describe_values(p, &list);
    fc_fail(err, FC_ARG, "%s: there is no '%.60s', take one of: %s", p->name, text, fc_buf_cstr(&list));
    fc_buf_fini(&list);
    return FC_ARG;
}

/* Texts go to terminals, logs and JSON: they must be UTF-8 and of a sane length. */
static fc_status check_text(const fc_param *p, const char *text, fc_err *err)
{
    size_t n = strlen(text), limit = p->max_length ? p->max_length : 4095;
    if (n > limit)
        return fc_fail(err, FC_LIMIT, "%s: the text has %zu bytes, at most %zu are allowed", p->name, n,
                       limit);
    if (!fc_utf8_valid(text, n)) return fc_fail(err, FC_ARG, "%s: the text is not valid UTF-8", p->name);
    return FC_OK;
}

static fc_status canonical_text(const fc_param *p, const char *text, char **canonical, fc_err *err)
{
    fc_status status = check_text(p, text, err);
    if (status != FC_OK) return status;
    if ((p->marks & FC_MARK_MODEL) && fc_str_eq_nocase(text, "none")) text = "";
    return give(canonical, text, err);
}

/* Splits "file:0.7" at the last ':' when a number follows it; else the weight is 1. *name_len counts the
 * bytes of the file. */
static void split_lora(const char *text, size_t *name_len, double *weight)
{
    const char *colon = strrchr(text, ':');
    *weight = 1;
    *name_len = strlen(text);
    if (colon && fc_parse_f64(colon + 1, weight)) *name_len = (size_t)(colon - text);
}

/* "x.safetensors:heavy": surely meant as a weight. */
static bool has_bad_weight(const char *text)
{
    static const char *const endings[] = {".safetensors", ".ckpt", ".pth", ".bin", ".pt"};
    const char *colon = strrchr(text, ':');
    for (size_t i = 0; colon && i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = strlen(endings[i]);
        if ((size_t)(colon - text) >= n && strncmp(colon - n, endings[i], n) == 0) return true;
    }
    return false;
}

static fc_status canonical_lora(const fc_param *p, const char *text, char **canonical, fc_err *err)
{
    char digits[FC_NUMTEXT_SIZE];
    size_t n;
    double weight;
    fc_status status = check_text(p, text, err);
    if (status != FC_OK) return status;
    split_lora(text, &n, &weight);
    if (n == 0) return fc_fail(err, FC_ARG, "%s: '%.60s' names no file, write FILE:WEIGHT", p->name, text);
    if (text[n] == '\0' && (text[n - 1] == ':' || has_bad_weight(text)))
        return fc_fail(err, FC_ARG, "%s: '%.60s' has no number behind the ':', write FILE:WEIGHT", p->name,
                       text);
    if (weight < p->lowest || weight > p->highest) return out_of_range(p, text + n + 1, err);
    fc_number_text(weight, digits);
    fc_buf out;
    fc_buf_init(&out, n + sizeof digits + 1);
    fc_buf_append(&out, text, n);
    fc_buf_printf(&out, ":%s", digits);
    *canonical = fc_buf_take(&out);
    return *canonical ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

fc_status fc_param_canonical(const fc_param *p, const char *text, char **canonical, fc_err *err)
{
    *canonical = NULL;
    switch (p->kind) {
    case FC_KIND_BOOL:
        return canonical_bool(p, text, canonical, err);
    case FC_KIND_INT:
        return canonical_int(p, text, canonical, err);
    case FC_KIND_NUM:
        return canonical_number(p, text, canonical, err);
    case FC_KIND_SEED:
        return canonical_seed(p, text, canonical, err);
    case FC_KIND_ENUM:
        return canonical_enum(p, text, canonical, err);
    case FC_KIND_LORAS:
        return canonical_lora(p, text, canonical, err);
    case FC_KIND_GUIDES: {
        fc_status status = check_text(p, text, err);
        return status ? status : fc_guide_canonical(p, text, canonical, err);
    }
    case FC_KIND_TEXT:
    case FC_KIND_LIST:
    case FC_KIND_IMAGE:
        return canonical_text(p, text, canonical, err);
    }
    return fc_fail(err, FC_INTERNAL, "%s: unknown kind of field", p->name);
}

/* ---- into struct fc_params ---- */

static void store_list(const char *const *items, size_t count, fc_string_list *out, fc_arena *arena)
{
    const char **copy = fc_arena_array(arena, count, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) copy[i] = fc_arena_strdup(arena, items[i]);
    *out = (fc_string_list){copy, copy ? (int32_t)count : 0};
}

static void store_loras(const char *const *items, size_t count, fc_lora_list *out, fc_arena *arena)
{
    fc_lora_choice *copy = fc_arena_array(arena, count, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        size_t n;
        split_lora(items[i], &n, &copy[i].weight);
        copy[i].path = fc_arena_strndup(arena, items[i], n);
    }
    *out = (fc_lora_list){copy, copy ? (int32_t)count : 0};
}

static void store_guides(const fc_param *p, const char *const *items, size_t count, fc_guide_list *out,
                         fc_arena *arena)
{
    fc_guide *copy = fc_arena_array(arena, count, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        fc_guide_text t;
        fc_guide_text_split(p, items[i], &t);
        copy[i] = (fc_guide){.model = fc_arena_strndup(arena, items[i], t.model_len),
                             .image = fc_arena_strndup(arena, t.image, t.image_len),
                             .weight = t.weight,
                             .stop = t.stop};
    }
    *out = (fc_guide_list){copy, copy ? (int32_t)count : 0};
}

static void store_scalar(const fc_param *p, const char *text, void *field, fc_arena *arena)
{
    int64_t whole = FC_PARAM_AUTO; /* "random" stays -1 too */
    switch (p->kind) {
    case FC_KIND_BOOL:
        *(bool *)field = strcmp(text, "on") == 0;
        break;
    case FC_KIND_INT:
        fc_parse_i64(text, &whole);
        *(int32_t *)field = (int32_t)whole;
        break;
    case FC_KIND_SEED:
        fc_parse_i64(text, &whole);
        *(int64_t *)field = whole;
        break;
    case FC_KIND_NUM:
        fc_parse_f64(text, field);
        break;
    case FC_KIND_ENUM:
        *(const char **)field = fc_choice_find(p->choice, text);
        break;
    default:
        *(const char **)field = fc_arena_strdup(arena, text);
    }
}

fc_status fc_param_store(const fc_param *p, const char *const *items, size_t count, fc_params *params,
                         fc_arena *arena, fc_err *err)
{
    void *field = (char *)params + p->offset;
    if (p->kind == FC_KIND_LIST)
        store_list(items, count, field, arena);
    else if (p->kind == FC_KIND_LORAS)
        store_loras(items, count, field, arena);
    else if (p->kind == FC_KIND_GUIDES)
        store_guides(p, items, count, field, arena);
    else
        store_scalar(p, items[0], field, arena);
    if (arena->status != FC_OK) return fc_fail(err, arena->status, "%s: the request is too large", p->name);
    return FC_OK;
}

size_t fc_param_default_items(const fc_param *p, fc_recipe_id recipe, const char **items, size_t max,
                              char *scratch, size_t scratch_size)
{
    const char *text = p->defaults[recipe];
    size_t count = 0;
    bool is_list = fc_param_is_list(p);
    if (!text) text = "auto";
    snprintf(scratch, scratch_size, "%s", text);
    if (is_list && !*scratch) return 0;
    for (char *s = scratch; s && count < max;) {
        char *bar = is_list ? strchr(s, '|') : NULL;
        if (bar) *bar = '\0';
        items[count++] = s;
        s = bar ? bar + 1 : NULL;
    }
    return count;
}

bool fc_param_is_default(const fc_param *p, const fc_params *params)
{
    const char *item, *text = p->defaults[0];
    char scratch[64];
    const void *field = (const char *)params + p->offset;
    double number = FC_PARAM_AUTO;
    if (text &&
        fc_param_default_items(p, fc_recipe_from_name(params->recipe), &item, 1, scratch, sizeof scratch))
        text = item;
    switch (p->kind) {
    case FC_KIND_BOOL:
        return *(const bool *)field == (text && strcmp(text, "on") == 0);
    case FC_KIND_INT:
    case FC_KIND_NUM:
        if (text) (void)fc_parse_f64(text, &number);
        return (p->kind == FC_KIND_INT ? (double)*(const int32_t *)field : *(const double *)field) - number ==
               0;
    case FC_KIND_TEXT:
    case FC_KIND_ENUM:
    case FC_KIND_IMAGE:
        return strcmp(*(const char *const *)field, text ? text : "") == 0;
    case FC_KIND_GUIDES:
        return ((const fc_guide_list *)field)->count == 0;
    default:
        return false;
    }
}

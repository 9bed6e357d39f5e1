/* The table of records, and writing them. Reading them is record_apply.c. */
#include "app/output/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/common/number_text.h"
#include "app/common/python_literal.h"
#include "app/settings/performance.h"
#include "base/file.h"
#include "base/str.h"

const char fc_record_version[] = "Fooocus in C " FC_VERSION;

#define VALUE               .shape = FC_SHAPE_VALUE
#define REAL                .shape = FC_SHAPE_REAL
#define MODEL(nothing_)     .shape = FC_SHAPE_MODEL, .nothing = (nothing_)
#define NUMBERS             .shape = FC_SHAPE_NUMBERS
#define SIZE                .shape = FC_SHAPE_SIZE
#define SAMPLER             .shape = FC_SHAPE_SAMPLER
#define STEPS               .shape = FC_SHAPE_STEPS
#define FACTORS             .shape = FC_SHAPE_FACTORS
#define LORAS               .shape = FC_SHAPE_LORAS
#define TEXTS               .shape = FC_SHAPE_TEXTS
#define LAST                FC_RECORD_LAST
#define PLAIN(place, label) .plain_place = (place), .plain = (label)
#define NOT_PLAIN           .plain = NULL

const fc_record_row fc_record_table[FC_RECORD_COUNT] = {
#define FC_RECORD(key_, when_, shape_, label_, plain_, ...)                                                  \
    [FC_R_##key_] = {.key = #key_,                                                                           \
                     .when = FC_RECORD_##when_,                                                              \
                     .label = label_,                                                                        \
                     .part_count = sizeof((fc_param_id[]){__VA_ARGS__}) / sizeof(fc_param_id),               \
                     .parts = {__VA_ARGS__},                                                                 \
                     shape_,                                                                                 \
                     plain_},
#define FC_RECORD_NOTE(key_, shape_, label_, plain_)                                                         \
    [FC_R_##key_] = {.key = #key_, .label = label_, shape_, plain_},
#include "app/output/record.def"
#undef FC_RECORD
#undef FC_RECORD_NOTE
};

bool fc_record_text(const json_t *record, const char *key, fc_buf *out)
{
    char digits[FC_NUMTEXT_SIZE];
    const json_t *value = json_object_get(record, key);
    if (json_is_string(value)) {
        fc_buf_puts(out, json_string_value(value));
    } else if (json_is_integer(value)) {
        fc_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        fc_number_text(json_real_value(value), digits);
        fc_buf_puts(out, digits);
    } else if (json_is_boolean(value)) {
        fc_buf_puts(out, json_is_true(value) ? "True" : "False");
    } else {
        return false;
    }
    return true;
}

static const char lora_prefix[] = "lora_combined_";

void fc_record_lora_key(int number, char out[32])
{
    snprintf(out, 32, "%s%d", lora_prefix, number);
}

bool fc_record_is_lora_key(const char *key)
{
    return fc_str_starts(key, lora_prefix);
}

/* ---- values ---- */

typedef struct writer {
    const fc_plan *plan;
    const fc_plan_image *image;
    fc_params made; /* the parameters of this picture as they were used */
    json_t *record;
    bool failed; /* out of memory */
} writer;

static void put(writer *w, const char *key, json_t *value)
{
    if (json_object_set_new(w->record, key, value) != 0) w->failed = true;
}

static const void *field_of(const writer *w, fc_param_id id)
{
    return (const char *)&w->made + fc_param_table[id].offset;
}

static double number_of(const writer *w, fc_param_id id)
{
    const void *field = field_of(w, id);
    return fc_param_table[id].kind == FC_KIND_INT ? *(const int32_t *)field : *(const double *)field;
}

static json_t *number_json(double value)
{
    return value == (double)(int64_t)value ? json_integer((int64_t)value) : json_real(value);
}

/* array: of texts; is given up here */
static json_t *strings_json(json_t *array)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 20);
    fc_pyliteral_write_strings(array, &text);
    json_t *value = json_string(fc_buf_cstr(&text));
    json_decref(array);
    fc_buf_fini(&text);
    return value;
}

static json_t *list_json(const fc_string_list *list)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < list->count; i++) json_array_append_new(array, json_string(list->items[i]));
    return strings_json(array);
}

/* Networks by their names: paths are nobody's business. */
static json_t *guides_json(const fc_guide_list *list)
{
    char text[6000];
    json_t *array = json_array();
    for (int32_t i = 0; i < list->count; i++) {
        fc_guide g = list->items[i];
        g.model = fc_path_basename(g.model);
        if (fc_guide_print(&g, text, sizeof text) == FC_OK) json_array_append_new(array, json_string(text));
    }
    return strings_json(array);
}

static json_t *value_json(const writer *w, fc_param_id id)
{
    const void *field = field_of(w, id);
    switch (fc_param_table[id].kind) {
    case FC_KIND_BOOL:
        return json_boolean(*(const bool *)field);
    case FC_KIND_INT:
    case FC_KIND_NUM:
        return number_json(number_of(w, id));
    case FC_KIND_SEED: /* as text: JavaScript loses digits beyond 2^53 */
        return json_sprintf("%" PRId64, *(const int64_t *)field);
    case FC_KIND_LIST:
        return list_json(field);
    case FC_KIND_GUIDES:
        return guides_json(field);
    default:
        return json_string(*(const char *const *)field);
    }
}

/* "(1.5, 0.8, 0.3)" as Python writes a tuple. */
static json_t *tuple_json(const writer *w, const fc_record_row *row)
{
    char digits[FC_NUMTEXT_SIZE], text[FC_RECORD_PARTS * (FC_NUMTEXT_SIZE + 2) + 2];
    size_t n = 0;
    for (int i = 0; i < row->part_count; i++) {
        double value = number_of(w, row->parts[i]);
        if (fc_param_table[row->parts[i]].kind == FC_KIND_INT)
            fc_number_text(value, digits);
        else
            fc_number_python(value, digits);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? ", " : "(", digits);
    }
    snprintf(text + n, sizeof text - n, ")");
    return json_string(text);
}

static json_t *model_json(const writer *w, const fc_record_row *row)
{
    const char *name = *(const char *const *)field_of(w, row->parts[0]);
    return json_string(*name ? name : row->nothing);
}

/* ---- LoRAs ---- */

static void put_lora(writer *w, int32_t i, const char *hash, json_t *list)
{
    const fc_lora_choice *lora = &w->plan->models.loras[i];
    char key[32], weight[FC_NUMTEXT_SIZE];
    size_t stem_size;
    const char *name = fc_path_basename(lora->path), *stem = fc_path_stem(lora->path, &stem_size);
    fc_number_python(lora->weight, weight);
    fc_record_lora_key(i + 1, key);
    put(w, key, json_sprintf("%s : %s", name, weight));
    json_array_append_new(list, json_pack("[s%, f, s]", stem, stem_size, lora->weight, hash ? hash : ""));
}

static void put_loras(writer *w, const char *key, const fc_record_hashes *hashes)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < w->plan->models.lora_count; i++)
        put_lora(w, i, hashes && hashes->loras ? hashes->loras[i] : NULL, list);
    put(w, key, list);
}

/* ---- the record ---- */

static const char *name_of(const char *path)
{
    return path ? fc_path_basename(path) : "";
}

/* The plan's parameters with what is decided picture by picture, and files by the names they were found at.
 */
static fc_params params_made(const fc_plan *plan, const fc_plan_image *image)
{
    fc_params made = plan->params;
    const fc_performance *mode = fc_performance_find(FC_RECIPE_2_5, made.performance);
    made.prompt = image->prompt;
    made.negative_prompt = image->negative_prompt;
    made.styles = image->styles;
    if (mode) made.performance = mode->name;
    made.steps = image->task.steps;
    made.width = image->task.width;
    made.height = image->task.height;
    made.seed = (int64_t)image->task.seed;
    made.model = name_of(plan->models.base);
    made.refiner = name_of(plan->models.refiner);
    made.vae = name_of(plan->models.vae);
    made.upscaler = name_of(made.upscaler);
    return made;
}

static bool is_written(const writer *w, const fc_record_row *row)
{
    bool changed = !fc_param_is_default(&fc_param_table[row->parts[0]], &w->made);
    switch (row->when) {
    case FC_RECORD_CHANGED:
        return changed;
    case FC_RECORD_REFINED_CHANGED:
        return changed && w->plan->models.refiner;
    case FC_RECORD_WORKED:
        return changed && w->image->task.work.kind != FC_WORK_NONE;
    default:
        return true;
    }
}

static void put_row(writer *w, const fc_record_row *row, const fc_record_hashes *hashes)
{
    switch (row->shape) {
    case FC_SHAPE_NUMBERS:
    case FC_SHAPE_SIZE:
        put(w, row->key, tuple_json(w, row));
        break;
    case FC_SHAPE_REAL:
        put(w, row->key, json_real(number_of(w, row->parts[0])));
        break;
    case FC_SHAPE_MODEL:
        put(w, row->key, model_json(w, row));
        break;
    case FC_SHAPE_LORAS:
        put_loras(w, row->key, hashes);
        break;
    default:
        put(w, row->key, value_json(w, row->parts[0]));
    }
}

static void put_texts(writer *w, const char *key, const fc_text_list *list)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < list->count; i++) json_array_append_new(array, json_string(list->texts[i]));
    put(w, key, array);
}

static void put_notes(writer *w, const fc_record_hashes *hashes)
{
    const char *scheme = w->plan->params.metadata;
    if (w->image->expansion) put(w, FC_RECORD_KEY(prompt_expansion), json_string(w->image->expansion));
    put_texts(w, FC_RECORD_KEY(full_prompt), &w->image->task.positive);
    put_texts(w, FC_RECORD_KEY(full_negative_prompt), &w->image->task.negative);
    if (hashes && hashes->base) put(w, FC_RECORD_KEY(base_model_hash), json_string(hashes->base));
    if (hashes && hashes->refiner) put(w, FC_RECORD_KEY(refiner_model_hash), json_string(hashes->refiner));
    put(w, FC_RECORD_KEY(metadata_scheme), strcmp(scheme, "none") == 0 ? json_false() : json_string(scheme));
    put(w, FC_RECORD_KEY(version), json_string(fc_record_version));
}

json_t *fc_record_make(const fc_plan *plan, int32_t index, const fc_record_hashes *hashes)
{
    const fc_plan_image *image = &plan->images[index];
    writer w = {plan, image, params_made(plan, image), json_object(), false};
    if (!w.record) return NULL;
    for (int i = 0; i < FC_RECORD_COUNT; i++) {
        const fc_record_row *row = &fc_record_table[i];
        if (row->part_count && is_written(&w, row)) put_row(&w, row, hashes);
    }
    put_notes(&w, hashes);
    if (!w.failed) return w.record;
    json_decref(w.record);
    return NULL;
}

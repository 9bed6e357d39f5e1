/* Writing records. Reading them is record_apply.c. */
#include "app/output/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/common/number_text.h"
#include "app/common/python_literal.h"
#include "app/settings/performance.h"
#include "base/file.h"

const char fc_record_version[] = "Fooocus in C " FC_VERSION;

static const fc_record_row rows[] = {
    {"prompt", "Prompt"},
    {"negative_prompt", "Negative Prompt"},
    {"styles", "Styles"},
    {"performance", "Performance"},
    {"steps", "Steps"},
    {"resolution", "Resolution"},
    {"guidance_scale", "Guidance Scale"},
    {"sharpness", "Sharpness"},
    {"adm_guidance", "ADM Guidance"},
    {"base_model", "Base Model"},
    {"refiner_model", "Refiner Model"},
    {"refiner_switch", "Refiner Switch"},
    {"overwrite_switch", "Overwrite Switch"},
    {"refiner_swap_method", "Refiner Swap Method"},
    {"adaptive_cfg", "CFG Mimicking from TSNR"},
    {"clip_skip", "CLIP Skip"},
    {"sampler", "Sampler"},
    {"scheduler", "Scheduler"},
    {"vae", "VAE"},
    {"seed", "Seed"},
    {"recipe", "Recipe"},
    {"raw", "Raw"},
    {"fast_vae", "Fast VAE"},
    {"version", "Version"},
};

const fc_record_row *fc_record_row_at(size_t index)
{
    return index < sizeof rows / sizeof rows[0] ? &rows[index] : NULL;
}

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

/* Members that cannot be made (out of memory) leave a hole that the caller notices by json_object_size. */
typedef struct writer {
    json_t *record;
    bool failed;
} writer;

static void put(writer *w, const char *key, json_t *value)
{
    if (json_object_set_new(w->record, key, value) != 0) w->failed = true;
}

static void put_number(writer *w, const char *key, double value)
{
    if (value == (double)(int64_t)value)
        put(w, key, json_integer((int64_t)value));
    else
        put(w, key, json_real(value));
}

static void put_strings(writer *w, const char *key, const fc_string_list *list)
{
    fc_buf text;
    json_t *array = json_array();
    fc_buf_init(&text, 1 << 20);
    for (int32_t i = 0; i < list->count; i++) json_array_append_new(array, json_string(list->items[i]));
    fc_pyliteral_write_strings(array, &text);
    put(w, key, json_string(fc_buf_cstr(&text)));
    json_decref(array);
    fc_buf_fini(&text);
}

static void put_texts(writer *w, const char *key, const fc_text_list *list)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < list->count; i++) json_array_append_new(array, json_string(list->texts[i]));
    put(w, key, array);
}

static void put_composition(writer *w, const fc_plan *plan, const fc_plan_image *image)
{
    const fc_task *task = &image->task;
    char resolution[32];
    put(w, "prompt", json_string(image->prompt));
    put(w, "negative_prompt", json_string(image->negative_prompt));
    put_texts(w, "full_prompt", &task->positive);
    put_texts(w, "full_negative_prompt", &task->negative);
    put_strings(w, "styles", &image->styles);
    const fc_performance *mode = fc_performance_find(FC_RECIPE_2_5, plan->params.performance);
    put(w, "performance", json_string(mode ? mode->name : plan->params.performance));
    put(w, "steps", json_integer(task->steps));
    snprintf(resolution, sizeof resolution, "(%" PRId32 ", %" PRId32 ")", task->width, task->height);
    put(w, "resolution", json_string(resolution));
}

static void put_sampling(writer *w, const fc_plan *plan, const fc_task *task)
{
    char adm[3][FC_NUMTEXT_SIZE], text[128];
    const fc_params *params = &plan->params;
    put_number(w, "guidance_scale", task->cfg);
    put_number(w, "sharpness", task->sharpness);
    fc_number_python(task->adm_positive, adm[0]);
    fc_number_python(task->adm_negative, adm[1]);
    fc_number_python(task->adm_end, adm[2]);
    snprintf(text, sizeof text, "(%s, %s, %s)", adm[0], adm[1], adm[2]);
    put(w, "adm_guidance", json_string(text));
    if (plan->models.refiner) {
        if (params->switch_step != FC_PARAM_AUTO)
            put(w, "overwrite_switch", json_integer(params->switch_step));
        if (task->swap != FC_SWAP_JOINT) put(w, "refiner_swap_method", json_string(params->swap_method));
    }
    put_number(w, "refiner_switch", params->refiner_switch);
    if (task->adaptive_cfg != 7) put_number(w, "adaptive_cfg", task->adaptive_cfg);
    put(w, "clip_skip", json_integer(task->clip_skip));
    put(w, "sampler", json_string(task->sampler));
    put(w, "scheduler", json_string(task->scheduler));
    snprintf(text, sizeof text, "%" PRIu64, task->seed);
    put(w, "seed", json_string(text)); /* as text: JavaScript loses digits beyond 2^53 */
    if (task->fast_vae) put(w, "fast_vae", json_true());
}

static const char *name_of(const char *path, const char *otherwise)
{
    return path ? fc_path_basename(path) : otherwise;
}

static void put_lora(writer *w, const fc_plan *plan, int32_t i, const char *hash, json_t *list)
{
    const fc_lora_choice *lora = &plan->models.loras[i];
    char key[32], weight[FC_NUMTEXT_SIZE];
    size_t stem_size;
    const char *name = fc_path_basename(lora->path), *stem = fc_path_stem(lora->path, &stem_size);
    fc_buf text;
    fc_buf_init(&text, 8192);
    fc_number_python(lora->weight, weight);
    fc_buf_printf(&text, "%s : %s", name, weight);
    snprintf(key, sizeof key, "lora_combined_%" PRId32, i + 1);
    put(w, key, json_string(fc_buf_cstr(&text)));
    fc_buf_fini(&text);
    json_array_append_new(list, json_pack("[s%, f, s]", stem, stem_size, lora->weight, hash ? hash : ""));
}

static void put_models(writer *w, const fc_plan *plan, const fc_record_hashes *hashes)
{
    const fc_model_choice *models = &plan->models;
    put(w, "base_model", json_string(name_of(models->base, "")));
    put(w, "refiner_model", json_string(name_of(models->refiner, "None")));
    put(w, "vae", json_string(name_of(models->vae, "Default (model)")));
    if (hashes && hashes->base) put(w, "base_model_hash", json_string(hashes->base));
    if (hashes && hashes->refiner) put(w, "refiner_model_hash", json_string(hashes->refiner));
    json_t *list = json_array();
    for (int32_t i = 0; i < models->lora_count; i++)
        put_lora(w, plan, i, hashes && hashes->loras ? hashes->loras[i] : NULL, list);
    put(w, "loras", list);
}

/* What was done with a picture that came in: the fields of that group that say more than their defaults, by
 * their names. The picture itself is told by its hash. */
static void put_picture(writer *w, const fc_plan *plan, const fc_image_work *work)
{
    if (work->kind == FC_WORK_NONE) return;
    json_t *all = fc_params_to_json(&plan->params);
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        const fc_param *p = &fc_param_table[i];
        json_t *value = json_object_get(all, p->name);
        if (p->group != FC_GROUP_PICTURE || !value || fc_param_is_default(p, &plan->params)) continue;
        put(w, p->name, json_incref(value));
    }
    json_decref(all);
}

json_t *fc_record_make(const fc_plan *plan, int32_t index, const fc_record_hashes *hashes)
{
    const fc_plan_image *image = &plan->images[index];
    writer w = {.record = json_object()};
    if (!w.record) return NULL;
    put_composition(&w, plan, image);
    put_sampling(&w, plan, &image->task);
    put_models(&w, plan, hashes);
    put_picture(&w, plan, &image->task.work);
    if (*plan->params.freeu) put(&w, "freeu", json_string(plan->params.freeu));
    put(&w, "recipe", json_string(plan->params.recipe));
    if (plan->params.raw) put(&w, "raw", json_true());
    put(&w, "metadata_scheme",
        strcmp(plan->params.metadata, "none") == 0 ? json_false() : json_string(plan->params.metadata));
    put(&w, "version", json_string(fc_record_version));
    if (!w.failed) return w.record;
    json_decref(w.record);
    return NULL;
}

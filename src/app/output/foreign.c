/* See foreign.h. One table of names serves all flat objects. */
#include "app/output/foreign.h"

#include <stdio.h>
#include <string.h>
#include "app/output/record.h"
#include "app/output/sampler_name.h"
#include "base/str.h"

/* ---- flat objects ---- */

typedef enum what {
    PROMPT,
    NEGATIVE,
    SEED,
    STEPS,
    CFG,
    WIDTH,
    HEIGHT,
    SAMPLER,
    SCHEDULE,
    MODEL,
    VAE,
    SKIP
} what;

/* Names that mean the same, of whatever program; compared without case, blanks and '_'. */
static const struct {
    const char *name;
    what is;
} names[] = {
    {"prompt", PROMPT},
    {"positiveprompt", PROMPT},
    {"positive", PROMPT},
    {"negativeprompt", NEGATIVE},
    {"negative", NEGATIVE},
    {"uc", NEGATIVE},
    {"seed", SEED},
    {"noiseseed", SEED},
    {"steps", STEPS},
    {"numinferencesteps", STEPS},
    {"cfg", CFG},
    {"cfgscale", CFG},
    {"guidancescale", CFG},
    {"scale", CFG},
    {"width", WIDTH},
    {"height", HEIGHT},
    {"sampler", SAMPLER},
    {"samplername", SAMPLER},
    {"scheduler", SCHEDULE},
    {"scheduletype", SCHEDULE},
    {"model", MODEL},
    {"basemodelname", MODEL},
    {"basemodel", MODEL},
    {"usestablediffusionmodel", MODEL},
    {"vae", VAE},
    {"usevaemodel", VAE},
    {"clipskip", SKIP},
    {"clipstopatlayer", SKIP},
};

/* Where a value goes as it is; FC_RECORD_COUNT: it needs more than that. */
static const fc_record_id record_rows[] = {
    [PROMPT] = FC_R_prompt,     [NEGATIVE] = FC_R_negative_prompt, [SEED] = FC_R_seed,
    [STEPS] = FC_R_steps,       [CFG] = FC_R_guidance_scale,       [WIDTH] = FC_RECORD_COUNT,
    [HEIGHT] = FC_RECORD_COUNT, [SAMPLER] = FC_RECORD_COUNT,       [SCHEDULE] = FC_RECORD_COUNT,
    [MODEL] = FC_RECORD_COUNT,  [VAE] = FC_RECORD_COUNT,           [SKIP] = FC_R_clip_skip};

typedef struct flat {
    const json_t *of[SKIP + 1]; /* by meaning; NULL: not there */
    int known;
} flat;

static flat sort_members(const json_t *object)
{
    flat f = {0};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        char name[40];
        fc_name_squeeze(key, name);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (strcmp(names[i].name, name) != 0 || json_is_null(value) || f.of[names[i].is]) continue;
            f.of[names[i].is] = value;
            f.known++;
        }
    }
    return f;
}

/* A model by its name, or an object with a name (InvokeAI). */
static const char *model_name(const json_t *value)
{
    if (json_is_object(value)) value = json_object_get(value, "name");
    return json_string_value(value);
}

static void take_size(const flat *f, json_t *record)
{
    double size[2];
    for (int i = 0; i < 2; i++) {
        const json_t *value = f->of[i ? HEIGHT : WIDTH];
        const char *text = json_string_value(value);
        size[i] = json_number_value(value);
        if (text && !fc_parse_f64(text, &size[i])) return;
        if (!(size[i] >= 1 && size[i] <= 1e6)) return;
    }
    fc_foreign_put_size(record, (long long)size[0], (long long)size[1]);
}

/* "loras": names or [name, weight], "loraweights": numbers or texts beside them. */
static void take_loras(const json_t *object, json_t *record)
{
    const json_t *list = json_object_get(object, "loras"), *weights = json_object_get(object, "loraweights");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *pair = json_array_get(weights, i);
        const char *name = json_string_value(item);
        if (json_is_array(item)) {
            name = json_string_value(json_array_get(item, 0));
            pair = json_array_get(item, 1);
        } else if (json_is_object(item)) {
            name = model_name(json_object_get(item, "model") ? json_object_get(item, "model") : item);
            pair = json_object_get(item, "weight");
        }
        double weight = json_is_number(pair) ? json_number_value(pair) : 1;
        if (json_is_string(pair) && !fc_parse_f64(json_string_value(pair), &weight)) weight = 1;
        if (name)
            fc_foreign_add_lora(record, name, weight);
        else
            fc_foreign_note(record, "its LoRA %zu has no name and was left out", i + 1);
    }
}

static json_t *new_record(void)
{
    return json_pack("{s:s, s:s}", FC_RECORD_KEY(styles), "[]", FC_RECORD_KEY(negative_prompt), "");
}

static void take_flat(const flat *f, const json_t *object, json_t *record)
{
    for (int i = PROMPT; i <= SKIP; i++)
        if (f->of[i] && record_rows[i] != FC_RECORD_COUNT)
            json_object_set(record, fc_record_table[record_rows[i]].key, (json_t *)(uintptr_t)f->of[i]);
    take_size(f, record);
    const char *sampler = json_string_value(f->of[SAMPLER]), *schedule = json_string_value(f->of[SCHEDULE]);
    /* programs with one name for both call it scheduler */
    if (!sampler && schedule && fc_sampler_id_of_others(schedule, NULL))
        fc_foreign_put_sampler(record, schedule, NULL);
    else
        fc_foreign_put_sampler(record, sampler, schedule);
    if (json_integer_value(f->of[SKIP]) < 0) /* counted from the end by some */
        json_object_set_new(record, FC_RECORD_KEY(clip_skip), json_integer(-json_integer_value(f->of[SKIP])));
    if (model_name(f->of[MODEL]))
        fc_foreign_put_file(record, FC_RECORD_KEY(base_model), model_name(f->of[MODEL]));
    const char *vae = model_name(f->of[VAE]);
    if (vae && !fc_str_eq_nocase(vae, "automatic")) fc_foreign_put_file(record, FC_RECORD_KEY(vae), vae);
    take_loras(object, record);
}

/* ---- which kind ---- */

/* Keys of records that other programs do not write. */
static bool is_record(const json_t *object)
{
    static const fc_record_id own[] = {FC_R_metadata_scheme, FC_R_performance,    FC_R_adm_guidance,
                                       FC_R_sharpness,       FC_R_resolution,     FC_R_full_prompt,
                                       FC_R_base_model_hash, FC_R_refiner_switch, FC_R_styles,
                                       FC_R_recipe,          FC_R_guidance_scale};
    char lora[32];
    fc_record_lora_key(1, lora);
    int found = json_object_get(object, lora) != NULL;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        found += json_object_get(object, fc_record_table[own[i]].key) != NULL;
    return found >= 2;
}

/* "Guidance Scale" -> guidance_scale; NULL: no label of a record. */
static const char *key_of_label(const char *label)
{
    for (int i = 0; i < FC_RECORD_COUNT; i++) {
        const fc_record_row *row = &fc_record_table[i];
        bool has_row = row->label && row->shape != FC_SHAPE_LORAS && row->shape != FC_SHAPE_TEXTS;
        if (has_row && fc_str_eq_nocase(row->label, label)) return row->key;
    }
    return NULL;
}

/* Members that stand under their labels; "LoRA 1": "name : weight" too. */
static json_t *read_labels(const json_t *object)
{
    const char *label;
    json_t *value, *record = new_record();
    int found = 0, lora = 0;
    char lora_label[32];
    snprintf(lora_label, sizeof lora_label, "%s ", fc_record_table[FC_R_loras].label);
    json_object_foreach((json_t *)(uintptr_t)object, label, value)
    {
        const char *key = key_of_label(label);
        bool is_lora = fc_str_starts(label, lora_label) && json_is_string(value);
        char lora_key[32];
        if (is_lora) fc_record_lora_key(++lora, lora_key);
        if (!key && !is_lora) continue;
        json_object_set(record, is_lora ? lora_key : key, value);
        found++;
    }
    if (found >= 4 && is_record(record) && json_object_get(object, fc_record_table[FC_R_performance].label))
        return record;
    json_decref(record);
    return NULL;
}

static fc_status unknown(fc_err *err)
{
    return fc_fail(err, FC_FORMAT,
                   "the settings in the picture are of a kind not known; write the prompt yourself");
}

fc_status fc_foreign_read(const json_t *object, json_t **record, fc_err *err)
{
    const json_t *swarm = json_object_get(object, "sui_image_params");
    *record = NULL;
    if (fc_comfyui_is_graph(object)) return fc_comfyui_read(object, record, err);
    if (is_record(object)) {
        *record = json_copy((json_t *)(uintptr_t)object);
        json_object_del(*record, FC_FOREIGN_NOTES); /* a stranger's are none of ours */
    } else if (!(*record = read_labels(object))) {
        const json_t *members = json_is_object(swarm) ? swarm : object;
        flat f = sort_members(members);
        if (!json_is_string(f.of[PROMPT]) || f.known < 4) return unknown(err);
        *record = new_record();
        take_flat(&f, members, *record);
    }
    return *record ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory for the settings of the picture");
}

const char *fc_foreign_kind(const json_t *object)
{
    if (fc_comfyui_is_graph(object)) return "comfyui";
    if (is_record(object)) return "fooocus";
    json_t *labels = read_labels(object);
    json_decref(labels);
    return labels ? "fooocus" : json_object_get(object, "sui_image_params") ? "swarmui" : "other";
}

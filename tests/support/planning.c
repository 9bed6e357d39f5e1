#include "support/planning.h"

#include <inttypes.h>
#include <string.h>

static json_t *texts_json(const char *const *texts, int32_t count)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < count; i++) json_array_append_new(array, json_string(texts[i]));
    return array;
}

static json_t *bool_json(bool value)
{
    return json_boolean(value);
}

static json_t *whole_json(int32_t value)
{
    return json_integer(value);
}

#define SETTING_JSON(value)                                                                                  \
    _Generic(value, bool: bool_json, int32_t: whole_json, double: json_real, const char *: json_string)(value)

json_t *planned_image_json(const fc_plan_image *image)
{
    const fc_task *t = &image->task;
    json_t *o = json_object();
    json_object_set_new(o, "positive", texts_json(t->positive.texts, t->positive.count));
    json_object_set_new(o, "negative", texts_json(t->negative.texts, t->negative.count));
    json_object_set_new(o, "styles", texts_json(image->styles.items, image->styles.count));
    json_object_set_new(o, "prompt", json_string(image->prompt));
    json_object_set_new(o, "negative_prompt", json_string(image->negative_prompt));
    json_object_set_new(o, "seed", json_sprintf("%" PRIu64, t->seed));
    json_object_set_new(o, "steps", json_integer(t->steps));
    json_object_set_new(o, "switch", json_integer(t->switch_step));
    json_object_set_new(o, "image", json_integer(t->image));
    json_object_set_new(o, "images", json_integer(t->images));
    json_object_set_new(o, "steps_before", json_integer(t->steps_before));
    json_object_set_new(o, "steps_total", json_integer(t->steps_total));
    json_object_set_new(o, "denoise", json_real(t->start.denoise));
    json_object_set_new(o, "adm", json_pack("[f,f,f]", t->adm_positive, t->adm_negative, t->adm_end));
    json_object_set_new(o, "pooled", json_pack("[i,i]", t->positive.pooled, t->negative.pooled));
    json_object_set_new(o, "swap", json_string(t->swap == FC_SWAP_JOINT ? "joint" : "separate"));
#define FC_TASK_SETTING(type, name, ordinary) json_object_set_new(o, #name, SETTING_JSON(t->name));
#include "engine/task.def"
#undef FC_TASK_SETTING
    return o;
}

json_t *planned_json(const fc_plan *plan)
{
    json_t *o = json_object(), *images = json_array(), *loras = json_array();
    for (int32_t i = 0; i < plan->count; i++)
        json_array_append_new(images, planned_image_json(&plan->images[i]));
    for (int32_t i = 0; i < plan->models.lora_count; i++)
        json_array_append_new(loras,
                              json_pack("[s,f]", plan->models.loras[i].path, plan->models.loras[i].weight));
    json_t *embeddings = json_array();
    for (int32_t i = 0; i < plan->models.embedding_count; i++)
        json_array_append_new(
            embeddings, json_pack("[s,s]", plan->models.embeddings[i].name, plan->models.embeddings[i].path));
    json_object_set_new(o, "embeddings", embeddings);
    json_object_set_new(o, "images", images);
    json_object_set_new(o, "loras", loras);
    json_object_set_new(o, "model", json_string(plan->models.base));
    json_object_set_new(o, "refiner", plan->models.refiner ? json_string(plan->models.refiner) : json_null());
    json_object_set_new(o, "vae", plan->models.vae ? json_string(plan->models.vae) : json_null());
    return o;
}

static fc_string_list strings_of(const json_t *array, fc_arena *arena)
{
    size_t n = json_array_size(array);
    const char **items = fc_arena_array(arena, n, sizeof *items);
    for (size_t i = 0; i < n; i++) items[i] = json_string_value(json_array_get(array, i));
    return (fc_string_list){items, (int32_t)n};
}

static fc_model_folder folder_of(const json_t *names, fc_arena *arena)
{
    fc_model_folder folder = {.dir = "models/embeddings"};
    fc_lines_init(&folder.names, arena);
    fc_lines_init(&folder.paths, arena);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const char *path = fc_arena_printf(arena, "d/%s", name);
        fc_lines_add(&folder.names, name, strlen(name));
        fc_lines_add(&folder.paths, path, strlen(path));
    }
    return folder;
}

static fc_model_files files_of(const json_t *files, const fc_params *params, fc_arena *arena)
{
    fc_string_list paths = strings_of(json_object_get(files, "loras"), arena);
    fc_lora_choice *loras = fc_arena_array(arena, (size_t)paths.count, sizeof *loras);
    for (int32_t i = 0; i < paths.count; i++)
        loras[i] = (fc_lora_choice){paths.items[i], params->loras.items[i].weight};
    return (fc_model_files){
        .base = "b.safetensors",
        .refiner = json_string_value(json_object_get(files, "refiner")),
        .vae = json_string_value(json_object_get(files, "vae")),
        .preview_decoder = json_string_value(json_object_get(files, "preview_decoder")),
        .performance_lora = json_string_value(json_object_get(files, "performance_lora")),
        .loras = {loras, paths.count},
        .known_loras = strings_of(json_object_get(files, "known_loras"), arena),
        .embeddings = folder_of(json_object_get(files, "embeddings"), arena),
    };
}

/* [width, height]: a picture that comes in, without a mask of its own. */
static fc_work_picture picture_of(const json_t *size)
{
    return (fc_work_picture){.width = (int32_t)json_integer_value(json_array_get(size, 0)),
                             .height = (int32_t)json_integer_value(json_array_get(size, 1))};
}

fc_status plan_request(planned *p, fc_request *request, const json_t *files, uint64_t random_seed,
                       fc_err *err)
{
    const char *folder = fc_test_source_path("tests/data/plan_styles");
    *p = (planned){.request = request};
    fc_arena_init(&p->arena, 8 << 20);
    assert_ok(fc_styles_open(&folder, 1, (fc_warn){0}, &p->styles, err), err);
    assert_ok(fc_wildcards_open(&(const char *){fc_test_source_path("tests/data/plan_wildcards")}, 1,
                                (fc_warn){0}, &p->wildcards, err),
              err);
    assert_ok(fc_request_resolve(request, &p->arena, &p->params, err), err);
    p->files = files_of(files, &p->params, &p->arena);
    const fc_plan_input input = {.params = &p->params,
                                 .request = request,
                                 .styles = p->styles,
                                 .wildcards = p->wildcards,
                                 .files = &p->files,
                                 .random_seed = random_seed,
                                 .picture = picture_of(json_object_get(files, "picture"))};
    return fc_plan_make(&input, &p->arena, &p->plan, err);
}

fc_status plan_json_request(planned *p, const char *text, const json_t *files, uint64_t random_seed,
                            fc_err *err)
{
    fc_request *request = fc_request_new();
    assert_ok(fc_request_set_json(request, text, strlen(text), err), err);
    return plan_request(p, request, files, random_seed, err);
}

void planned_fini(planned *p)
{
    fc_wildcards_close(p->wildcards);
    fc_styles_close(p->styles);
    fc_request_free(p->request);
    fc_arena_fini(&p->arena);
}

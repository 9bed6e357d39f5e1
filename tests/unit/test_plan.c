/* From requests to tasks, driven by tests/data/plan.json: "want" names what must hold, other members may be
 * anything. */
#include "support/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/plan.h"
#include "base/mem.h"
#include "base/str.h"

typedef struct fixture {
    fc_styles *styles;
    fc_wildcards *wildcards;
} fixture;

static int open_data(void **state)
{
    static fixture f;
    fc_err err = {0};
    const char *folder = fc_test_source_path("tests/data/plan_styles");
    assert_ok(fc_styles_open(&folder, 1, (fc_warn){0}, &f.styles, &err), &err);
    *state = &f;
    return 0;
}

static int close_data(void **state)
{
    fc_styles_close(((fixture *)*state)->styles);
    return 0;
}

static json_t *load_cases(void)
{
    json_error_t where;
    json_t *root = json_load_file(fc_test_source_path("tests/data/plan.json"), 0, &where);
    if (!root) fail_msg("plan.json: %d: %s", where.line, where.text);
    return root;
}

static fc_status status_named(const char *name)
{
    for (int s = 0; s <= FC_INTERNAL; s++)
        if (strcmp(fc_status_name((fc_status)s), name) == 0) return (fc_status)s;
    fail_msg("no status %s", name);
    return FC_INTERNAL;
}

/* ---- what was planned, as JSON ---- */

static json_t *texts_json(const char *const *texts, int32_t count)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < count; i++) json_array_append_new(array, json_string(texts[i]));
    return array;
}

static json_t *image_json(const fc_plan_image *image)
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
    json_object_set_new(o, "width", json_integer(t->width));
    json_object_set_new(o, "height", json_integer(t->height));
    json_object_set_new(o, "clip_skip", json_integer(t->clip_skip));
    json_object_set_new(o, "image", json_integer(t->image));
    json_object_set_new(o, "images", json_integer(t->images));
    json_object_set_new(o, "steps_before", json_integer(t->steps_before));
    json_object_set_new(o, "steps_total", json_integer(t->steps_total));
    json_object_set_new(o, "cfg", json_real(t->cfg));
    json_object_set_new(o, "adaptive_cfg", json_real(t->adaptive_cfg));
    json_object_set_new(o, "sharpness", json_real(t->sharpness));
    json_object_set_new(o, "denoise", json_real(t->start.denoise));
    json_object_set_new(o, "adm", json_pack("[f,f,f]", t->adm_positive, t->adm_negative, t->adm_end));
    json_object_set_new(o, "pooled", json_pack("[i,i]", t->positive.pooled, t->negative.pooled));
    json_object_set_new(o, "sampler", json_string(t->sampler));
    json_object_set_new(o, "scheduler", json_string(t->scheduler));
    json_object_set_new(o, "swap", json_string(t->swap == FC_SWAP_JOINT ? "joint" : "separate"));
    json_object_set_new(o, "fast_vae", json_boolean(t->fast_vae));
    return o;
}

static json_t *plan_json(const fc_plan *plan)
{
    json_t *o = json_object(), *images = json_array(), *loras = json_array();
    for (int32_t i = 0; i < plan->count; i++) json_array_append_new(images, image_json(&plan->images[i]));
    for (int32_t i = 0; i < plan->models.lora_count; i++)
        json_array_append_new(loras,
                              json_pack("[s,f]", plan->models.loras[i].path, plan->models.loras[i].weight));
    json_object_set_new(o, "images", images);
    json_object_set_new(o, "loras", loras);
    json_object_set_new(o, "model", json_string(plan->models.base));
    json_object_set_new(o, "refiner", plan->models.refiner ? json_string(plan->models.refiner) : json_null());
    return o;
}

/* ---- comparing ---- */

static void check_part(const char *name, const char *key, const json_t *want, const json_t *got);

static void check_members(const char *name, const json_t *want, const json_t *got)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)want, key, value)
        check_part(name, key, value, json_object_get(got, key));
}

static void check_part(const char *name, const char *key, const json_t *want, const json_t *got)
{
    if (strcmp(key, "images") == 0 && json_is_array(want)) {
        assert_int_equal(json_array_size(got), json_array_size(want));
        for (size_t i = 0; i < json_array_size(want); i++)
            check_members(name, json_array_get(want, i), json_array_get(got, i));
        return;
    }
    if (json_equal(want, got)) return;
    fail_msg("%s: %s is %s, wanted %s", name, key, json_dumps(got, JSON_ENCODE_ANY),
             json_dumps(want, JSON_ENCODE_ANY));
}

/* Each wanted warning came, and no other. */
static void check_warnings(const char *name, const json_t *want, const fc_plan *plan)
{
    for (int32_t i = 0; i < plan->warnings.count; i++) {
        bool known = false;
        for (size_t k = 0; k < json_array_size(want); k++)
            if (strstr(plan->warnings.items[i], json_string_value(json_array_get(want, k)))) known = true;
        if (!known) fail_msg("%s: unexpected warning: %s", name, plan->warnings.items[i]);
    }
    if ((size_t)plan->warnings.count != json_array_size(want))
        fail_msg("%s: %d warnings, wanted %zu", name, plan->warnings.count, json_array_size(want));
}

/* ---- running a case ---- */

static fc_string_list strings_of(const json_t *array, fc_arena *arena)
{
    size_t n = json_array_size(array);
    const char **items = fc_arena_array(arena, n, sizeof *items);
    for (size_t i = 0; i < n; i++) items[i] = json_string_value(json_array_get(array, i));
    return (fc_string_list){items, (int32_t)n};
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
        .preview_decoder = json_string_value(json_object_get(files, "preview_decoder")),
        .performance_lora = json_string_value(json_object_get(files, "performance_lora")),
        .loras = {loras, paths.count},
        .known_loras = strings_of(json_object_get(files, "known_loras"), arena),
    };
}

static void run_case(const fixture *f, const json_t *c)
{
    const char *name = json_string_value(json_object_get(c, "name"));
    const json_t *error = json_object_get(c, "error"), *random = json_object_get(c, "random");
    char *request_text = json_dumps(json_object_get(c, "request"), 0);
    fc_request *request = fc_request_new();
    fc_arena arena;
    fc_params params;
    fc_plan plan;
    fc_err err = {0};
    uint64_t random_seed = 5;
    fc_arena_init(&arena, 8 << 20);
    if (random) assert_true(fc_parse_u64(json_string_value(random), &random_seed));
    assert_ok(fc_request_set_json(request, request_text, strlen(request_text), &err), &err);
    assert_ok(fc_request_resolve(request, &arena, &params, &err), &err);
    const fc_model_files files = files_of(json_object_get(c, "files"), &params, &arena);
    const fc_plan_input input = {&params, request, f->styles, f->wildcards, &files, random_seed};
    fc_status status = fc_plan_make(&input, &arena, &plan, &err);
    if (error) {
        fc_status wanted = status_named(json_string_value(json_array_get(error, 0)));
        if (status != wanted) fail_msg("%s: %s: %s", name, fc_status_name(status), err.message);
        assert_fails(status, wanted, &err, json_string_value(json_array_get(error, 1)));
    } else {
        if (status != FC_OK) fail_msg("%s: %s", name, err.message);
        json_t *got = plan_json(&plan);
        check_members(name, json_object_get(c, "want"), got);
        check_warnings(name, json_object_get(c, "warnings"), &plan);
        json_decref(got);
    }
    free(request_text);
    fc_request_free(request);
    fc_arena_fini(&arena);
}

static void test_cases(void **state)
{
    fixture f = *(fixture *)*state;
    json_t *cases = load_cases(), *c;
    fc_err err = {0};
    size_t i;
    json_array_foreach(cases, i, c)
    {
        /* a fresh set per case: it warns once per missing file */
        assert_ok(fc_wildcards_open(fc_test_source_path("tests/data/plan_wildcards"), (fc_warn){0},
                                    &f.wildcards, &err),
                  &err);
        run_case(&f, c);
        fc_wildcards_close(f.wildcards);
    }
    assert_true(i > 60);
    json_decref(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, open_data, close_data);
}

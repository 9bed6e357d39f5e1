/* The whole path of recipe 2.5, text to latent and picture: every case of v25_pipeline (Fooocus 2.5.5 on the
 * tiny synthetic models). */
#include <stdio.h>
#include <string.h>

#include "support/runs.h"
#include "support/synth.h"

enum { MAX_TEXTS = 8 };

static fc_text_list texts_of(json_t *root, json_t *which, const char *store[MAX_TEXTS])
{
    json_t *list = json_object_get(json_object_get(root, "texts"), json_string_value(which));
    int32_t n = (int32_t)json_array_size(list);
    assert_in_range(n, 1, MAX_TEXTS);
    for (int32_t i = 0; i < n; i++) store[i] = json_string_value(json_array_get(list, (size_t)i));
    return (fc_text_list){store, n, n};
}

static double setting(json_t *c, const char *name)
{
    return json_number_value(json_object_get(json_object_get(c, "settings"), name));
}

struct inpaint {
    fc_test_array mask, keep, masked;
};

/* Whether the engine's head takes part. */
static bool read_inpaint(const fc_safetensors *golden, json_t *c, struct inpaint *in, fc_task *t)
{
    const char *way = json_string_value(json_object_get(c, "inpaint"));
    if (!way) return false;
    bool head = strcmp(way, "head") == 0;
    in->mask = fc_test_array_load(golden, "mask");
    in->keep = fc_test_array_load(golden, "latent");
    in->masked = fc_test_array_load(golden, "inpaint_latent");
    t->start.mask = in->mask.data;
    t->start.keep = in->keep.data;
    t->start.masked = head ? in->masked.data : NULL;
    return head;
}

static const fc_freeu_numbers *read_freeu(json_t *list, fc_freeu_numbers *out)
{
    if (!json_is_array(list)) return NULL;
    double *const numbers[] = {&out->b1, &out->b2, &out->s1, &out->s2};
    for (size_t i = 0; i < 4; i++) *numbers[i] = json_number_value(json_array_get(list, i));
    return out;
}

static void load_models(fc_engine *e, bool refiner, bool head)
{
    fc_err err = {0};
    const fc_model_choice choice = {.base = fc_test_synth("tiny_base"),
                                    .preview_decoder = fc_test_synth("taesd_decoder"),
                                    .refiner = refiner ? fc_test_synth("tiny_refiner") : NULL,
                                    .inpaint_head = head ? fc_test_synth("inpaint_head") : NULL};
    assert_ok(fc_engine_load(e, &choice, NULL, &err), &err);
}

static void check_case_2_5(fc_engine *e, json_t *root, const fc_safetensors *golden, const char *name,
                           json_t *c)
{
    const char *positive[MAX_TEXTS], *negative[MAX_TEXTS];
    const char *refiner = json_string_value(json_object_get(c, "refiner"));
    fc_task t = run_task(positive, negative);
    t.recipe = FC_RECIPE_2_5;
    t.positive = texts_of(root, json_object_get(c, "pos"), positive);
    t.negative = texts_of(root, json_object_get(c, "neg"), negative);
    t.seed = (uint64_t)json_integer_value(json_object_get(c, "seed"));
    t.width = (int32_t)json_integer_value(json_array_get(json_object_get(c, "size"), 0));
    t.height = (int32_t)json_integer_value(json_array_get(json_object_get(c, "size"), 1));
    t.steps = (int32_t)json_integer_value(json_object_get(c, "steps"));
    t.switch_step = (int32_t)json_integer_value(json_object_get(c, "switch"));
    t.swap = strcmp(json_string_value(json_object_get(c, "swap")), "joint") == 0 ? FC_SWAP_JOINT
                                                                                 : FC_SWAP_SEPARATE;
    t.sampler = json_string_value(json_object_get(c, "sampler"));
    t.scheduler = json_string_value(json_object_get(c, "scheduler"));
    t.cfg = json_number_value(json_object_get(c, "cfg"));
    t.sharpness = setting(c, "sharpness");
    t.adaptive_cfg = setting(c, "adaptive_cfg");
    t.adm_end = setting(c, "adm_scaler_end");
    t.adm_positive = setting(c, "positive_adm_scale");
    t.adm_negative = setting(c, "negative_adm_scale");
    fc_test_array start = {0};
    if (json_is_string(json_object_get(c, "latent"))) {
        start = fc_test_array_load(golden, json_string_value(json_object_get(c, "latent")));
        t.start = (fc_start_image){.latent = start.data,
                                   .denoise = json_number_value(json_object_get(c, "denoise"))};
    }
    struct inpaint in = {0};
    fc_freeu_numbers freeu;
    t.freeu = read_freeu(json_object_get(c, "freeu"), &freeu);
    bool head = read_inpaint(golden, c, &in, &t);
    load_models(e, refiner && strcmp(refiner, "refiner") == 0, head);
    char key[80];
    snprintf(key, sizeof key, "%s.image_u8", name);
    t.fast_vae = !fc_test_has(golden, key); /* the picture is not compared: decode it quickly */
    fc_picture p = run_picture(e, &t);
    snprintf(key, sizeof key, "%s.final", name);
    fc_test_array want = fc_test_array_load(golden, key);
    assert_int_equal(want.count, run_latent_count(&p));
    assert_rel_error(key, p.latent, want.data, want.count, 1.5e-5); /* measured: at most 5e-6 */
    run_check_image(golden, name, &p);
    fc_test_array_free(&want);
    fc_test_array_free(&start);
    fc_test_array_free(&in.mask);
    fc_test_array_free(&in.keep);
    fc_test_array_free(&in.masked);
    fc_picture_fini(&p);
}

static void test_reference_2_5(void **state)
{
    (void)state;
    fc_safetensors golden;
    json_t *root = fc_test_golden_json("v25_pipeline.json");
    fc_test_golden_open_full(&golden, "v25_pipeline.safetensors");
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    const char *name;
    json_t *c;
    int cases = 0;
    json_object_foreach(json_object_get(root, "cases"), name, c)
    {
        check_case_2_5(e, root, &golden, name, c);
        cases++;
    }
    assert_int_equal(cases, json_object_size(json_object_get(root, "cases")));
    fc_engine_close(e);
    fc_safetensors_close(&golden);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference_2_5)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The whole path of recipe 1.0, text to latent and picture, through the engine's interface: every case of
 * pipeline_tiny (Fooocus 1.0.43 on the tiny synthetic models), with and without refiner. */
#include <stdio.h>
#include <string.h>

#include "support/runs.h"

static const char *text_of(json_t *root, const char *which)
{
    return json_string_value(json_object_get(json_object_get(root, "prompts"), which));
}

static void check_case(fc_engine *e, json_t *root, const fc_safetensors *golden, const char *name, json_t *c)
{
    const char *positive = text_of(root, strncmp(name, "long", 4) == 0 ? "long" : "pos"),
               *negative = text_of(root, "neg");
    fc_task t = run_task(&positive, &negative);
    json_t *swap = json_object_get(c, "switch");
    t.seed = (uint64_t)json_integer_value(json_object_get(c, "seed"));
    t.width = (int32_t)json_integer_value(json_object_get(c, "width"));
    t.height = (int32_t)json_integer_value(json_object_get(c, "height"));
    t.steps = (int32_t)json_integer_value(json_object_get(c, "steps"));
    t.sampler = json_string_value(json_object_get(c, "sampler"));
    t.scheduler = json_string_value(json_object_get(c, "scheduler"));
    t.cfg = json_number_value(json_object_get(c, "cfg"));
    t.sharpness = json_number_value(json_object_get(c, "sharpness"));
    if (json_is_integer(swap)) t.switch_step = (int32_t)json_integer_value(swap);
    run_load(e, json_is_integer(swap));
    char key[80];
    snprintf(key, sizeof key, "%s.image_u8", name);
    t.fast_vae = !fc_test_has(golden, key); /* the picture is not compared: decode it quickly */
    fc_picture p = run_picture(e, &t);
    snprintf(key, sizeof key, "%s.final", name);
    fc_test_array want = fc_test_array_load(golden, key);
    assert_int_equal(want.count, run_latent_count(&p));
    assert_rel_error(key, p.latent, want.data, want.count,
                     1.5e-5); /* measured: at most 5e-6; the reference's own noise is 2e-6 */
    fc_test_array_free(&want);
    run_check_image(golden, name, &p);
    fc_picture_fini(&p);
}

/* base_s1 with another sharpness. */
static void check_sharpness(fc_engine *e, json_t *root, const fc_safetensors *golden, const char *name,
                            double sharpness)
{
    json_t *c = json_copy(json_object_get(root, "base_s1"));
    json_object_set_new(c, "sharpness", json_real(sharpness));
    check_case(e, root, golden, name, c);
    json_decref(c);
}

static void test_reference(void **state)
{
    (void)state;
    fc_safetensors golden;
    json_t *root = fc_test_golden_json("pipeline_tiny.json");
    fc_test_golden_open_full(&golden, "pipeline_tiny.safetensors");
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    const char *name;
    json_t *c;
    int cases = 0;
    json_object_foreach(root, name, c)
    {
        if (!json_object_get(c, "sampler")) continue;
        check_case(e, root, &golden, name, c);
        cases++;
    }
    assert_int_equal(cases, 13);
    check_sharpness(e, root, &golden, "sharp0_s1", 0);
    check_sharpness(e, root, &golden, "sharp10_s1", 10);
    fc_engine_close(e);
    fc_safetensors_close(&golden);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

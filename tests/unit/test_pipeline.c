/* The whole path, text to latent and picture, through the engine's interface: against Fooocus 1.0.43
 * (pipeline_tiny) on the tiny synthetic models, and what must hold for any run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "support/support.h"
#include "support/synth.h"

/* The reference's defaults of every case. */
static fc_task base_task(const char *const *positive, const char *const *negative)
{
    return (fc_task){.recipe = FC_RECIPE_1_0,
                     .positive = {positive, 1, 1},
                     .negative = {negative, 1, 1},
                     .seed = 1,
                     .width = 256,
                     .height = 256,
                     .steps = 30,
                     .sampler = "dpmpp_2m_sde_gpu",
                     .scheduler = "karras",
                     .cfg = 7,
                     .sharpness = 2,
                     .adm_positive = 1.5,
                     .adm_negative = 0.8,
                     .adm_end = 1,
                     .clip_skip = 2,
                     .switch_step = -1};
}

static fc_engine *engine_open(fc_precision precision, int threads)
{
    fc_err err = {0};
    fc_engine *e = NULL;
    assert_ok(fc_engine_open(&(fc_engine_config){.precision = precision, .threads = threads}, &e, &err),
              &err);
    return e;
}

static void load(fc_engine *e, bool refiner)
{
    fc_err err = {0};
    const fc_model_choice choice = {.base = fc_test_synth("tiny_base"),
                                    .refiner = refiner ? fc_test_synth("tiny_refiner") : NULL};
    assert_ok(fc_engine_load(e, &choice, NULL, &err), &err);
}

static fc_picture run(fc_engine *e, const fc_task *task)
{
    fc_err err = {0};
    fc_picture p;
    assert_ok(fc_engine_run(e, task, NULL, &p, &err), &err);
    return p;
}

static size_t latent_count(const fc_picture *p)
{
    return (size_t)p->latent_width * (size_t)p->latent_height * 4;
}

/* ---- golden ---- */

static const char *text_of(json_t *root, const char *which)
{
    return json_string_value(json_object_get(json_object_get(root, "prompts"), which));
}

static void check_image(const fc_safetensors *golden, const char *name, const fc_picture *p)
{
    char key[80];
    snprintf(key, sizeof key, "%s.image_u8", name);
    if (!fc_test_has(golden, key)) return;
    fc_test_array want = fc_test_array_load(golden, key);
    size_t off = 0;
    assert_int_equal(want.count, (size_t)p->width * (size_t)p->height * 3);
    for (size_t i = 0; i < want.count; i++) {
        double d = fabs((double)p->rgb[i] - (double)want.data[i]);
        off += d != 0;
        assert_true(d <= 1);
    }
    /* truncation at exact levels: measured 2e-4 of the values are off by one */
    assert_at_most(key, (double)off / (double)want.count, 6e-4);
    fc_test_array_free(&want);
}

static void check_case(fc_engine *e, json_t *root, const fc_safetensors *golden, const char *name, json_t *c)
{
    const char *positive = text_of(root, strncmp(name, "long", 4) == 0 ? "long" : "pos"),
               *negative = text_of(root, "neg");
    fc_task t = base_task(&positive, &negative);
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
    load(e, json_is_integer(swap));
    fc_picture p = run(e, &t);
    char key[80];
    snprintf(key, sizeof key, "%s.final", name);
    fc_test_array want = fc_test_array_load(golden, key);
    assert_int_equal(want.count, latent_count(&p));
    assert_rel_error(key, p.latent, want.data, want.count,
                     1.5e-5); /* measured: at most 5e-6; the reference's own noise is 2e-6 */
    fc_test_array_free(&want);
    check_image(golden, name, &p);
    fc_picture_fini(&p);
}

static void test_reference(void **state)
{
    (void)state;
    fc_safetensors golden;
    json_t *root = fc_test_golden_json("pipeline_tiny.json");
    fc_test_golden_open(&golden, "pipeline_tiny.safetensors");
    fc_engine *e = engine_open(FC_PRECISION_F32, 0);
    const char *name;
    json_t *c;
    int cases = 0;
    json_object_foreach(root, name, c)
    {
        if (!json_object_get(c, "sampler")) continue;
        check_case(e, root, &golden, name, c);
        cases++;
    }
    assert_true(cases >= 13);
    fc_engine_close(e);
    fc_safetensors_close(&golden);
    json_decref(root);
}

/* ---- recipe 2.5 ---- */

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

static void check_case_2_5(fc_engine *e, json_t *root, const fc_safetensors *golden, const char *name,
                           json_t *c)
{
    const char *positive[MAX_TEXTS], *negative[MAX_TEXTS];
    const char *refiner = json_string_value(json_object_get(c, "refiner"));
    fc_task t = base_task(positive, negative);
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
        for (size_t i = 0; i < start.count; i++) start.data[i] *= 0.13025f;
        t.start = (fc_start_image){start.data, json_number_value(json_object_get(c, "denoise"))};
    }
    load(e, refiner && strcmp(refiner, "refiner") == 0);
    fc_picture p = run(e, &t);
    char key[80];
    snprintf(key, sizeof key, "%s.final", name);
    fc_test_array want = fc_test_array_load(golden, key);
    assert_int_equal(want.count, latent_count(&p));
    assert_rel_error(key, p.latent, want.data, want.count, 1.5e-5); /* measured: at most 5e-6 */
    check_image(golden, name, &p);
    fc_test_array_free(&want);
    fc_test_array_free(&start);
    fc_picture_fini(&p);
}

static void test_reference_2_5(void **state)
{
    (void)state;
    fc_safetensors golden;
    json_t *root = fc_test_golden_json("v25_pipeline.json");
    fc_test_golden_open(&golden, "v25_pipeline.safetensors");
    fc_engine *e = engine_open(FC_PRECISION_F32, 0);
    const char *name;
    json_t *c;
    int cases = 0;
    json_object_foreach(json_object_get(root, "cases"), name, c)
    {
        /* inpainting and FreeU are not built */
        if (!json_is_null(json_object_get(c, "inpaint")) || !json_is_null(json_object_get(c, "freeu")))
            continue;
        check_case_2_5(e, root, &golden, name, c);
        cases++;
    }
    assert_true(cases >= 20);
    fc_engine_close(e);
    fc_safetensors_close(&golden);
    json_decref(root);
}

/* ---- what must hold for any run ---- */

static const char *const fox = "a red fox, (snow:1.2)", *const blurry = "blurry";

static fc_task short_task(void)
{
    fc_task t = base_task(&fox, &blurry);
    t.width = t.height = 128;
    t.steps = 4;
    return t;
}

static void assert_same(const fc_picture *a, const fc_picture *b)
{
    assert_int_equal(latent_count(a), latent_count(b));
    assert_memory_equal(a->latent, b->latent, latent_count(a) * sizeof(float));
    assert_memory_equal(a->rgb, b->rgb, (size_t)a->width * (size_t)a->height * 3);
}

static bool same_latent(const fc_picture *a, const fc_picture *b)
{
    return memcmp(a->latent, b->latent, latent_count(a) * sizeof(float)) == 0;
}

/* Same seed, same bytes: again, with another number of threads, and after other pictures. */
static void test_same_bytes(void **state)
{
    (void)state;
    for (int bf16 = 0; bf16 < 2; bf16++) {
        fc_engine *one = engine_open(bf16 ? FC_PRECISION_BF16 : FC_PRECISION_F32, 1);
        fc_engine *two = engine_open(bf16 ? FC_PRECISION_BF16 : FC_PRECISION_F32, 2);
        load(one, false);
        load(two, false);
        fc_task t = short_task(), other = short_task();
        other.seed = 99;
        fc_picture a = run(one, &t), b = run(two, &t), c = run(two, &other), d = run(two, &t);
        assert_same(&a, &b);
        assert_same(&a, &d);
        assert_false(same_latent(&a, &c));
        fc_picture_fini(&a);
        fc_picture_fini(&b);
        fc_picture_fini(&c);
        fc_picture_fini(&d);
        fc_engine_close(one);
        fc_engine_close(two);
    }
}

/* A swap behind the last evaluation is no swap; an earlier one is. */
static void test_swap_at_the_end(void **state)
{
    (void)state;
    fc_engine *e = engine_open(FC_PRECISION_F32, 0);
    fc_task t = short_task();
    load(e, false);
    fc_picture without = run(e, &t);
    load(e, true);
    t.switch_step = t.steps - 1;
    fc_picture at_end = run(e, &t);
    t.switch_step = 1;
    fc_picture early = run(e, &t);
    assert_same(&without, &at_end);
    assert_false(same_latent(&without, &early));
    fc_picture_fini(&without);
    fc_picture_fini(&at_end);
    fc_picture_fini(&early);
    fc_engine_close(e);
}

static fc_picture run_with_loras(fc_engine *e, const fc_task *t, const fc_lora_choice *loras, int32_t count)
{
    fc_err err = {0};
    const fc_model_choice choice = {.base = fc_test_synth("tiny_base"), .loras = loras, .lora_count = count};
    assert_ok(fc_engine_load(e, &choice, NULL, &err), &err);
    return run(e, t);
}

/* Weight 0 is no LoRA, +w and -w cancel to rounding, taking it off brings the picture back. */
static void test_loras(void **state)
{
    (void)state;
    fc_engine *e = engine_open(FC_PRECISION_F32, 0);
    fc_task t = short_task();
    const char *path = fc_test_golden("lora_kohya.safetensors");
    assert_non_null(path);
    fc_picture none = run_with_loras(e, &t, NULL, 0);
    fc_picture zero = run_with_loras(e, &t, &(fc_lora_choice){path, 0}, 1);
    fc_picture some = run_with_loras(e, &t, &(fc_lora_choice){path, 0.7}, 1);
    fc_picture both = run_with_loras(e, &t, (const fc_lora_choice[]){{path, 0.7}, {path, -0.7}}, 2);
    fc_picture again = run_with_loras(e, &t, NULL, 0);
    assert_same(&none, &zero);
    assert_same(&none, &again);
    assert_true(fc_test_rel_error(some.latent, none.latent, latent_count(&none)) > 1e-2);
    assert_rel_error("+w then -w", both.latent, none.latent, latent_count(&none),
                     1.5e-5); /* measured 5.1e-6 */
    fc_picture_fini(&none);
    fc_picture_fini(&zero);
    fc_picture_fini(&some);
    fc_picture_fini(&both);
    fc_picture_fini(&again);
    fc_engine_close(e);
}

/* Every weight is prepared for one use and dropped again: the same picture, nothing kept. */
static void test_low_memory(void **state)
{
    (void)state;
    fc_err err = {0};
    fc_engine *fast = engine_open(FC_PRECISION_F32, 0), *low = NULL;
    assert_ok(fc_engine_open(&(fc_engine_config){.precision = FC_PRECISION_F32, .memory = FC_MEMORY_LOW},
                             &low, &err),
              &err);
    fc_task t = short_task();
    load(fast, false);
    load(low, false);
    fc_picture a = run(fast, &t), b = run(low, &t);
    fc_engine_report kept, dropped;
    fc_engine_describe(fast, &kept);
    fc_engine_describe(low, &dropped);
    assert_same(&a, &b);
    assert_true(dropped.packed_bytes < kept.packed_bytes / 20); /* vectors stay */
    fc_picture_fini(&a);
    fc_picture_fini(&b);
    fc_engine_close(fast);
    fc_engine_close(low);
}

/* ---- events and stopping ---- */

struct watcher {
    int cancel, store, at_step, steps;
};

static void watch(void *user, const fc_event *event)
{
    struct watcher *w = user;
    if (event->kind != FC_EVENT_STEP) return;
    assert_int_equal(event->step, ++w->steps);
    if (event->step == w->at_step) w->cancel = w->store;
}

static void test_stop(void **state)
{
    (void)state;
    fc_engine *e = engine_open(FC_PRECISION_F32, 0);
    fc_task t = short_task();
    fc_err err = {0};
    fc_picture p, whole;
    load(e, false);
    struct watcher w = {.store = FC_STOP, .at_step = 2};
    fc_hooks hooks = {.user = &w, .on_event = watch, .cancel = &w.cancel};
    assert_fails(fc_engine_run(e, &t, &hooks, &p, &err), FC_CANCELLED, &err, NULL);
    assert_int_equal(w.steps, 2);
    assert_int_equal(w.cancel, FC_STOP);
    assert_null(p.rgb);
    w = (struct watcher){.store = FC_SKIP_IMAGE, .at_step = 1};
    assert_fails(fc_engine_run(e, &t, &hooks, &p, &err), FC_CANCELLED, &err, NULL);
    assert_int_equal(w.cancel, FC_RUN); /* a skip is used up */
    w = (struct watcher){.at_step = -1};
    assert_ok(fc_engine_run(e, &t, &hooks, &p, &err), &err);
    assert_int_equal(w.steps, 4);
    whole = run(e, &t);
    assert_same(&whole, &p); /* nothing of the stopped runs is left */
    fc_picture_fini(&p);
    fc_picture_fini(&whole);
    fc_engine_close(e);
}

static void test_wrong_tasks(void **state)
{
    (void)state;
    fc_engine *e = engine_open(FC_PRECISION_F32, 0);
    fc_err err = {0};
    fc_picture p;
    fc_task t = short_task();
    assert_fails(fc_engine_run(e, &t, NULL, &p, &err), FC_ARG, &err, "no model");
    load(e, false);
    t.width = 100;
    assert_fails(fc_engine_run(e, &t, NULL, &p, &err), FC_ARG, &err, "multiples of 8");
    t = short_task();
    t.steps = 0;
    assert_fails(fc_engine_run(e, &t, NULL, &p, &err), FC_ARG, &err, "steps");
    t = short_task();
    t.sampler = "eular";
    assert_fails(fc_engine_run(e, &t, NULL, &p, &err), FC_ARG, &err, "sampler");
    const fc_model_choice missing = {.base = "/nonexistent/model.safetensors"};
    assert_fails(fc_engine_load(e, &missing, NULL, &err), FC_NOT_FOUND, &err, "/nonexistent");
    const fc_model_choice other = {.base = fc_test_synth("taesd_decoder")};
    assert_fails(fc_engine_load(e, &other, NULL, &err), FC_UNSUPPORTED, &err, NULL);
    t = short_task();
    fc_picture still = run(e, &t); /* the former model stays */
    fc_picture_fini(&still);
    fc_engine_close(e);
}

struct torture {
    const char *model;
};

static fc_status torture_run(void *user)
{
    const struct torture *t = user;
    fc_engine *e = NULL;
    fc_err err = {0};
    fc_picture p = {0};
    const fc_model_choice choice = {.base = t->model};
    fc_task task = short_task();
    task.width = task.height = 64;
    task.steps = 1;
    fc_status s = fc_engine_open(&(fc_engine_config){.precision = FC_PRECISION_F32}, &e, &err);
    if (!s) s = fc_engine_load(e, &choice, NULL, &err);
    if (!s) s = fc_engine_run(e, &task, NULL, &p, &err);
    fc_picture_fini(&p);
    fc_engine_close(e);
    return s;
}

/* Every n-th allocation of a whole run fails once, with growing steps: open, bind, encode, sample, decode all
 * come by. */
static void test_torture(void **state)
{
    (void)state;
    struct torture t = {fc_test_synth("tiny_base")};
    int failures = 0;
    for (uint64_t n = 1;; n += 1 + n / 8) {
        fc_mem_fail_at(n);
        fc_status s = torture_run(&t);
        uint64_t made = fc_mem_fail_at(0);
        if (made < n) {
            assert_int_equal(s, FC_OK);
            break;
        }
        assert_true(s == FC_NOMEM || s == FC_OK);
        failures += s == FC_NOMEM;
    }
    assert_true(failures > 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),  cmocka_unit_test(test_reference_2_5),
        cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_swap_at_the_end),
        cmocka_unit_test(test_loras),      cmocka_unit_test(test_low_memory),
        cmocka_unit_test(test_stop),       cmocka_unit_test(test_wrong_tasks),
        cmocka_unit_test(test_torture),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

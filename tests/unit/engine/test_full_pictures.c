/* Variations, enlarged pictures and painting under a mask or beyond edges against Fooocus 2.5.5, from pixels
 * to pixels: the cases of v25_vary and v25_inpaint, whose 1024, 2048 and 2800 are 256, 512 and 700. Its data
 * are not in tests/golden; minutes of work. FC_TEST_CASE names one case. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/image.h"
#include "picture/inpaint.h"
#include "support/runs.h"
#include "support/synth.h"

enum { MAX_TEXTS = 8, LEAST = 256, MOST = 512, LARGEST = 700 };

struct bench {
    json_t *root, *texts;
    fc_safetensors golden;
    fc_engine *engine;
    const char *upscaler;
};

/* ---- an upscaler that repeats every pixel 4 x 4, which the reference's runs had ---- */

enum { WIDTH = 4 };

static fc_status fill_identity(void *user, size_t index, uint64_t offset, void *dst, size_t size, fc_err *err)
{
    const fc_synth *s = user;
    const fc_synth_tensor *t = &s->tensors[index];
    float *values = dst;
    (void)err;
    assert_int_equal(offset, 0);
    memset(dst, 0, size);
    if (strncmp(t->name, "model.1.", 8) == 0) return FC_OK; /* blocks and trunk add nothing */
    if (t->ndim == 1) {
        /* so that truncation gives the pixel back */
        for (int64_t i = 0; i < t->shape[0] && t->shape[0] == 3; i++) values[i] = 0.5f / 255.0f;
        return FC_OK;
    }
    for (int64_t i = 0; i < t->shape[0] && i < t->shape[1] && i < 3; i++)
        values[(i * t->shape[1] + i) * 9 + 4] = 1;
    return FC_OK;
}

static void add_conv(fc_synth *s, const char *name, int64_t out, int64_t in)
{
    char full[80];
    snprintf(full, sizeof full, "%s.weight", name);
    fc_synth_add(s, full, 4, (int64_t[]){out, in, 3, 3}, 0, 0);
    snprintf(full, sizeof full, "%s.bias", name);
    fc_synth_add(s, full, 1, &out, 0, 0);
}

static const char *repeating_upscaler(void)
{
    fc_synth s;
    fc_err err = {0};
    fc_st_source sources[80] = {{0}};
    const char *path = fc_test_tmp_path("repeat.safetensors");
    fc_synth_init(&s);
    add_conv(&s, "model.0", WIDTH, 3);
    for (int d = 1; d <= 3; d++)
        for (int c = 0; c < 5; c++) {
            char name[60];
            snprintf(name, sizeof name, "model.1.sub.0.RDB%d.conv%d.0", d, c + 1);
            add_conv(&s, name, WIDTH, WIDTH * (c + 1));
        }
    add_conv(&s, "model.1.sub.1", WIDTH, WIDTH);
    add_conv(&s, "model.3", WIDTH, WIDTH);
    add_conv(&s, "model.6", WIDTH, WIDTH);
    add_conv(&s, "model.8", WIDTH, WIDTH);
    add_conv(&s, "model.10", 3, WIDTH);
    for (size_t i = 0; i < s.count; i++) {
        sources[i] = (fc_st_source){.name = s.tensors[i].name, .dtype = FC_F32, .ndim = s.tensors[i].ndim};
        memcpy(sources[i].shape, s.tensors[i].shape, sizeof s.tensors[i].shape);
    }
    const fc_st_write what = {.tensors = sources, .count = s.count, .fill = fill_identity, .user = &s};
    assert_ok(fc_safetensors_write(path, &what, &err), &err);
    fc_synth_fini(&s);
    return path;
}

/* ---- cases ---- */

static void bench_open(struct bench *b, const char *name, char *store)
{
    char file[40];
    snprintf(file, sizeof file, "%s.json", name);
    b->root = fc_test_golden_json(file);
    b->texts = fc_test_golden_json("v25_pipeline.json");
    snprintf(file, sizeof file, "%s.safetensors", name);
    fc_test_golden_open_full(&b->golden, file);
    b->engine = run_engine(FC_PRECISION_F32, 0);
    snprintf(store, 4096, "%s", repeating_upscaler());
    b->upscaler = store;
}

static void bench_close(struct bench *b)
{
    fc_engine_close(b->engine);
    fc_safetensors_close(&b->golden);
    json_decref(b->root);
    json_decref(b->texts);
}

static fc_text_list texts_of(const struct bench *b, json_t *which, const char *store[MAX_TEXTS])
{
    json_t *list = json_object_get(json_object_get(b->texts, "texts"), json_string_value(which));
    int32_t n = (int32_t)json_array_size(list);
    for (int32_t i = 0; i < n; i++) store[i] = json_string_value(json_array_get(list, (size_t)i));
    return (fc_text_list){store, n, n};
}

static double number(json_t *c, const char *name)
{
    return json_number_value(json_object_get(c, name));
}

static const char *text(json_t *c, const char *name)
{
    return json_string_value(json_object_get(c, name));
}

static fc_task task_of(const struct bench *b, json_t *c, const char *positive[MAX_TEXTS],
                       const char *negative[MAX_TEXTS])
{
    json_t *s = json_object_get(c, "settings");
    fc_task t = run_task(positive, negative);
    t.recipe = FC_RECIPE_2_5;
    t.positive = texts_of(b, json_object_get(c, "pos"), positive);
    t.negative = texts_of(b, json_object_get(c, "neg"), negative);
    t.seed = (uint64_t)number(c, "seed");
    t.steps = (int32_t)number(c, "steps");
    t.switch_step = (int32_t)number(c, "switch");
    t.sampler = text(c, "sampler");
    t.scheduler = text(c, "scheduler");
    t.cfg = number(c, "cfg");
    t.sharpness = number(s, "sharpness");
    t.adaptive_cfg = number(s, "adaptive_cfg");
    t.adm_end = number(s, "adm_scaler_end");
    t.adm_positive = number(s, "positive_adm_scale");
    t.adm_negative = number(s, "negative_adm_scale");
    t.work.denoise = number(c, "denoise");
    if (!json_is_true(json_object_get(c, "native"))) { /* else Fooocus's own sizes */
        t.work.least = LEAST;
        t.work.most = MOST;
        t.work.largest = LARGEST;
    }
    t.work.mean = strcmp(text(c, "posterior"), "mean") == 0;
    return t;
}

static fc_pixels read_picture(const char *file)
{
    fc_buf bytes;
    fc_pixels p = {0};
    fc_err err = {0};
    fc_buf_init(&bytes, 1 << 22);
    assert_ok(fc_file_read(fc_test_golden(file), &bytes, &err), &err);
    assert_ok(fc_image_decode_input(&p, bytes.data, bytes.len, 1 << 22, &err), &err);
    fc_buf_fini(&bytes);
    assert_int_equal(p.channels, 3);
    return p;
}

/* Measured: big_subtle_mean 1.2e-4 (its picture is made smaller first), up15 1.84e-5, up2_mean 2.45e-5,
 * outpaint_all_mean 1.16e-5, the others 2.9e-6 to 6.8e-6. */
static double limit_of(const char *name)
{
    static const char *const enlarged[] = {"up15", "up2_mean", "outpaint_all_mean"};
    if (strcmp(name, "big_subtle_mean") == 0) return 2.5e-4;
    for (size_t i = 0; i < sizeof enlarged / sizeof *enlarged; i++)
        if (strcmp(name, enlarged[i]) == 0) return 3.4e-5;
    return 8.5e-6;
}

static void check_final(const struct bench *b, const char *name, const fc_picture *p)
{
    char key[60];
    snprintf(key, sizeof key, "%s.final", name);
    fc_test_array want = fc_test_array_load(&b->golden, key);
    assert_int_equal(want.count, run_latent_count(p));
    assert_rel_error(key, p->latent, want.data, want.count, limit_of(name));
    fc_test_array_free(&want);
}

static void check_pixels(const struct bench *b, const char *name, const char *what, const fc_picture *p)
{
    char key[60];
    snprintf(key, sizeof key, "%s.%s", name, what);
    if (!fc_test_has(&b->golden, key)) return;
    fc_test_array want = fc_test_array_load(&b->golden, key);
    size_t off = 0, far = 0;
    assert_int_equal(want.count, (size_t)p->width * (size_t)p->height * 3);
    for (size_t i = 0; i < want.count; i++) {
        double d = fabs((double)p->rgb[i] - (double)want.data[i]);
        off += d != 0;
        far += d > 1;
        assert_true(d <= 2);
    }
    /* Decoding and laying back both truncate. Measured: 1 value of outpaint_all_mean is off by 2, no other.
     */
    assert_true(far <= 1);
    assert_at_most(key, (double)off / (double)want.count, 1e-3);
    fc_test_array_free(&want);
}

static bool is_wanted(const char *name)
{
    const char *only = getenv("FC_TEST_CASE");
    return !only || strcmp(only, name) == 0;
}

/* ---- vary and upscale ---- */

static void check_vary(struct bench *b, const char *name, json_t *c)
{
    const char *positive[MAX_TEXTS], *negative[MAX_TEXTS], *method = text(c, "method");
    char file[40];
    fc_err err = {0};
    const fc_model_choice choice = {.base = fc_test_synth("tiny_base"), .upscaler = b->upscaler};
    fc_task t = task_of(b, c, positive, negative);
    snprintf(file, sizeof file, "v25_vary_%s.png", text(c, "pic"));
    fc_pixels p = read_picture(file);
    const fc_task_input in = {FC_INPUT_PICTURE, p.data, p.w, p.h};
    t.work.kind = strncmp(method, "vary", 4) == 0 ? FC_WORK_VARY : FC_WORK_UPSCALE;
    t.work.factor = strstr(method, "1.5") ? 1.5 : 2;
    t.work.encoding_seed = 778;
    t.inputs = &in;
    t.input_count = 1;
    assert_ok(fc_engine_load(b->engine, &choice, NULL, &err), &err);
    fc_picture made = run_picture(b->engine, &t);
    check_final(b, name, &made);
    check_pixels(b, name, "image_u8", &made);
    fc_picture_fini(&made);
    fc_pixels_fini(&p);
}

static void test_vary(void **state)
{
    (void)state;
    static char store[4096];
    struct bench b;
    const char *name;
    json_t *c;
    bench_open(&b, "v25_vary", store);
    json_object_foreach(json_object_get(b.root, "cases"), name, c)
    {
        if (is_wanted(name)) check_vary(&b, name, c);
    }
    bench_close(&b);
}

/* ---- inpaint and outpaint ---- */

static void set_margins(json_t *c, const fc_pixels *p, fc_image_work *work)
{
    static const char *const sides[] = {"top", "bottom", "left", "right"};
    size_t i;
    json_t *side;
    json_array_foreach(json_object_get(c, "outpaint"), i, side)
    {
        for (int k = 0; k < 4; k++)
            if (strcmp(json_string_value(side), sides[k]) == 0)
                work->margin[k] = fc_inpaint_margin(k < 2 ? p->h : p->w, 0.3);
    }
}

/* A drawing of edges as control picture, when the case has one: [stop, weight]. Its pixels are the caller's.
 */
static uint8_t *add_edges(const struct bench *b, json_t *c, fc_model_choice *choice, fc_task_guides *guides)
{
    json_t *canny = json_object_get(c, "canny");
    if (!json_is_array(canny)) return NULL;
    const fc_st_tensor *grey = fc_safetensors_find(&b->golden, "image.canny");
    assert_int_equal(grey->ndim, 2);
    int32_t h = (int32_t)grey->shape[0], w = (int32_t)grey->shape[1];
    uint8_t *rgb = fc_alloc((size_t)h * (size_t)w * 3);
    assert_non_null(rgb);
    for (int32_t i = 0; i < h * w; i++) memset(rgb + 3 * i, ((const uint8_t *)grey->data)[i], 3);
    guides->softness = number(json_object_get(c, "settings"), "controlnet_softness");
    guides->controls[0] = (fc_task_control){.rgb = rgb,
                                            .width = w,
                                            .height = h,
                                            .stop = json_number_value(json_array_get(canny, 0)),
                                            .weight = json_number_value(json_array_get(canny, 1))};
    guides->control_count = 1;
    choice->controls[0] = fc_test_synth("control_canny");
    return rgb;
}

static void check_inpaint(struct bench *b, const char *name, json_t *c)
{
    const char *positive[MAX_TEXTS], *negative[MAX_TEXTS];
    char file[40], key[40];
    fc_err err = {0};
    bool engine = json_is_true(json_object_get(c, "engine"));
    fc_model_choice choice = {.base = fc_test_synth("tiny_base"), .upscaler = b->upscaler};
    fc_task t = task_of(b, c, positive, negative);
    snprintf(file, sizeof file, "v25_inpaint_%s.png", text(c, "pic"));
    snprintf(key, sizeof key, "mask.%s", text(c, "pic"));
    fc_pixels p = read_picture(file);
    const fc_st_tensor *mask = fc_safetensors_find(&b->golden, key);
    const fc_task_input in[] = {{FC_INPUT_PICTURE, p.data, p.w, p.h}, {FC_INPUT_MASK, mask->data, p.w, p.h}};
    if (engine) {
        choice.inpaint_head = fc_test_synth("inpaint_head");
        choice.inpaint_patch = fc_test_synth("inpaint_tiny");
    }
    t.work.kind = FC_WORK_INPAINT;
    t.work.denoise = number(c, "strength");
    t.work.field = number(c, "field");
    t.work.forget = json_is_true(json_object_get(c, "disable_initial"));
    t.work.engine = engine;
    t.work.mask_fade = FC_MASK_FADE;
    t.work.encoding_seed = 777;
    set_margins(c, &p, &t.work);
    t.inputs = in;
    t.input_count = 2;
    fc_task_guides guides = {0};
    uint8_t *edges = add_edges(b, c, &choice, &guides);
    if (edges) t.guides = &guides;
    assert_ok(fc_engine_load(b->engine, &choice, NULL, &err), &err);
    fc_picture made = run_picture(b->engine, &t);
    check_final(b, name, &made);
    check_pixels(b, name, "pasted_u8", &made);
    fc_picture_fini(&made);
    fc_pixels_fini(&p);
    fc_free(edges);
}

static void test_inpaint(void **state)
{
    (void)state;
    static char store[4096];
    struct bench b;
    const char *name;
    json_t *c;
    bench_open(&b, "v25_inpaint", store);
    if (!fc_test_has(&b.golden, "whole.final")) {
        bench_close(&b);
        skip();
    }
    json_object_foreach(json_object_get(b.root, "cases"), name, c)
    {
        if (is_wanted(name)) check_inpaint(&b, name, c);
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vary), cmocka_unit_test(test_inpaint)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

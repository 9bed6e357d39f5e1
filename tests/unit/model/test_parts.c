/* Models that come in parts: without text encoders, without VAE, with weights of 8 bits, a VAE of its own in
 * both spellings, a refiner without text encoder. What is borrowed gives the same picture as the whole file,
 * bit for bit, and is told. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "engine/engine.h"
#include "support/nano.h"
#include "support/runs.h"
#include "support/support.h"
#include "support/synth.h"

enum { MAX_TENSORS = 4000 };
#define UNET "model.diffusion_model."
#define VAE  "first_stage_model."

/* Names that are kept (NULL: all), and a prefix that is taken off. */
typedef struct part {
    const char *name, *keep, *drop;
    fc_dtype dtype; /* FC_DTYPE_COUNT: as it is */
} part;

/* The code of 8 bits that is nearest to each of the 65536 values of BF16. */
static void make_codes(fc_dtype dtype, uint8_t codes[65536])
{
    float known[256];
    uint8_t bytes[256];
    for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
    fc_to_f32(known, bytes, dtype, 256);
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t bits = (uint16_t)i;
        float v, best = INFINITY;
        fc_to_f32(&v, &bits, FC_BF16, 1);
        codes[i] = 0;
        for (int k = 0; k < 256; k++) {
            float distance = fabsf(known[k] - v);
            if (isfinite(known[k]) && distance < best) codes[i] = (uint8_t)k, best = distance;
        }
    }
}

static void *convert(const fc_st_tensor *t, fc_dtype dtype)
{
    static uint8_t codes[65536];
    static fc_dtype made = FC_DTYPE_COUNT;
    float *values = fc_alloc(t->count * sizeof *values);
    uint8_t *out = fc_alloc(t->count * fc_dtype_size(dtype));
    fc_to_f32(values, t->data, t->dtype, t->count);
    if (dtype == FC_F32) {
        memcpy(out, values, t->count * sizeof *values);
    } else {
        uint16_t *bits = fc_alloc(t->count * sizeof *bits);
        if (made != dtype) make_codes(dtype, codes);
        made = dtype;
        fc_from_f32(bits, FC_BF16, values, t->count);
        for (size_t i = 0; i < t->count; i++) out[i] = codes[bits[i]];
        fc_free(bits);
    }
    fc_free(values);
    return out;
}

/* Writes some of the tensors of a file under a new name; returns its path. */
static const char *cut(const char *whole, const part *p)
{
    static char paths[16][300];
    static int next;
    static fc_st_source tensors[MAX_TENSORS];
    static void *copies[MAX_TENSORS];
    fc_safetensors st;
    fc_err err = {0};
    size_t count = 0;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", fc_test_tmpdir(), p->name);
    assert_ok(fc_safetensors_open(&st, whole, &err), &err);
    for (size_t i = 0; i < st.count; i++) {
        const fc_st_tensor *t = &st.tensors[i];
        if (p->keep && !fc_str_starts(t->name, p->keep)) continue;
        if (p->drop && fc_str_starts(t->name, p->drop)) continue;
        const char *name = t->name + (p->keep ? strlen(p->keep) : 0);
        bool narrow = p->dtype != FC_DTYPE_COUNT && fc_str_starts(t->name, UNET) && t->ndim > 1;
        copies[count] = narrow ? convert(t, p->dtype) : NULL;
        fc_st_source *s = &tensors[count];
        *s = (fc_st_source){.name = name,
                            .dtype = narrow ? p->dtype : t->dtype,
                            .ndim = t->ndim,
                            .data = narrow ? copies[count] : t->data};
        memcpy(s->shape, t->shape, sizeof t->shape);
        count++;
    }
    assert_true(count > 0);
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = tensors, .count = count}, &err), &err);
    for (size_t i = 0; i < count; i++) fc_free(copies[i]);
    fc_safetensors_close(&st);
    return path;
}

/* ---- pictures ---- */

static char warnings[2000];

static void on_event(void *user, const fc_event *e)
{
    (void)user;
    if (e->kind == FC_EVENT_WARNING)
        snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n", e->text);
}

static fc_picture paint(const fc_model_choice *choice, fc_recipe_id recipe)
{
    static const char *const positive = "a red fox in the snow", *const negative = "blurry";
    fc_task t = run_task(&positive, &negative);
    t.recipe = recipe;
    t.seed = 7;
    t.width = t.height = 64;
    t.steps = 2;
    t.sampler = "euler";
    t.sharpness = 0;
    t.adm_end = 0.3;
    t.switch_step = choice->refiner ? 1 : -1;
    const fc_hooks hooks = {.on_event = on_event};
    fc_engine *e;
    fc_picture p;
    fc_err err = {0};
    warnings[0] = '\0';
    assert_ok(fc_engine_open(&(fc_engine_config){.precision = FC_PRECISION_F32, .threads = 2}, &e, &err),
              &err);
    assert_ok(fc_engine_load(e, choice, &hooks, &err), &err);
    assert_ok(fc_engine_run(e, &t, &hooks, &p, &err), &err);
    fc_engine_close(e);
    return p;
}

static void same(fc_picture a, fc_picture b)
{
    assert_memory_equal(a.latent, b.latent,
                        (size_t)a.latent_width * (size_t)a.latent_height * 4 * sizeof *a.latent);
    assert_memory_equal(a.rgb, b.rgb, (size_t)a.width * (size_t)a.height * 3);
    fc_picture_fini(&a);
    fc_picture_fini(&b);
}

static fc_status load(const fc_model_choice *choice, fc_err *err)
{
    fc_engine *e;
    *err = (fc_err){0};
    assert_ok(fc_engine_open(&(fc_engine_config){.threads = 2}, &e, err), err);
    fc_status s = fc_engine_load(e, choice, NULL, err);
    fc_engine_close(e);
    return s;
}

/* ---- tests ---- */

static void test_no_text_encoders(void **state)
{
    static const part parts[] = {{"unet.safetensors", UNET, NULL, FC_DTYPE_COUNT},
                                 {"no_text.safetensors", NULL, "conditioner.", FC_DTYPE_COUNT}};
    const char *whole = fc_test_synth("tiny_base");
    fc_err err;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *cut_path = cut(whole, &parts[i]);
        same(paint(&(fc_model_choice){.base = cut_path, .fallback = whole}, FC_RECIPE_2_5),
             paint(&(fc_model_choice){.base = whole}, FC_RECIPE_2_5));
        fc_picture told = paint(&(fc_model_choice){.base = cut_path, .fallback = whole}, FC_RECIPE_2_5);
        fc_picture_fini(&told);
        assert_non_null(strstr(warnings, "has no text encoders: those of"));
        assert_true((strstr(warnings, "has no VAE") != NULL) == (i == 0));
        assert_fails(load(&(fc_model_choice){.base = cut_path}, &err), FC_UNSUPPORTED, &err, "default_model");
    }
    /* what lends must be whole */
    const char *alone = cut(whole, &parts[0]);
    assert_fails(load(&(fc_model_choice){.base = alone, .fallback = cut(whole, &parts[1])}, &err),
                 FC_UNSUPPORTED, &err, "text encoders");
}

/* A LoRA changes the base and the text encoders that it borrows, and only what fits neither is told. */
static void test_lora_on_parts(void **state)
{
    static const part unet = {"unet.safetensors", UNET, NULL, FC_DTYPE_COUNT};
    const fc_lora_choice lora = {fc_test_golden("lora_kohya.safetensors"), 0.7};
    const char *whole = fc_test_synth("tiny_base"), *cut_path = cut(whole, &unet);
    const fc_model_choice entire = {.base = whole, .loras = &lora, .lora_count = 1},
                          parts = {.base = cut_path, .fallback = whole, .loras = &lora, .lora_count = 1};
    (void)state;
    fc_picture want = paint(&entire, FC_RECIPE_2_5);
    const char *misfit = strstr(warnings, "lora_kohya.safetensors: 57 of its 58 parts are used");
    assert_non_null(misfit);
    char text[sizeof warnings];
    snprintf(text, sizeof text, "%s", misfit);
    same(paint(&parts, FC_RECIPE_2_5), want);
    assert_non_null(strstr(warnings, text));
}

/* Without a named fallback the first neighbour that fits lends: not the file itself, nor one that lacks the
 * same, nor a model of other widths. */
static void test_neighbours_lend(void **state)
{
    (void)state;
    static const part no_vae = {"no_vae.safetensors", NULL, VAE, FC_DTYPE_COUNT},
                      unet = {"unet.safetensors", UNET, NULL, FC_DTYPE_COUNT};
    const char *whole = fc_test_synth("tiny_base"), *without = cut(whole, &no_vae),
               *alone = cut(whole, &unet);
    const char *refiner = fc_test_synth("tiny_refiner");
    const char *const neighbours[] = {without, "/nonexistent", refiner, alone, whole};
    const fc_model_choice choices[] = {
        {.base = without, .neighbours = neighbours, .neighbour_count = 5},
        {.base = alone, .neighbours = neighbours, .neighbour_count = 5},
        {.base = without, .fallback = alone, .neighbours = neighbours, .neighbour_count = 5}};
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        same(paint(&choices[i], FC_RECIPE_2_5), paint(&(fc_model_choice){.base = whole}, FC_RECIPE_2_5));
    fc_err err; /* encoders without a VAE are lent too */
    assert_ok(load(&(fc_model_choice){.base = alone, .neighbours = neighbours, .neighbour_count = 4}, &err),
              &err);
}

/* A named fallback of another family is refused before anything is read beyond its end. */
static void test_strange_lender(void **state)
{
    (void)state;
    static const part unet = {"unet.safetensors", UNET, NULL, FC_DTYPE_COUNT};
    fc_synth s;
    fc_engine *e;
    fc_picture p;
    fc_err err = {0};
    const char *nano = fc_test_tmp_path("nano.safetensors");
    fc_synth_init(&s);
    fc_nano_unet(&s, FC_NANO_MIDDLE_FULL);
    fc_nano_clip_l(&s);
    fc_nano_clip_g(&s);
    fc_nano_vae(&s);
    assert_ok(fc_synth_write(nano, &s, FC_F16, &err), &err);
    fc_synth_fini(&s);
    assert_ok(fc_engine_open(&(fc_engine_config){.threads = 2}, &e, &err), &err);
    const fc_model_choice choice = {.base = cut(fc_test_synth("tiny_base"), &unet), .fallback = nano};
    fc_status status = fc_engine_load(e, &choice, NULL, &err);
    if (status == FC_OK) {
        const char *words = "a cat";
        fc_task task = run_task(&words, &words);
        task.width = task.height = 64;
        task.steps = 1;
        status = fc_engine_run(e, &task, NULL, &p, &err);
    }
    assert_fails(status, FC_UNSUPPORTED, &err, NULL);
    fc_engine_close(e);
}

static void test_no_vae(void **state)
{
    static const part no_vae = {"no_vae.safetensors", NULL, VAE, FC_DTYPE_COUNT},
                      vae = {"vae.safetensors", VAE, NULL, FC_DTYPE_COUNT};
    const char *whole = fc_test_synth("tiny_base"), *without = cut(whole, &no_vae);
    (void)state;
    same(paint(&(fc_model_choice){.base = without, .fallback = whole}, FC_RECIPE_2_5),
         paint(&(fc_model_choice){.base = whole}, FC_RECIPE_2_5));
    same(paint(&(fc_model_choice){.base = without, .vae = cut(whole, &vae)}, FC_RECIPE_2_5),
         paint(&(fc_model_choice){.base = whole}, FC_RECIPE_2_5));
    assert_string_equal(warnings, "");
    same(paint(&(fc_model_choice){.base = without, .vae = whole}, FC_RECIPE_2_5),
         paint(&(fc_model_choice){.base = whole}, FC_RECIPE_2_5)); /* a checkpoint as VAE */
}

/* Weights of 8 bits give what the same numbers give in 32. */
static void test_eight_bits(void **state)
{
    static const fc_dtype types[] = {FC_F8_E4M3, FC_F8_E5M2};
    const char *whole = fc_test_synth("tiny_base");
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const part narrow = {"narrow.safetensors", NULL, NULL, types[i]},
                   wide = {"wide.safetensors", NULL, NULL, FC_F32};
        const char *eight = cut(whole, &narrow), *again = cut(eight, &wide);
        same(paint(&(fc_model_choice){.base = eight}, FC_RECIPE_2_5),
             paint(&(fc_model_choice){.base = again}, FC_RECIPE_2_5));
    }
}

static void test_refiner_without_text(void **state)
{
    static const part unet = {"refiner_unet.safetensors", UNET, NULL, FC_DTYPE_COUNT};
    const char *base = fc_test_synth("tiny_base"), *refiner = fc_test_synth("tiny_refiner");
    (void)state;
    /* 2.5 reads the base's texts in any case */
    same(paint(&(fc_model_choice){.base = base, .refiner = cut(refiner, &unet)}, FC_RECIPE_2_5),
         paint(&(fc_model_choice){.base = base, .refiner = refiner}, FC_RECIPE_2_5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_text_encoders),
                                       cmocka_unit_test(test_lora_on_parts),
                                       cmocka_unit_test(test_neighbours_lend),
                                       cmocka_unit_test(test_strange_lender),
                                       cmocka_unit_test(test_no_vae),
                                       cmocka_unit_test(test_eight_bits),
                                       cmocka_unit_test(test_refiner_without_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

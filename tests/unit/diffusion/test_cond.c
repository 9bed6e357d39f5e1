/* Texts to conditions, prompt weights of both recipes included: golden data of ComfyUI 2bc12d3d
 * (tests/golden/clip_tiny.safetensors) and Fooocus 2.5.5 (tests/golden/v25_text.safetensors) on every
 * backend. */
#include "diffusion/cond.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/networks.h"

/* Measured: f32 7.2e-6, bf16 8.1e-3; in bf16 5.6e-2 for the text with weights 0 and -0.5, where restoring the
 * mean divides by a small number. */
static const double F32 = 1e-5, BF16 = 2.4e-2, BF16_EXTREME = 0.16;

struct fixture {
    fc_weights *weights;
    fc_text_encoders encoders;
    fc_clip *l, *g;
    fc_safetensors golden;
    json_t *texts;
    bool refiner;
    double limit;
};

static void fixture_open(struct fixture *f, bool refiner, const char *file, const char *texts)
{
    fc_err err = {0};
    *f = (struct fixture){.refiner = refiner};
    assert_ok(fc_weights_open(&f->weights, fc_test_synth(refiner ? "tiny_refiner" : "tiny_base"), &err),
              &err);
    const char *g = refiner ? FC_CLIP_G_REFINER_PREFIX : FC_CLIP_G_PREFIX;
    if (!refiner) assert_ok(fc_clip_open(&f->l, f->weights, FC_CLIP_L_PREFIX, &err), &err);
    assert_ok(fc_clip_open(&f->g, f->weights, g, &err), &err);
    f->encoders = (fc_text_encoders){f->l, f->g, &fc_clip_vocab_builtin};
    fc_test_golden_open(&f->golden, file);
    f->texts = json_loads(fc_safetensors_metadata(&f->golden, texts), 0, NULL);
    assert_true(json_array_size(f->texts) >= 4);
}

static void fixture_close(struct fixture *f)
{
    fc_clip_close(f->l);
    fc_clip_close(f->g);
    fc_weights_close(f->weights);
    fc_safetensors_close(&f->golden);
    json_decref(f->texts);
}

static fc_text_result encode(fc_rig *rig, const struct fixture *f, size_t i, const fc_recipe *recipe,
                             int32_t skip)
{
    const char *text = json_string_value(json_array_get(f->texts, i));
    const fc_text_request request = {.text = text, .size = strlen(text), .recipe = recipe, .skip = skip};
    fc_text_result r;
    fc_err err = {0};
    assert_ok(fc_text_encode(&rig->cx, &f->encoders, &request, &r, &err), &err);
    return r;
}

/* Features [first, first + width) of all tokens against a golden tensor. */
static void compare_features(const fc_rig *rig, const struct fixture *f, const fc_text_result *r,
                             const char *name, int32_t first)
{
    char what[64];
    fc_test_array want = fc_test_array_load(&f->golden, name);
    size_t width = (size_t)want.shape[2], tokens = want.count / width;
    assert_int_equal(r->tokens, tokens);
    float *got = fc_calloc(want.count, sizeof *got);
    for (size_t t = 0; t < tokens; t++)
        memcpy(got + t * width, r->context + t * (size_t)r->width + (size_t)first, width * sizeof *got);
    snprintf(what, sizeof what, "%s %s", rig->label, name);
    assert_rel_error(what, got, want.data, want.count, f->limit);
    fc_free(got);
    fc_test_array_free(&want);
}

static void compare_pooled(const struct fixture *f, const fc_text_result *r, const char *name)
{
    fc_test_array want = fc_test_array_load(&f->golden, name);
    assert_int_equal(r->pooled_width, want.count);
    assert_rel_error(name, r->pooled, want.data, want.count, f->limit);
    fc_test_array_free(&want);
}

/* Recipe 1.0: weights move every token, the last but one layer. */
static void check_1_0(fc_rig *rig, void *user)
{
    struct fixture *f = user;
    f->limit = net_limit(rig, F32, BF16);
    const char *tag = f->refiner ? "tiny_refiner" : "tiny";
    for (size_t i = 0; i < 4; i++) {
        char name[64];
        fc_text_result r = encode(rig, f, i, &fc_recipe_1_0, 2);
        int32_t l = f->l ? fc_clip_width(f->l) : 0;
        assert_int_equal(r.width, l + fc_clip_width(f->g));
        snprintf(name, sizeof name, "%s.%zu.l", tag, i);
        if (f->l) compare_features(rig, f, &r, name, 0);
        snprintf(name, sizeof name, "%s.%zu.g", tag, i);
        compare_features(rig, f, &r, name, l);
        snprintf(name, sizeof name, "%s.%zu.g_pooled", tag, i);
        compare_pooled(f, &r, name);
        fc_text_result_fini(&r);
    }
}

static void test_1_0(void **state)
{
    (void)state;
    for (int refiner = 0; refiner < 2; refiner++) {
        struct fixture f;
        fixture_open(&f, refiner, "clip_tiny.safetensors", "prompts");
        fc_rig_each(check_1_0, &f);
        fixture_close(&f);
    }
}

/* Recipe 2.5: chunks keep their mean, unweighted prompts are left alone, any layer (the third from the end:
 * for one text). */
static void check_2_5(fc_rig *rig, void *user)
{
    struct fixture *f = user;
    for (size_t i = 0; i < json_array_size(f->texts); i++) {
        bool extreme = i == 4;
        f->limit = rig->cx.act == FC_F32 ? F32 : extreme ? BF16_EXTREME : BF16;
        for (int32_t skip = 1; skip <= (i == 0 ? 3 : 2); skip++) {
            char name[64];
            fc_text_result r = encode(rig, f, i, &fc_recipe_2_5, skip);
            snprintf(name, sizeof name, "t%zu.skip%d", i, skip);
            compare_features(rig, f, &r, name, 0);
            snprintf(name, sizeof name, "t%zu.skip%d.pooled", i, skip);
            compare_pooled(f, &r, name);
            fc_text_result_fini(&r);
        }
    }
}

static void test_2_5(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, false, "v25_text.safetensors", "texts");
    fc_rig_each(check_2_5, &f);
    fixture_close(&f);
}

/* ---- textual inversion ---- */

/* An embedding "pet" that is the word "fox" of the encoders' own tables; for some encoders only. */
struct pet {
    float *row[2];
    int32_t width[2];
};

static bool find_pet(void *user, const char *name, size_t size, uint32_t *handle, uint32_t *rows)
{
    (void)user;
    *handle = *rows = 1;
    return size == 3 && memcmp(name, "pet", 3) == 0;
}

static const float *pet_row(void *user, uint32_t handle, uint32_t row, bool g, int32_t width)
{
    const struct pet *pet = user;
    assert_int_equal(handle, 1);
    assert_int_equal(row, 0);
    return pet->width[g] == width ? pet->row[g] : NULL;
}

static void pet_init(struct pet *pet, const struct fixture *f)
{
    static const char *const tables[2] = {FC_CLIP_L_PREFIX "embeddings.token_embedding.weight",
                                          FC_CLIP_G_PREFIX "token_embedding.weight"};
    fc_clip_chunks chunks;
    fc_err err = {0};
    assert_ok(fc_clip_chunks_make(&chunks, &fc_clip_vocab_builtin, "fox", 3, &(fc_clip_chunk_opts){0}, &err),
              &err);
    for (int k = 0; k < 2; k++) {
        const fc_weight *w = fc_weights_find(f->weights, tables[k]);
        assert_non_null(w);
        pet->width[k] = (int32_t)fc_weight_cols(w);
        pet->row[k] = fc_alloc((size_t)pet->width[k] * sizeof(float));
        assert_int_equal(fc_weight_read(w, chunks.ids[0][1], 1, pet->row[k]), FC_OK);
    }
    fc_clip_chunks_fini(&chunks);
}

static fc_text_result encode_with(fc_rig *rig, const struct fixture *f, const char *text, struct pet *pet)
{
    const fc_text_embeddings e = {.names = {.user = pet, .find = find_pet}, .row = pet_row};
    const fc_text_request request = {
        .text = text, .size = strlen(text), .recipe = &fc_recipe_1_0, .skip = 2, .embeddings = &e};
    fc_text_result r;
    fc_err err = {0};
    assert_ok(fc_text_encode(&rig->cx, &f->encoders, &request, &r, &err), &err);
    return r;
}

/* Whether features [first, first + width) of all tokens are the same. */
static bool same_features(const fc_text_result *a, const fc_text_result *b, int32_t first, int32_t width)
{
    if (a->tokens != b->tokens) return false;
    for (int32_t t = 0; t < a->tokens; t++)
        if (memcmp(a->context + t * a->width + first, b->context + t * b->width + first,
                   (size_t)width * sizeof(float)) != 0)
            return false;
    return true;
}

static void check_pet(fc_rig *rig, void *user)
{
    struct fixture *f = user;
    struct pet pet;
    pet_init(&pet, f);
    int32_t l = fc_clip_width(f->l), g = fc_clip_width(f->g);
    fc_text_result word = encode_with(rig, f, "a (fox:1.3) in snow", &pet),
                   same = encode_with(rig, f, "a (embedding:pet:1.3) in snow", &pet);
    assert_true(same_features(&word, &same, 0, l + g)); /* it is the word */
    assert_memory_equal(word.pooled, same.pooled, (size_t)word.pooled_width * sizeof(float));
    fc_text_result_fini(&word);
    fc_text_result_fini(&same);
    /* a file for CLIP L alone: G reads the prompt without it; so does everybody when there is no such file */
    pet.width[1] = 0;
    fc_text_result without = encode_with(rig, f, "a in snow", &pet),
                   full = encode_with(rig, f, "a fox in snow", &pet),
                   half = encode_with(rig, f, "a embedding:pet in snow", &pet),
                   missing = encode_with(rig, f, "a embedding:dog in snow", &pet);
    assert_true(same_features(&half, &full, 0, l));
    assert_false(same_features(&half, &full, l, g));
    assert_true(same_features(&half, &without, l, g));
    assert_true(same_features(&missing, &without, 0, l + g));
    fc_text_result_fini(&without);
    fc_text_result_fini(&full);
    fc_text_result_fini(&half);
    fc_text_result_fini(&missing);
    fc_free(pet.row[0]);
    fc_free(pet.row[1]);
}

static void test_embedding(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, false, "v25_text.safetensors", "texts");
    fc_rig_each(check_pet, &f);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_1_0), cmocka_unit_test(test_2_5),
                                       cmocka_unit_test(test_embedding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Text encoders: golden data of the tiny models (tests/golden/clip_tiny.safetensors) on every backend, hidden
 * states by layer, pooling, textual inversion, failing allocations. Weighted prompts are diffusion/cond's:
 * test_cond.c. */
#include "model/clip.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/nano.h"
#include "support/networks.h"

enum { TOKENS = 77 };

/* Measured: f32 6.2e-7, bf16 8.7e-3 */
static const double F32 = 1.8e-6, BF16 = 2.6e-2;

struct fixture {
    fc_weights *weights;
    fc_clip *clip;
    fc_safetensors golden;
    const char *tag;  /* "tiny" */
    const char *part; /* "l" or "g" */
};

static void fixture_open(struct fixture *f, const char *kind, const char *prefix, const char *tag,
                         const char *part)
{
    fc_err err = {0};
    f->tag = tag;
    f->part = part;
    f->weights = net_weights(kind);
    assert_ok(fc_clip_open(&f->clip, f->weights, prefix, &err), &err);
    fc_test_golden_open(&f->golden, "clip_tiny.safetensors");
    assert_int_equal(fc_clip_tokens(f->clip), TOKENS);
}

static void fixture_close(struct fixture *f)
{
    fc_clip_close(f->clip);
    fc_weights_close(f->weights);
    fc_safetensors_close(&f->golden);
}

static fc_test_array golden(const struct fixture *f, int prompt, const char *what, const char *end)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%d.%s%s", f->tag, prompt, what, end);
    return fc_test_array_load(&f->golden, name);
}

static int32_t *golden_ids(const struct fixture *f, int prompt, int32_t *chunks)
{
    fc_test_array t = golden(f, prompt, "tokens_", f->part);
    int32_t *ids = fc_calloc(t.count, sizeof *ids);
    for (size_t i = 0; i < t.count; i++) ids[i] = (int32_t)t.data[i];
    *chunks = (int32_t)t.shape[0];
    fc_test_array_free(&t);
    return ids;
}

/* Prompts 0, 1 and 3 have next to no weights: hidden states can be compared where the weight is 1. */
static void check_prompt(fc_rig *rig, const struct fixture *f, int prompt)
{
    int32_t chunks, width = fc_clip_width(f->clip);
    int32_t *ids = golden_ids(f, prompt, &chunks);
    fc_test_array want = golden(f, prompt, f->part, ""), pooled_want = golden(f, prompt, f->part, "_pooled");
    fc_test_array weights = golden(f, prompt, "weights", "");
    float *got = fc_calloc(want.count, sizeof *got);
    float *pooled = fc_calloc((size_t)fc_clip_pooled_width(f->clip), sizeof *pooled);
    assert_int_equal(pooled_want.count, fc_clip_pooled_width(f->clip));
    fc_clip_encode(&rig->cx, f->clip, &(fc_clip_request){.ids = ids, .n = chunks, .skip = 2, .pool_chunk = 0},
                   got, pooled);
    fc_rig_check(rig);
    for (size_t i = 0; i < want.count; i++)
        if (weights.data[i / (size_t)width] != 1.0f) got[i] = want.data[i];
    char what[64];
    snprintf(what, sizeof what, "%s %s.%s %d", rig->label, f->tag, f->part, prompt);
    assert_rel_error(what, got, want.data, want.count, net_limit(rig, F32, BF16));
    assert_rel_error("pooled", pooled, pooled_want.data, pooled_want.count, net_limit(rig, F32, BF16));
    fc_free(got);
    fc_free(pooled);
    fc_free(ids);
    fc_test_array_free(&want);
    fc_test_array_free(&pooled_want);
    fc_test_array_free(&weights);
}

static void check_prompts(fc_rig *rig, void *user)
{
    for (int prompt = 0; prompt < 4; prompt++) check_prompt(rig, user, prompt);
}

static void test_golden(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *prefix, *tag, *part;
    } cases[] = {{"tiny_base", FC_CLIP_L_PREFIX, "tiny", "l"},
                 {"tiny_base", FC_CLIP_G_PREFIX, "tiny", "g"},
                 {"tiny_refiner", FC_CLIP_G_REFINER_PREFIX, "tiny_refiner", "g"}};
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        fixture_open(&f, cases[i].kind, cases[i].prefix, cases[i].tag, cases[i].part);
        fc_rig_each(check_prompts, &f);
        fixture_close(&f);
    }
}

/* ---- the nano encoders ---- */

struct nano {
    fc_weights *weights;
    fc_clip *l, *g;
};

static const net_builder nano_builders[] = {fc_nano_clip_l, fc_nano_clip_g, NULL};

static void nano_open(struct nano *n)
{
    fc_err err = {0};
    n->weights = net_weights_nano(nano_builders);
    assert_ok(fc_clip_open(&n->l, n->weights, FC_CLIP_L_PREFIX, &err), &err);
    assert_ok(fc_clip_open(&n->g, n->weights, FC_CLIP_G_PREFIX, &err), &err);
}

static void nano_close(struct nano *n)
{
    fc_clip_close(n->l);
    fc_clip_close(n->g);
    fc_weights_close(n->weights);
}

enum { STATE = TOKENS * FC_NANO_WIDTH };

/* Any layer's state, from the last to beyond the first; wanting the pooled vector
 * changes nothing. */
static void test_skip(void **state)
{
    (void)state;
    struct nano n;
    fc_rig rig;
    nano_open(&n);
    fc_rig_open(&rig, "ref", FC_F32, 0);
    int32_t ids[TOKENS] = {98, 5, 6, 7, 99};
    float a[STATE], b[STATE], last[STATE], pooled[FC_NANO_LABEL];
    for (int32_t skip = 0; skip <= 5; skip++) {
        fc_clip_request r = {.ids = ids, .n = 1, .skip = skip, .pool_chunk = -1};
        fc_clip_encode(&rig.cx, n.g, &r, a, NULL);
        r.pool_chunk = 0;
        fc_clip_encode(&rig.cx, n.g, &r, b, pooled);
        fc_rig_check(&rig);
        assert_memory_equal(a, b, sizeof a);
        bool repeats = skip == 1 || skip >= 4; /* 0 is 1; there are two layers, beyond them nothing changes */
        if (skip > 0) assert_int_equal(memcmp(a, last, sizeof a) == 0, repeats);
        memcpy(last, a, sizeof a);
    }
    fc_rig_close(&rig);
    nano_close(&n);
}

/* A row of one's own that equals a row of the table gives the same states; its id never counts as the end
 * token. */
static void test_inversion(void **state)
{
    (void)state;
    struct nano n;
    fc_rig rig;
    nano_open(&n);
    fc_rig_open(&rig, "ref", FC_F32, 0);
    int32_t ids[TOKENS] = {98, 5, 42, 7, 99}, own[TOKENS] = {98, 5, -2, 7, 99};
    float extra[2 * FC_NANO_WIDTH] = {0}, a[STATE], b[STATE], pa[FC_NANO_WIDTH], pb[FC_NANO_WIDTH];
    const fc_weight *table = fc_weights_find(n.weights, FC_CLIP_L_PREFIX "embeddings.token_embedding.weight");
    assert_ok(fc_weight_read(table, 42, 1, extra + FC_NANO_WIDTH), NULL);
    fc_clip_request r = {.ids = ids, .n = 1, .skip = 2, .pool_chunk = 0};
    fc_clip_encode(&rig.cx, n.l, &r, a, pa);
    r.ids = own;
    r.extra = extra;
    fc_clip_encode(&rig.cx, n.l, &r, b, pb);
    fc_rig_check(&rig);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(pa, pb, sizeof pa);
    fc_rig_close(&rig);
    nano_close(&n);
}

/* A token beyond the vocabulary is an error, not a wild read. */
static void test_unknown_token(void **state)
{
    (void)state;
    struct nano n;
    fc_rig rig;
    fc_err err = {0};
    nano_open(&n);
    fc_rig_open(&rig, "ref", FC_F32, 0);
    int32_t ids[TOKENS] = {98, FC_NANO_VOCABULARY};
    float a[STATE];
    fc_clip_encode(&rig.cx, n.l, &(fc_clip_request){.ids = ids, .n = 1, .skip = 2, .pool_chunk = -1}, a,
                   NULL);
    assert_fails(fc_cx_status(&rig.cx, &err), FC_FORMAT, &err, "knows 100 words");
    fc_rig_close(&rig);
    nano_close(&n);
}

static void test_missing(void **state)
{
    (void)state;
    struct nano n;
    fc_clip *c;
    fc_err err = {0};
    nano_open(&n);
    assert_fails(fc_clip_open(&c, n.weights, FC_CLIP_G_REFINER_PREFIX, &err), FC_FORMAT, &err,
                 "no text encoder");
    assert_null(c);
    nano_close(&n);
}

static fc_status open_side(const char *dropped, fc_weights *w)
{
    fc_clip *c;
    bool is_g = strncmp(dropped, FC_CLIP_G_PREFIX, strlen(FC_CLIP_G_PREFIX)) == 0;
    fc_status status = fc_clip_open(&c, w, is_g ? FC_CLIP_G_PREFIX : FC_CLIP_L_PREFIX, NULL);
    fc_clip_close(c);
    return status;
}

/* No tensor can be missing without being noticed, but for a number that nobody reads. */
static void test_every_tensor(void **state)
{
    (void)state;
    fc_synth all;
    fc_synth_init(&all);
    fc_nano_clip_l(&all);
    fc_nano_clip_g(&all);
    net_check_each_missing(&all, open_side, "logit_scale");
    fc_synth_fini(&all);
}

static fc_status open_and_run(fc_rig *rig, fc_weights *w, void *user)
{
    fc_clip *l = NULL, *g = NULL;
    int32_t ids[TOKENS] = {98, 1, 99};
    float hidden[STATE], pooled[FC_NANO_WIDTH];
    fc_clip_request r = {.ids = ids, .n = 1, .skip = 2, .pool_chunk = 0};
    (void)user;
    fc_status status = fc_clip_open(&l, w, FC_CLIP_L_PREFIX, NULL);
    if (status == FC_OK) status = fc_clip_open(&g, w, FC_CLIP_G_PREFIX, NULL);
    if (status == FC_OK) {
        fc_clip_encode(&rig->cx, l, &r, hidden, pooled);
        fc_clip_encode(&rig->cx, g, &r, hidden, pooled);
        status = fc_cx_status(&rig->cx, NULL);
    }
    fc_clip_close(l);
    fc_clip_close(g);
    return status;
}

static void test_torture(void **state)
{
    (void)state;
    const net_run t = {.backend = "ref",
                       .act = FC_F32,
                       .path = net_write_nano("nano.safetensors", nano_builders),
                       .run = open_and_run};
    assert_true(net_torture(&t) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_skip),
        cmocka_unit_test(test_inversion),    cmocka_unit_test(test_unknown_token),
        cmocka_unit_test(test_missing),      cmocka_unit_test(test_torture),
        cmocka_unit_test(test_every_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

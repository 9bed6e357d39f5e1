/* UNet: golden outputs of the tiny base and refiner on every backend (tests/golden/unet_tiny.safetensors),
 * every block of one case, and what must hold for any input: batches, threads, cancelling, failing
 * allocations, broken files. */
#include "model/unet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/nano.h"
#include "support/networks.h"

enum { CHANNELS = 4, MAX_STORED = 64 };

/* A model and the golden data of its cases. */
struct fixture {
    const char *kind;
    fc_weights *weights;
    fc_unet *unet;
    fc_safetensors golden;
};

static void fixture_open(struct fixture *f, const char *kind)
{
    fc_err err = {0};
    *f = (struct fixture){.kind = kind};
    f->weights = net_weights(kind);
    assert_ok(fc_unet_open(&f->unet, f->weights, &err), &err);
    fc_test_golden_open(&f->golden, "unet_tiny.safetensors");
}

static void fixture_close(struct fixture *f)
{
    fc_unet_close(f->unet);
    fc_weights_close(f->weights);
    fc_safetensors_close(&f->golden);
}

static fc_test_array golden(const struct fixture *f, const char *name, const char *what)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s.%s", f->kind, name, what);
    return fc_test_array_load(&f->golden, full);
}

static bool has_golden(const struct fixture *f, const char *name, const char *what)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s.%s", f->kind, name, what);
    return fc_test_has(&f->golden, full);
}

/* The inputs of one golden case, on the host, images as [n][h][w][c]. */
struct input {
    int32_t n, h, w, tokens;
    float *x, *context, *y, *t;
};

static struct input input_load(const struct fixture *f, const char *name)
{
    fc_test_array x = golden(f, name, "x"), c = golden(f, name, "context"), y = golden(f, name, "y"),
                  t = golden(f, name, "t");
    struct input in = {(int32_t)x.shape[0],
                       (int32_t)x.shape[2],
                       (int32_t)x.shape[3],
                       (int32_t)c.shape[1],
                       fc_test_nhwc(&x),
                       c.data,
                       y.data,
                       t.data};
    fc_test_array_free(&x);
    return in;
}

static void input_free(struct input *in)
{
    fc_free(in->x);
    fc_free(in->context);
    fc_free(in->y);
    fc_free(in->t);
}

static size_t out_count(const struct input *in)
{
    return (size_t)in->n * (size_t)in->h * (size_t)in->w * CHANNELS;
}

/* Runs entries [first, first + n) of the input; out [n][h][w][4]. */
static void run_part(fc_cx *cx, const fc_unet *u, const struct input *in, int32_t first, int32_t n,
                     float *out)
{
    const fc_unet_layout *l = fc_unet_layout_get(u);
    size_t from = (size_t)first, pixels = (size_t)in->h * (size_t)in->w * CHANNELS;
    size_t text = (size_t)in->tokens * (size_t)l->context_width;
    fc_unet_cond cond;
    fc_mark m = fc_enter(cx, NULL);
    fc_tensor context = fc_upload(cx, FC_F32, in->context + from * text, n, 1, in->tokens, l->context_width);
    fc_unet_set_context(cx, u, context, &cond);
    fc_unet_set_label(cx, u, in->y + from * (size_t)l->label_width, n, &cond);
    fc_tensor x = fc_upload(cx, FC_F32, in->x + from * pixels, n, in->h, in->w, CHANNELS);
    fc_download(cx, fc_unet_forward(cx, u, x, in->t + from, &cond, NULL), out);
    fc_leave(cx, m);
}

static float *run(fc_cx *cx, const fc_unet *u, const struct input *in)
{
    float *out = fc_calloc(out_count(in), sizeof *out);
    assert_non_null(out);
    run_part(cx, u, in, 0, in->n, out);
    return out;
}

/* ---- outputs ---- */

/* Measured: ref f32 1.7e-6, bf16 2.4e-2; cpu f32 2.8e-6, bf16 2.3e-2 (the reference's own bf16: 2.7e-2) */
static const double OUT_F32 = 8e-6, OUT_BF16 = 6e-2;

static void check_case(fc_rig *rig, const struct fixture *f, const char *name)
{
    char what[64];
    struct input in = input_load(f, name);
    fc_test_array want = golden(f, name, "out");
    float *got = run(&rig->cx, f->unet, &in), *want_nhwc = fc_test_nhwc(&want);
    fc_rig_check(rig);
    snprintf(what, sizeof what, "%s %s.%s", rig->label, f->kind, name);
    assert_rel_error(what, got, want_nhwc, out_count(&in), net_limit(rig, OUT_F32, OUT_BF16));
    fc_free(got);
    fc_free(want_nhwc);
    fc_test_array_free(&want);
    input_free(&in);
}

static void check_cases(fc_rig *rig, void *user)
{
    static const char *const names[] = {"a", "b", "c", "odd"};
    for (int i = 0; i < 4; i++) check_case(rig, user, names[i]);
}

static void test_outputs(void **state)
{
    (void)state;
    static const char *const kinds[] = {"tiny_base", "tiny_refiner"};
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        fixture_open(&f, kinds[i]);
        fc_rig_each(check_cases, &f);
        fixture_close(&f);
    }
}

/* ---- blocks ---- */

/* What the probe saw, by path. */
struct store {
    int count;
    struct {
        char path[96];
        float *data;
        int32_t n, h, w, c;
    } item[MAX_STORED * 8];
};

static void remember(void *user, const char *path, const float *data, int32_t n, int32_t h, int32_t w,
                     int32_t c)
{
    struct store *s = user;
    assert_true((size_t)s->count < sizeof s->item / sizeof s->item[0]);
    size_t bytes = (size_t)n * (size_t)h * (size_t)w * (size_t)c * sizeof(float);
    snprintf(s->item[s->count].path, sizeof s->item[0].path, "%s", path);
    s->item[s->count].data = fc_alloc(bytes);
    memcpy(s->item[s->count].data, data, bytes);
    s->item[s->count].n = n;
    s->item[s->count].h = h;
    s->item[s->count].w = w;
    s->item[s->count].c = c;
    s->count++;
}

static void store_free(struct store *s)
{
    for (int i = 0; i < s->count; i++) fc_free(s->item[i].data);
    fc_free(s);
}

static int store_find(const struct store *s, const char *path)
{
    for (int i = s->count - 1; i >= 0; i--)
        if (strcmp(s->item[i].path, path) == 0) return i;
    fail_msg("no probe %s", path);
    return -1;
}

/* Relative error of item i against a golden tensor, over as many batch entries as that has. */
static double item_error(const struct store *s, int i, const fc_test_array *want)
{
    float *nhwc = want->ndim == 4 ? fc_test_nhwc(want) : NULL;
    double e = fc_test_rel_error(s->item[i].data, nhwc ? nhwc : want->data, want->count);
    fc_free(nhwc);
    return e;
}

/* The golden name of block i: in0.., mid, out0.. Five of them are stored: both ways, the middle, the last. */
static void golden_block_name(const fc_unet_layout *l, int32_t i, char out[32])
{
    if (i < l->inputs)
        snprintf(out, 32, "block.in%d", i);
    else if (i < l->inputs + l->middles)
        snprintf(out, 32, "block.mid");
    else
        snprintf(out, 32, "block.out%d", i - l->inputs - l->middles);
}

/* Compares the blocks in the order in which they run, so that the first line above the limit names the
 * culprit. */
static void compare_blocks(const fc_rig *rig, const struct fixture *f, const struct store *s)
{
    const fc_unet_layout *l = fc_unet_layout_get(f->unet);
    int compared = 0;
    for (int32_t i = 0; i < l->inputs + l->middles + l->outputs; i++) {
        const fc_unet_block *b = &l->block[i];
        char path[96], name[32], what[128];
        golden_block_name(l, i, name);
        if (!has_golden(f, "a", name)) continue;
        compared++;
        fc_test_array want = golden(f, "a", name);
        snprintf(path, sizeof path, "unet/%s/%s", b->name, b->layer[b->layer_count - 1].name);
        snprintf(what, sizeof what, "%s %s", rig->label, path);
        assert_at_most(what, item_error(s, store_find(s, path), &want), net_limit(rig, OUT_F32, OUT_BF16));
        fc_test_array_free(&want);
    }
    assert_int_equal(compared, 5);
}

/* The golden tensor `what` of input block 4, plus up to two others of the same shape. */
static fc_test_array golden_sum(const struct fixture *f, const char *what, const char *plus,
                                const char *plus2)
{
    char name[64];
    snprintf(name, sizeof name, "dbg.%s", what);
    fc_test_array a = golden(f, "a", name);
    const char *const others[2] = {plus, plus2};
    for (int i = 0; i < 2 && others[i]; i++) {
        snprintf(name, sizeof name, "dbg.%s", others[i]);
        fc_test_array b = golden(f, "a", name);
        size_t each = a.count / b.count; /* 1, or the pixels of a channel */
        for (size_t k = 0; k < a.count; k++) a.data[k] += b.data[k / each];
        fc_test_array_free(&b);
    }
    return a;
}

/* Inside input block 4: where ours fuses additions and activations, the golden parts are put together first.
 */
static void compare_inside(const fc_rig *rig, const struct fixture *f, const struct store *s)
{
    static const struct {
        const char *probe, *want, *plus, *plus2;
        bool silu;
    } points[] = {
        {"0/in_layers.0", "res.in_layers.0", NULL, NULL, true},
        {"0/emb_layers", "res.emb_layers", NULL, NULL, false},
        {"0/in_layers", "res.in_layers", "res.emb_layers", NULL, false},
        {"0", "res", NULL, NULL, false},
        {"1/norm", "st.norm", NULL, NULL, false},
        {"1/proj_in", "st.proj_in", NULL, NULL, false},
        {"1/transformer_blocks.0/norm1", "st.b0.norm1", NULL, NULL, false},
        {"1/transformer_blocks.0/attn1", "st.b0.attn1", "st.proj_in", NULL, false},
        {"1/transformer_blocks.0/attn2", "st.b0.attn2", "st.b0.attn1", "st.proj_in", false},
        {"1/transformer_blocks.0/ff.net.0", "st.b0.ff.net0", NULL, NULL, false},
        {"1/transformer_blocks.0", "st.b0", NULL, NULL, false},
        {"1", "st", NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        char path[96], what[128];
        fc_test_array want = golden_sum(f, points[i].want, points[i].plus, points[i].plus2);
        for (size_t k = 0; points[i].silu && k < want.count; k++) want.data[k] /= 1.0f + expf(-want.data[k]);
        snprintf(path, sizeof path, "unet/input_blocks.4/%s", points[i].probe);
        snprintf(what, sizeof what, "%s %s", rig->label, path);
        assert_at_most(what, item_error(s, store_find(s, path), &want), net_limit(rig, OUT_F32, OUT_BF16));
        fc_test_array_free(&want);
    }
}

/* Ours adds time and label embedding in one operation. */
static void compare_embedding(const fc_rig *rig, const struct fixture *f, const struct store *s)
{
    fc_test_array time = golden(f, "a", "block.time_embed"), label = golden(f, "a", "block.label_emb");
    for (size_t k = 0; k < time.count; k++) time.data[k] += label.data[k];
    assert_at_most("label embedding", item_error(s, store_find(s, "unet/label_emb"), &label), OUT_F32);
    assert_at_most(rig->label, item_error(s, store_find(s, "unet/emb"), &time), OUT_F32);
    fc_test_array_free(&time);
    fc_test_array_free(&label);
}

static void check_blocks(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    struct store *s = fc_calloc(1, sizeof *s);
    struct input in = input_load(f, "a");
    rig->cx.probe = remember;
    rig->cx.probe_user = s;
    fc_free(run(&rig->cx, f->unet, &in));
    fc_rig_check(rig);
    compare_embedding(rig, f, s);
    compare_inside(rig, f, s);
    compare_blocks(rig, f, s);
    store_free(s);
    input_free(&in);
}

static void test_blocks(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "tiny_base");
    fc_rig_each(check_blocks, &f);
    fixture_close(&f);
}

/* ---- properties ---- */

static void check_batch(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    struct input in = input_load(f, "a");
    float *both = run(&rig->cx, f->unet, &in);
    size_t half = out_count(&in) / 2;
    float *one = fc_calloc(half, sizeof *one);
    for (int32_t i = 0; i < 2; i++) {
        run_part(&rig->cx, f->unet, &in, i, 1, one);
        fc_rig_check(rig);
        assert_rel_error(rig->label, both + (size_t)i * half, one, half, net_limit(rig, OUT_F32, OUT_BF16));
    }
    fc_free(one);
    fc_free(both);
    input_free(&in);
}

/* One run of two pictures is two runs of one. */
static void test_batch(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "tiny_base");
    fc_rig_each(check_batch, &f);
    fixture_close(&f);
}

/* The number of threads changes no byte. */
static void test_threads(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "tiny_base");
    struct input in = input_load(&f, "odd");
    static const char *const backends[] = {"ref", "cpu"};
    for (int i = 0; i < 4; i++) {
        float *out[2] = {NULL, NULL};
        fc_rig rig;
        for (int threads = 1; threads <= 2; threads++) {
            if (!fc_rig_open(&rig, backends[i / 2], i % 2 ? FC_BF16 : FC_F32, threads)) continue;
            out[threads - 1] = run(&rig.cx, f.unet, &in);
            fc_rig_check(&rig);
            fc_rig_close(&rig);
        }
        if (out[0]) assert_memory_equal(out[0], out[1], out_count(&in) * sizeof(float));
        fc_free(out[0]);
        fc_free(out[1]);
    }
    input_free(&in);
    fixture_close(&f);
}

struct stopper {
    int cancel, seen, stop_after;
};

static void stop_later(void *user, const char *path, const float *data, int32_t n, int32_t h, int32_t w,
                       int32_t c)
{
    struct stopper *s = user;
    (void)path, (void)data, (void)n, (void)h, (void)w, (void)c;
    if (++s->seen == s->stop_after) s->cancel = 1;
}

/* Stopping in the middle: CANCELLED, and the next run is right again. */
static void test_cancel(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "tiny_base");
    struct input in = input_load(&f, "c");
    fc_rig rig;
    fc_rig_open(&rig, "ref", FC_F32, 0);
    float *before = run(&rig.cx, f.unet, &in);
    struct stopper s = {.stop_after = 40};
    fc_cx_watch(&rig.cx, &s.cancel);
    rig.cx.probe = stop_later;
    rig.cx.probe_user = &s;
    float *stopped = run(&rig.cx, f.unet, &in);
    fc_err err = {0};
    assert_int_equal(fc_cx_status(&rig.cx, &err), FC_CANCELLED);
    assert_int_equal(s.seen, s.stop_after);
    fc_cx_reset(&rig.cx);
    fc_cx_watch(&rig.cx, NULL);
    rig.cx.probe = NULL;
    float *after = run(&rig.cx, f.unet, &in);
    fc_rig_check(&rig);
    assert_memory_equal(before, after, out_count(&in) * sizeof(float));
    fc_free(before);
    fc_free(stopped);
    fc_free(after);
    fc_rig_close(&rig);
    input_free(&in);
    fixture_close(&f);
}

/* ---- torture ---- */

struct torture {
    struct input in;
    float *out;
};

static fc_status open_and_run(fc_rig *rig, fc_weights *w, void *user)
{
    struct torture *t = user;
    fc_unet *u;
    fc_status status = fc_unet_open(&u, w, NULL);
    if (status != FC_OK) return status;
    run_part(&rig->cx, u, &t->in, 0, t->in.n, t->out);
    fc_unet_close(u);
    return fc_cx_status(&rig->cx, NULL);
}

static fc_weights *nano_weights(fc_nano_middle middle)
{
    fc_synth s;
    fc_synth_init(&s);
    fc_nano_unet(&s, middle);
    fc_weights *w = net_weights_of("nano.safetensors", &s);
    fc_synth_fini(&s);
    return w;
}

static void add_whole(fc_synth *s)
{
    fc_nano_unet(s, FC_NANO_MIDDLE_FULL);
}

/* A picture of 6 x 5 for the nano model: odd on both levels. */
static struct input nano_input(void)
{
    struct input in = {.n = 1, .h = 6, .w = 5, .tokens = 7};
    in.x = fc_calloc(out_count(&in), sizeof(float));
    in.context = fc_calloc(7 * FC_NANO_CONTEXT, sizeof(float));
    in.y = fc_calloc(FC_NANO_LABEL, sizeof(float));
    in.t = fc_calloc(1, sizeof(float));
    for (size_t i = 0; i < out_count(&in); i++) in.x[i] = sinf((float)i);
    for (size_t i = 0; i < 7 * FC_NANO_CONTEXT; i++) in.context[i] = cosf((float)i);
    in.t[0] = 500;
    return in;
}

/* Every allocation of opening and running fails once: NOMEM and nothing left behind. */
static void test_torture(void **state)
{
    (void)state;
    struct torture t = {.in = nano_input()};
    const net_builder whole[] = {add_whole, NULL};
    const net_run run = {.backend = "ref",
                         .act = FC_F32,
                         .path = net_write_nano("nano.safetensors", whole),
                         .run = open_and_run,
                         .user = &t};
    t.out = net_floats(out_count(&t.in));
    assert_true(net_torture(&run) > 100);
    fc_free(t.out);
    input_free(&t.in);
}

/* Distilled models leave out parts of the middle; every shape runs on every backend and they agree. */
static void check_middle(fc_rig *rig, void *user)
{
    float **first = user;
    struct input in = nano_input();
    for (int m = FC_NANO_MIDDLE_FULL; m <= FC_NANO_MIDDLE_NONE; m++) {
        fc_weights *w = nano_weights((fc_nano_middle)m);
        fc_unet *u = NULL;
        fc_err err = {0};
        assert_ok(fc_unet_open(&u, w, &err), &err);
        assert_int_equal(fc_unet_layout_get(u)->middles, m != FC_NANO_MIDDLE_NONE);
        float *out = run(&rig->cx, u, &in);
        fc_rig_check(rig);
        fc_unet_close(u);
        fc_weights_close(w);
        if (!first[m]) {
            first[m] = out;
            continue;
        }
        assert_rel_error(rig->label, out, first[m], out_count(&in), net_limit(rig, OUT_F32, OUT_BF16));
        fc_free(out);
    }
    input_free(&in);
}

static void test_middles(void **state)
{
    (void)state;
    float *first[3] = {NULL};
    fc_rig_each(check_middle, first);
    for (int i = 0; i < 3; i++) fc_free(first[i]);
}

/* ---- files that are no such UNet ---- */

static void test_broken_files(void **state)
{
    (void)state;
    static const struct {
        const char *drop, *message;
    } cases[] = {
        {"input_blocks.1.", "more output blocks than input blocks"},
        {"input_blocks.2.0.op.weight", "more output blocks than input blocks"},
        {"output_blocks.3.", "do not pair up"},
        {"output_blocks.3.0.in_layers.0.weight", "in_layers.0.weight: missing"},
        {"input_blocks.3.1.proj_in.weight", "proj_in.weight: missing"},
        {"output_blocks.1.2.conv.weight", "output_blocks.2: it meets an image of another size"},
        {"label_emb.0.0.weight", "label embedding"},
        {"out.2.weight", "first or last layers"},
        {"middle_block.1.transformer_blocks.0.attn2.to_v.weight", "attn2.to_v.weight: missing"},
        {"middle_block.1.transformer_blocks.1.norm1.weight", "transformer_blocks.1.norm1.weight: missing"},
        {"time_embed.2.bias", "time_embed.2.bias: missing"},
    };
    fc_synth all;
    fc_synth_init(&all);
    fc_nano_unet(&all, FC_NANO_MIDDLE_FULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fc_weights *w = NULL;
        fc_unet *u = NULL;
        fc_err err = {0};
        char name[160];
        snprintf(name, sizeof name, FC_UNET_PREFIX "%s", cases[i].drop);
        assert_ok(fc_weights_open(&w, fc_nano_without(&all, name), &err), &err);
        assert_fails(fc_unet_open(&u, w, &err), FC_FORMAT, &err, cases[i].message);
        assert_null(u);
        fc_weights_close(w);
    }
    fc_synth_fini(&all);
}

static fc_status open_whole(const char *dropped, fc_weights *w)
{
    fc_unet *u;
    (void)dropped;
    fc_status status = fc_unet_open(&u, w, NULL);
    fc_unet_close(u);
    return status;
}

/* No tensor can be missing without being noticed. */
static void test_every_tensor(void **state)
{
    (void)state;
    fc_synth all;
    fc_synth_init(&all);
    add_whole(&all);
    net_check_each_missing(&all, open_whole, NULL);
    fc_synth_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),      cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_batch),        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_cancel),       cmocka_unit_test(test_middles),
        cmocka_unit_test(test_torture),      cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_every_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

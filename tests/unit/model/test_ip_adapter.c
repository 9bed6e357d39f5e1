/* Image prompts: golden data of the reference's resampler, keys and values and of the published attention,
 * other files, failing allocations. */
#include "model/ip_adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/unet_parts.h"
#include "support/networks.h"

enum { TOKENS = 16, WIDTH = 128, PICTURE = 160, STATES = 257, SIDES = 2, HEAD_WIDTH = 64 };
/* Measured: resampler 1.1e-6, keys and values 3.1e-7, attention 3.1e-7; bf16 1.01e-2 */
static const double RESAMPLER = 2.4e-6, KEYS = 9e-7, ATTENTION = 9e-7, BF16 = 3e-2;

struct fixture {
    fc_weights *base, *weights[2], *negative;
    fc_unet_layout layout;
    fc_ip_adapter *adapter[2]; /* pictures, faces */
    fc_safetensors golden;
};

static void fixture_open(struct fixture *f)
{
    static const char *const kinds[] = {"ip_adapter_tiny", "ip_face_tiny"};
    fc_err err = {0};
    fc_test_golden_open_full(&f->golden, "v25_ip.safetensors");
    f->base = net_weights("tiny_base");
    assert_ok(fc_unet_layout_read(&f->layout, f->base, &err), &err);
    f->negative = net_weights("ip_negative_tiny");
    for (int i = 0; i < 2; i++) {
        f->weights[i] = net_weights(kinds[i]);
        assert_ok(fc_ip_adapter_open(&f->adapter[i], f->weights[i], &f->layout, &err), &err);
    }
}

static void fixture_close(struct fixture *f)
{
    for (int i = 0; i < 2; i++) {
        fc_ip_adapter_close(f->adapter[i]);
        fc_weights_close(f->weights[i]);
    }
    fc_weights_close(f->negative);
    fc_weights_close(f->base);
    fc_safetensors_close(&f->golden);
}

static void compare(const fc_rig *rig, const fc_test_array *want, const char *name, const float *got,
                    size_t first, size_t count, double limit)
{
    char what[80];
    snprintf(what, sizeof what, "%s %s", rig->label, name);
    assert_true(first + count <= want->count);
    assert_rel_error(what, got, want->data + first, count, net_limit(rig, limit, BF16));
}

/* ---- resampler ---- */

struct seen {
    const fc_rig *rig;
    const fc_safetensors *golden;
    size_t picture;
    int count;
};

static void compare_layer(void *user, const char *path, const float *data, int32_t n, int32_t h, int32_t w,
                          int32_t c)
{
    struct seen *s = user;
    const char *name = strcmp(path, "ip_adapter/layers.0/attn") == 0 ? "resampler.layer0.attn"
                       : strcmp(path, "ip_adapter/layers.0") == 0    ? "resampler.layer0"
                                                                     : NULL;
    if (!name) return;
    fc_test_array want = fc_test_array_load(s->golden, name);
    size_t size = (size_t)(n * h * w * c);
    compare(s->rig, &want, name, data, s->picture * size, size, RESAMPLER);
    fc_test_array_free(&want);
    s->count++;
}

static void resample(fc_rig *rig, const fc_ip_adapter *a, const float *picture, float *got)
{
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_tensor state = fc_upload(&rig->cx, FC_F32, picture, 1, 1, STATES, PICTURE);
    fc_download(&rig->cx, fc_ip_adapter_resample(&rig->cx, a, state), got);
    fc_leave(&rig->cx, m);
    fc_rig_check(rig);
}

static void check_resampler(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    float got[TOKENS * WIDTH];
    fc_test_array in = fc_test_array_load(&f->golden, "resampler.in");
    fc_test_array want = fc_test_array_load(&f->golden, "resampler.out");
    for (size_t i = 0; i < in.count / (STATES * PICTURE); i++) {
        struct seen seen = {rig, &f->golden, i, 0};
        rig->cx.probe = compare_layer;
        rig->cx.probe_user = &seen;
        resample(rig, f->adapter[0], in.data + i * STATES * PICTURE, got);
        assert_int_equal(seen.count, 2);
        compare(rig, &want, "resampler.out", got, i * TOKENS * WIDTH, TOKENS * WIDTH, RESAMPLER);
    }
    rig->cx.probe = NULL;
    fc_test_array_free(&in);
    fc_test_array_free(&want);
}

/* What the reference's encoder saw of two pictures, through both adapters; whole only beside the source tree.
 */
static void check_pictures(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    static const char *const names[2][2] = {{"tokens.a", "tokens.b"}, {"tokens.a.face", "tokens.b.face"}};
    static const char *const states[] = {"penultimate.a", "penultimate.b"};
    float got[TOKENS * WIDTH];
    fc_safetensors vision;
    fc_test_golden_open_full(&vision, "v25_clipvision.safetensors");
    for (int i = 0; i < 2 && fc_test_has(&vision, "penultimate.b"); i++) {
        fc_test_array in = fc_test_array_load(&vision, states[i]);
        for (int k = 0; k < 2; k++) {
            fc_test_array want = fc_test_array_load(&f->golden, names[k][i]);
            resample(rig, f->adapter[k], in.data, got);
            compare(rig, &want, names[k][i], got, 0, TOKENS * WIDTH, RESAMPLER);
            fc_test_array_free(&want);
        }
        fc_test_array_free(&in);
    }
    fc_safetensors_close(&vision);
}

static void test_resampler(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    assert_int_equal(fc_ip_adapter_tokens(f.adapter[0]), TOKENS);
    assert_int_equal(fc_ip_adapter_width(f.adapter[0]), WIDTH);
    assert_int_equal(fc_ip_adapter_picture_width(f.adapter[0]), PICTURE);
    fc_rig_each(check_resampler, &f);
    fc_rig_each(check_pictures, &f);
    fixture_close(&f);
}

/* ---- keys and values ---- */

/* The cross attention of the layout that the file's number stands for: the middle comes last there. */
static int32_t cross_of(const fc_unet_layout *l, int32_t number)
{
    int32_t before = 0, middle = 0, i = 0;
    for (; i < l->inputs + l->middles; i++)
        for (int32_t k = 0; k < l->block[i].layer_count; k++)
            *(i < l->inputs ? &before : &middle) += l->block[i].layer[k].depth;
    if (number < before) return number;
    int32_t outputs = l->cross_count - before - middle;
    return number < before + outputs ? number + middle : number - outputs;
}

/* Tokens of a golden tensor and of the negative side -> keys and values of both. */
static void make_keys(fc_rig *rig, const struct fixture *f, int kind, const char *tokens, fc_tensor *kv)
{
    float both[SIDES * TOKENS * WIDTH];
    fc_err err = {0};
    fc_test_array positive = fc_test_array_load(&f->golden, tokens);
    memcpy(both, positive.data, positive.count * sizeof *both);
    assert_ok(fc_ip_adapter_negative(f->adapter[kind], f->negative, both + TOKENS * WIDTH, &err), &err);
    fc_tensor t = fc_upload(&rig->cx, FC_F32, both, SIDES, 1, TOKENS, WIDTH);
    fc_ip_adapter_keys(&rig->cx, f->adapter[kind], t, kv);
    fc_test_array_free(&positive);
}

/* Channels [0, want's) of keys or values of a side against a golden tensor. */
static void check_keys_of(fc_rig *rig, const struct fixture *f, fc_tensor kv, const char *name, int side,
                          bool values)
{
    fc_test_array want = fc_test_array_load(&f->golden, name);
    int32_t c = (int32_t)want.shape[2];
    float *got = fc_calloc(want.count, sizeof *got);
    kv = fc_tensor_channels(kv, values ? kv.c / 2 : 0, c);
    fc_download(&rig->cx, fc_tensor_batch(kv, side, 1), got);
    compare(rig, &want, name, got, 0, want.count, KEYS);
    fc_free(got);
    fc_test_array_free(&want);
}

static double sum_of(fc_rig *rig, fc_tensor t)
{
    double sum = 0;
    size_t count = (size_t)t.w * (size_t)t.c;
    float *host = fc_calloc(count, sizeof *host);
    fc_download(&rig->cx, t, host);
    for (size_t i = 0; i < count; i++) sum += (double)host[i];
    fc_free(host);
    return sum;
}

static void check_keys(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    fc_tensor kv[FC_UNET_MAX_CROSS];
    char name[40];
    double worst = 0;
    fc_mark m = fc_enter(&rig->cx, NULL);
    make_keys(rig, f, 0, "tokens.a", kv);
    fc_test_array sums = fc_test_array_load(&f->golden, "kv.sums.f64");
    for (int32_t i = 0; i < f->layout.cross_count; i++) {
        fc_tensor t = kv[cross_of(&f->layout, i)];
        for (int v = 0; v < 2; v++) {
            snprintf(name, sizeof name, "kv.%d.%s", (int)i, v ? "v" : "k");
            if (fc_test_has(&f->golden, name)) check_keys_of(rig, f, t, name, 0, v);
            if (rig->cx.act == FC_F32) {
                fc_tensor half = fc_tensor_channels(fc_tensor_batch(t, 0, 1), v * t.c / 2, t.c / 2);
                double off = fabs(sum_of(rig, half) - (double)sums.data[2 * i + v]);
                worst = off > worst ? off : worst;
            }
            snprintf(name, sizeof name, "kv.%d.%s.negative", (int)i, v ? "v" : "k");
            if (fc_test_has(&f->golden, name)) check_keys_of(rig, f, t, name, 1, v);
        }
    }
    assert_at_most("sums of up to 4096 values", worst, 1);
    fc_test_array_free(&sums);
    fc_leave(&rig->cx, m);
}

static void test_keys(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fc_rig_each(check_keys, &f);
    fixture_close(&f);
}

/* ---- attention ---- */

static fc_tensor upload_golden(fc_rig *rig, const struct fixture *f, int32_t c, const char *what)
{
    char name[40];
    snprintf(name, sizeof name, "attn.c%d.%s", (int)c, what);
    fc_test_array a = fc_test_array_load(&f->golden, name);
    fc_tensor t = fc_upload(&rig->cx, rig->cx.act, a.data, (int32_t)a.shape[0], 1, (int32_t)a.shape[1], c);
    fc_test_array_free(&a);
    return t;
}

static void check_attention_at(fc_rig *rig, const struct fixture *f, int32_t c, int32_t cross,
                               const fc_tensor kv[2][FC_UNET_MAX_CROSS])
{
    const fc_unet_picture one = {kv[0], 0.6f}, full = {kv[0], 1.0f};
    const fc_unet_picture two[] = {{kv[0], 0.6f}, {kv[1], 0.75f}};
    const struct {
        const char *name;
        fc_unet_extra extra;
    } cases[] = {{"one", {.picture = &one, .pictures = 1}},
                 {"one_w1", {.picture = &full, .pictures = 1}},
                 {"two", {.picture = two, .pictures = 2}},
                 {.name = "off"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[40];
        snprintf(name, sizeof name, "attn.c%d.%s.plain", (int)c, cases[i].name);
        if (!fc_test_has(&f->golden, name)) continue;
        fc_test_array want = fc_test_array_load(&f->golden, name);
        float *got = fc_calloc(want.count, sizeof *got);
        fc_mark m = fc_enter(&rig->cx, NULL);
        fc_tensor q = upload_golden(rig, f, c, "q");
        fc_tensor y = fc_attention(&rig->cx, q, upload_golden(rig, f, c, "k"), upload_golden(rig, f, c, "v"),
                                   c / HEAD_WIDTH, false);
        unet_attn_pictures(&rig->cx, y, q, c / HEAD_WIDTH, cross, &cases[i].extra);
        fc_download(&rig->cx, y, got);
        fc_leave(&rig->cx, m);
        fc_rig_check(rig);
        compare(rig, &want, name, got, 0, want.count, ATTENTION);
        fc_free(got);
        fc_test_array_free(&want);
    }
}

static void check_attention(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    fc_tensor kv[2][FC_UNET_MAX_CROSS];
    fc_mark m = fc_enter(&rig->cx, NULL);
    make_keys(rig, f, 0, "tokens.a", kv[0]);
    make_keys(rig, f, 1, "tokens.b.face", kv[1]);
    check_attention_at(rig, f, 128, cross_of(&f->layout, 0), kv);
    check_attention_at(rig, f, 256, cross_of(&f->layout, 4), kv);
    fc_leave(&rig->cx, m);
}

static void test_attention(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    bool whole = fc_test_has(&f.golden, "attn.c256.q"); /* not in tests/golden */
    if (whole) fc_rig_each(check_attention, &f);
    fixture_close(&f);
}

/* ---- in the UNet ---- */

static void run_unet(fc_rig *rig, const fc_unet *u, int32_t n, const fc_unet_extra *extra, float *out)
{
    const fc_unet_layout *l = fc_unet_layout_get(u);
    static const float timesteps[SIDES] = {500, 500};
    static float x[SIDES * 8 * 8 * 4], text[SIDES * 77 * WIDTH], label[SIDES * 1600];
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = sinf((float)i);
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) text[i] = cosf((float)i);
    fc_unet_cond cond;
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_unet_set_context(&rig->cx, u, fc_upload(&rig->cx, FC_F32, text, n, 1, 77, l->context_width), &cond);
    fc_unet_set_label(&rig->cx, u, label, n, &cond);
    fc_tensor y =
        fc_unet_forward(&rig->cx, u, fc_upload(&rig->cx, FC_F32, x, n, 8, 8, 4), timesteps, &cond, extra);
    fc_download(&rig->cx, y, out);
    fc_leave(&rig->cx, m);
    fc_rig_check(rig);
}

/* Each image of a run sees its own side of the pictures, and one image alone sees the side that is named. */
static void test_sides(void **state)
{
    (void)state;
    enum { IMAGE = 8 * 8 * 4 };
    static float plain[SIDES * IMAGE], both[SIDES * IMAGE], alone[SIDES * IMAGE], none[SIDES * IMAGE];
    struct fixture f;
    fc_unet *u;
    fc_rig rig;
    fc_err err = {0};
    fc_tensor kv[FC_UNET_MAX_CROSS];
    fixture_open(&f);
    assert_ok(fc_unet_open(&u, f.base, &err), &err);
    assert_true(fc_rig_open(&rig, "cpu", FC_F32, 0));
    make_keys(&rig, &f, 0, "tokens.a", kv);
    const fc_unet_picture picture = {kv, 0.7f}, silent = {kv, 0.0f};
    run_unet(&rig, u, SIDES, NULL, plain);
    run_unet(&rig, u, SIDES, &(fc_unet_extra){.picture = &picture, .pictures = 1}, both);
    run_unet(&rig, u, SIDES, &(fc_unet_extra){.picture = &silent, .pictures = 1}, none);
    run_unet(&rig, u, 1, &(fc_unet_extra){.picture = &picture, .pictures = 1, .side = 1}, alone);
    assert_memory_equal(none, plain, sizeof plain);
    assert_true(fc_test_rel_error(both, plain, IMAGE) > 0.05);
    assert_true(fc_test_rel_error(both + IMAGE, plain + IMAGE, IMAGE) > 0.05);
    assert_true(fc_test_rel_error(alone, both, IMAGE) > 0.05); /* the other side */

    fc_tensor swapped[FC_UNET_MAX_CROSS]; /* the second side alone */
    for (int32_t i = 0; i < f.layout.cross_count; i++) swapped[i] = fc_tensor_batch(kv[i], 1, 1);
    const fc_unet_picture second = {swapped, 0.7f};
    run_unet(&rig, u, 1, &(fc_unet_extra){.picture = &second, .pictures = 1}, both);
    assert_memory_equal(both, alone, IMAGE * sizeof *both);
    fc_rig_close(&rig);
    fc_unet_close(u);
    fixture_close(&f);
}

/* ---- files ---- */

static void refuse(const struct fixture *f, const fc_synth *s, fc_status wanted, const char *part)
{
    fc_ip_adapter *a;
    fc_err err = {0};
    fc_weights *w = net_weights_of("other.safetensors", s);
    assert_fails(fc_ip_adapter_open(&a, w, &f->layout, &err), wanted, &err, part);
    fc_weights_close(w);
}

static void test_other_files(void **state)
{
    (void)state;
    struct fixture f;
    fc_synth s;
    fc_err err = {0};
    float out[TOKENS * WIDTH];
    fixture_open(&f);
    assert_fails(fc_ip_adapter_negative(f.adapter[0], f.base, out, &err), FC_UNSUPPORTED, &err, "16 tokens");
    assert_ok(fc_synth_build(&s, "taesd_decoder", &err), &err);
    refuse(&f, &s, FC_UNSUPPORTED, "no image prompt adapter");
    fc_synth_fini(&s);

    assert_ok(fc_synth_build(&s, "ip_adapter_tiny", &err), &err);
    fc_synth_tensor *q = net_tensor(&s, "image_proj.layers.0.0.to_q.weight");
    q->shape[0] = 100;
    refuse(&f, &s, FC_FORMAT, "impossible sizes");
    q->shape[0] = 128;
    net_tensor(&s, "ip_adapter.55.to_v_ip.weight")->name = "elsewhere";
    refuse(&f, &s, FC_FORMAT, "ip_adapter.55.to_v_ip.weight");
    net_tensor(&s, "ip_adapter.1.to_k_ip.weight")->shape[1] = 768;
    refuse(&f, &s, FC_UNSUPPORTED, "768 wide");
    fc_synth_fini(&s);
    fixture_close(&f);
}

static fc_status open_and_run(fc_rig *rig, fc_weights *w, void *layout)
{
    fc_ip_adapter *a;
    fc_tensor kv[FC_UNET_MAX_CROSS];
    float state[4 * PICTURE] = {0};
    fc_status status = fc_ip_adapter_open(&a, w, layout, NULL);
    if (status != FC_OK) return status;
    fc_tensor in = fc_upload(&rig->cx, FC_F32, state, 1, 1, 4, PICTURE);
    fc_ip_adapter_keys(&rig->cx, a, fc_ip_adapter_resample(&rig->cx, a, in), kv);
    fc_ip_adapter_close(a);
    return fc_cx_status(&rig->cx, NULL);
}

static void test_torture(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const net_run t = {.backend = "cpu",
                       .act = FC_BF16,
                       .path = fc_test_synth("ip_adapter_tiny"),
                       .run = open_and_run,
                       .user = &f.layout};
    assert_true(net_torture(&t) > 50);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resampler),   cmocka_unit_test(test_keys),
        cmocka_unit_test(test_attention),   cmocka_unit_test(test_sides),
        cmocka_unit_test(test_other_files), cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

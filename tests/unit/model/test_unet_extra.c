/* What is added to a UNet's run: FreeU, the inpainting engine's head and its differences, models that read a
 * mask. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "diffusion/predict.h"
#include "model/inpaint_head.h"
#include "nn/difference.h"
#include "support/networks.h"

enum { CHANNELS = 4 };
/* Measured: 2.9e-6 on ref, 2.9e-6 on cpu; bf16 as the network alone */
static const double F32 = 8e-6, BF16 = 6e-2;

/* One run's input on the host, images as [n][h][w][c]. */
struct input {
    int32_t n, h, w, tokens;
    float *x, *context, *y, *t;
};

static float *take(const fc_safetensors *golden, const char *prefix, const char *what, fc_test_array *shape)
{
    char name[80];
    snprintf(name, sizeof name, "%s.%s", prefix, what);
    *shape = fc_test_array_load(golden, name);
    return shape->data;
}

static struct input input_load(const fc_safetensors *golden, const char *prefix)
{
    fc_test_array a, x;
    struct input in = {.y = take(golden, prefix, "y", &a), .t = take(golden, prefix, "t", &a)};
    in.context = take(golden, prefix, "context", &a);
    in.tokens = (int32_t)a.shape[1];
    (void)take(golden, prefix, "x", &x);
    in.n = (int32_t)x.shape[0];
    in.h = (int32_t)x.shape[2];
    in.w = (int32_t)x.shape[3];
    in.x = fc_test_nhwc(&x);
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

static size_t count_of(const struct input *in)
{
    return (size_t)in->n * (size_t)in->h * (size_t)in->w * CHANNELS;
}

static float *run(fc_rig *rig, const fc_unet *u, const struct input *in, const fc_unet_extra *extra)
{
    const fc_unet_layout *l = fc_unet_layout_get(u);
    fc_cx *cx = &rig->cx;
    fc_unet_cond cond;
    float *out = fc_calloc(count_of(in), sizeof *out);
    fc_mark m = fc_enter(cx, NULL);
    fc_unet_set_context(cx, u, fc_upload(cx, FC_F32, in->context, in->n, 1, in->tokens, l->context_width),
                        &cond);
    fc_unet_set_label(cx, u, in->y, in->n, &cond);
    fc_tensor x = fc_upload(cx, FC_F32, in->x, in->n, in->h, in->w, CHANNELS);
    fc_download(cx, fc_unet_forward(cx, u, x, in->t, &cond, extra), out);
    fc_leave(cx, m);
    fc_rig_check(rig);
    return out;
}

static void check_output(const fc_rig *rig, const fc_safetensors *golden, const char *name, const float *got)
{
    char what[80];
    fc_test_array want = fc_test_array_load(golden, name);
    float *nhwc = fc_test_nhwc(&want);
    snprintf(what, sizeof what, "%s %s", rig->label, name);
    assert_rel_error(what, got, nhwc, want.count, net_limit(rig, F32, BF16));
    fc_free(nhwc);
    fc_test_array_free(&want);
}

static fc_unet *open_unet(fc_weights **w, const char *path)
{
    fc_unet *u;
    fc_err err = {0};
    assert_ok(fc_weights_open(w, path, &err), &err);
    assert_ok(fc_unet_open(&u, *w, &err), &err);
    return u;
}

/* ---- FreeU ---- */

static void check_freeu(fc_rig *rig, void *user)
{
    static const char *const cases[] = {"a", "odd"};
    static const struct {
        const char *name;
        fc_freeu params; /* b1, s1, b2, s2 */
    } settings[] = {{"default", {1.01f, 0.99f, 1.02f, 0.95f}}, {"strong", {1.3f, 0.9f, 1.4f, 0.2f}}};
    fc_safetensors inputs, golden;
    fc_test_golden_open(&inputs, "unet_tiny.safetensors");
    fc_test_golden_open(&golden, "v25_pipeline.safetensors");
    for (int i = 0; i < 2; i++) {
        char name[40];
        snprintf(name, sizeof name, "tiny_base.%s", cases[i]);
        struct input in = input_load(&inputs, name);
        for (int k = 0; k < 2; k++) {
            const fc_unet_extra extra = {.freeu = &settings[k].params};
            float *got = run(rig, user, &in, &extra);
            snprintf(name, sizeof name, "freeu.%s.%s", cases[i], settings[k].name);
            check_output(rig, &golden, name, got);
            fc_free(got);
        }
        input_free(&in);
    }
    fc_safetensors_close(&inputs);
    fc_safetensors_close(&golden);
}

static void test_freeu(void **state)
{
    (void)state;
    fc_weights *w;
    fc_unet *u = open_unet(&w, fc_test_synth("tiny_base"));
    fc_rig_each(check_freeu, u);
    fc_unet_close(u);
    fc_weights_close(w);
}

static void test_filter(void **state)
{
    (void)state;
    static const char *const names[] = {"fourier.0.2", "fourier.0.95"};
    static const float scales[] = {0.2f, 0.95f};
    fc_safetensors golden;
    fc_test_golden_open(&golden, "v25_pipeline.safetensors");
    fc_test_array in = fc_test_array_load(&golden, "fourier.in");
    for (int i = 0; i < 2; i++) {
        fc_test_array want = fc_test_array_load(&golden, names[i]);
        float *x = fc_test_nhwc(&in), *nhwc = fc_test_nhwc(&want);
        assert_int_equal(
            fc_freeu_filter(x, (int32_t)in.shape[2], (int32_t)in.shape[3], (int32_t)in.shape[1], scales[i]),
            FC_OK);
        assert_rel_error(names[i], x, nhwc, want.count, 3e-7); /* measured 1.0e-7 */
        fc_free(x);
        fc_free(nhwc);
        fc_test_array_free(&want);
    }
    fc_test_array_free(&in);
    fc_safetensors_close(&golden);
}

/* ---- the inpainting engine ---- */

static void check_head(fc_rig *rig, void *user)
{
    fc_safetensors golden;
    fc_test_golden_open_full(&golden, "v25_pipeline.safetensors");
    if (!fc_test_has(&golden, "head.feature")) return;
    fc_test_array mask = fc_test_array_load(&golden, "mask"),
                  latent = fc_test_array_load(&golden, "inpaint_latent"),
                  want = fc_test_array_load(&golden, "head.feature");
    float *got = fc_calloc(want.count, sizeof *got), *nhwc = fc_test_nhwc(&want);
    for (size_t i = 0; i < latent.count; i++) latent.data[i] *= 0.13025f;
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_download(&rig->cx, fc_inpaint_head_run(&rig->cx, user, mask.data, latent.data, 32, 32), got);
    fc_leave(&rig->cx, m);
    fc_rig_check(rig);
    /* measured: f32 1.4e-7, bf16 2.7e-3 */
    assert_rel_error(rig->label, got, nhwc, want.count, rig->cx.act == FC_F32 ? 4e-7 : 8e-3);
    fc_free(got);
    fc_free(nhwc);
    fc_test_array_free(&mask);
    fc_test_array_free(&latent);
    fc_test_array_free(&want);
    fc_safetensors_close(&golden);
}

static void test_head(void **state)
{
    (void)state;
    fc_weights *w;
    fc_inpaint_head *head;
    fc_err err = {0};
    w = net_weights("inpaint_head");
    assert_ok(fc_inpaint_head_open(&head, w, &err), &err);
    assert_int_equal(fc_inpaint_head_width(head), 64);
    fc_rig_each(check_head, head);
    fc_inpaint_head_close(head);
    fc_weights_close(w);
    w = net_weights("taesd_decoder");
    assert_fails(fc_inpaint_head_open(&head, w, &err), FC_UNSUPPORTED, &err, "fooocus_inpaint_head.pth");
    fc_weights_close(w);
}

/* The network before and behind the differences: none, a few, all of its weights. */
static void check_differences(fc_rig *rig, void *user)
{
    static const char *const tags[] = {"none", "small", "small_legacy", "full", "none"};
    const char *paths[] = {NULL, fc_test_golden("v25_inpaint_small.patch"),
                           fc_test_golden("v25_inpaint_small_legacy.patch"), fc_test_synth("inpaint_tiny"),
                           NULL};
    fc_safetensors golden;
    fc_weights *w = user;
    fc_unet *u;
    fc_err err = {0};
    fc_test_golden_open(&golden, "v25_inpaint.safetensors");
    struct input in = input_load(&golden, "net");
    assert_ok(fc_unet_open(&u, w, &err), &err);
    for (int i = 0; i < 5; i++) {
        fc_difference *d = NULL;
        fc_difference_report report;
        char name[40];
        if (paths[i]) assert_ok(fc_difference_open(&d, paths[i], &err), &err);
        if (d) fc_difference_attach(d, w, "model.", &report);
        float *got = run(rig, u, &in, NULL);
        snprintf(name, sizeof name, "net.out.%s", tags[i]);
        check_output(rig, &golden, name, got);
        fc_free(got);
        fc_weights_take_off(w, NULL);
        fc_difference_close(d);
    }
    fc_unet_close(u);
    input_free(&in);
    fc_safetensors_close(&golden);
}

static void test_differences(void **state)
{
    (void)state;
    fc_weights *w = net_weights("tiny_base");
    fc_rig_each(check_differences, w);
    fc_weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_freeu),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

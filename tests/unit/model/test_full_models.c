/* The full-size models against the reference: text encoders, UNet (512 and 1024 pixels), VAE; f32 and bf16 on
 * the cpu backend. Needs the golden data beside the source tree, a synthetic checkpoint of 6.9 GB, which is
 * made once in $FC_CACHE (default: build/cache), and up to 13 GB of memory. An argument chooses tests by
 * name: test_full_models "test_unet*". */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/bench.h"
#include "model/clip.h"
#include "model/unet.h"
#include "model/vae.h"
#include "support/networks.h"

enum { LATENT = 4, TOKENS = 77, RGB = 3 };

/* Path of the full-size synthetic checkpoint. */
static const char *checkpoint(void)
{
    static char path[1024];
    const char *folder = getenv("FC_CACHE");
    fc_synth s;
    fc_err err = {0};
    if (path[0]) return path;
    snprintf(path, sizeof path, "%s/synth_base.safetensors", folder ? folder : FC_BINARY_DIR "/../cache");
    if (fc_path_exists(path)) return path;
    printf("  writing %s\n", path);
    assert_ok(fc_mkdir_all(folder ? folder : FC_BINARY_DIR "/../cache", &err), &err);
    assert_ok(fc_synth_build(&s, "base", &err), &err);
    assert_ok(fc_synth_write(path, &s, FC_F16, &err), &err);
    fc_synth_fini(&s);
    return path;
}

static fc_weights *open_checkpoint(void)
{
    fc_weights *w;
    fc_err err = {0};
    if (!fc_test_golden("unet_full.safetensors")) skip();
    assert_ok(fc_weights_open(&w, checkpoint(), &err), &err);
    return w;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static void report_time(const fc_rig *rig, const char *what, double seconds)
{
    printf("  %s %s: %.1f s, weights %.2f GB, stack %.2f GB\n", rig->label, what, seconds,
           (double)rig->packs.resident / 1e9, (double)rig->cx.peak / 1e9);
}

/* ---- text encoders ---- */

static void check_clip(fc_rig *rig, fc_weights *w, const char *prefix, const char *part, double limit)
{
    fc_clip *c;
    fc_safetensors st;
    fc_err err = {0};
    assert_ok(fc_clip_open(&c, w, prefix, &err), &err);
    fc_test_golden_open(&st, "clip.safetensors");
    for (int prompt = 0; prompt < 4; prompt++) {
        char name[64], what[64];
        int32_t ids[2 * TOKENS];
        snprintf(name, sizeof name, "full.%d.tokens_%s", prompt, part);
        fc_test_array tokens = fc_test_array_load(&st, name);
        snprintf(name, sizeof name, "full.%d.weights", prompt);
        fc_test_array weights = fc_test_array_load(&st, name);
        snprintf(name, sizeof name, "full.%d.%s", prompt, part);
        fc_test_array want = fc_test_array_load(&st, name);
        snprintf(name, sizeof name, "full.%d.%s_pooled", prompt, part);
        fc_test_array pooled_want = fc_test_array_load(&st, name);
        float *got = net_floats(want.count), *pooled = net_floats(pooled_want.count);
        for (size_t i = 0; i < tokens.count; i++) ids[i] = (int32_t)tokens.data[i];
        const fc_clip_request r = {.ids = ids, .n = (int32_t)tokens.shape[0], .skip = 2, .pool_chunk = 0};
        double start = fc_now();
        fc_clip_encode(&rig->cx, c, &r, got, pooled);
        fc_rig_check(rig);
        if (prompt == 0) report_time(rig, part, fc_now() - start);
        for (size_t i = 0; i < want.count; i++) /* weighted tokens are diffusion/cond's business */
            if (weights.data[i / (size_t)fc_clip_width(c)] != 1.0f) got[i] = want.data[i];
        snprintf(what, sizeof what, "%s clip %s %d", rig->label, part, prompt);
        assert_rel_error(what, got, want.data, want.count, limit);
        assert_rel_error("pooled", pooled, pooled_want.data, pooled_want.count, limit);
        fc_free(got);
        fc_free(pooled);
        fc_test_array_free(&tokens);
        fc_test_array_free(&weights);
        fc_test_array_free(&want);
        fc_test_array_free(&pooled_want);
    }
    fc_safetensors_close(&st);
    fc_clip_close(c);
}

static void run_clip(fc_dtype act, double limit)
{
    fc_weights *w = open_checkpoint();
    fc_rig rig;
    assert_true(fc_rig_open(&rig, "cpu", act, 0));
    check_clip(&rig, w, FC_CLIP_L_PREFIX, "l", limit);
    check_clip(&rig, w, FC_CLIP_G_PREFIX, "g", limit);
    fc_rig_close(&rig);
    fc_weights_close(w);
}

static void test_clip_f32(void **state)
{
    (void)state;
    run_clip(FC_F32, 5.6e-6); /* measured 1.9e-6 */
}

static void test_clip_bf16(void **state)
{
    (void)state;
    run_clip(FC_BF16, 3e-2); /* measured 1.5e-2 */
}

/* ---- UNet ---- */

/* The reference's statistics of the blocks of one case, to name the first block that goes astray. */
struct statistics {
    const fc_rig *rig;
    const fc_unet_layout *layout;
    json_t *blocks;
    int compared;
};

/* Golden name of the block whose last layer the path names; false for other paths. */
static bool block_of(const fc_unet_layout *l, const char *path, char name[16])
{
    for (int32_t i = 0; i < l->inputs + l->middles + l->outputs; i++) {
        char last[64];
        const fc_unet_block *b = &l->block[i];
        snprintf(last, sizeof last, "unet/%s/%s", b->name, b->layer[b->layer_count - 1].name);
        if (strcmp(last, path) != 0) continue;
        if (i < l->inputs)
            snprintf(name, 16, "in%d", i);
        else if (i < l->inputs + l->middles)
            snprintf(name, 16, "mid");
        else
            snprintf(name, 16, "out%d", i - l->inputs - l->middles);
        return true;
    }
    return false;
}

/* Deviation of the first pixels of channel 0, on the scale of the block's standard deviation. */
static void compare_statistics(void *user, const char *path, const float *data, int32_t n, int32_t h,
                               int32_t w, int32_t c)
{
    struct statistics *s = user;
    char name[16], what[96];
    if (!block_of(s->layout, path, name)) return;
    (void)n, (void)h;
    json_t *want = json_object_get(s->blocks, name), *first = json_object_get(want, "first8");
    double std = json_number_value(json_object_get(want, "std")), worst = 0;
    assert_non_null(want);
    for (int32_t x = 0; x < 8 && x < w; x++) {
        double d =
            fabs((double)data[(size_t)x * (size_t)c] - json_number_value(json_array_get(first, (size_t)x)));
        if (d > worst) worst = d;
    }
    snprintf(what, sizeof what, "%s %s, first pixels / std", s->rig->label, name);
    assert_at_most(what, worst / std, s->rig->cx.act == FC_F32 ? 2.5e-5 : 0.1); /* measured 8.5e-6, 3.5e-2 */
    s->compared++;
}

/* One golden case; blocks: also compare every block. */
static void check_unet(fc_rig *rig, const fc_unet *u, const char *name, bool blocks, double limit)
{
    fc_safetensors st;
    char full[64];
    fc_test_array t[5];
    static const char *const parts[5] = {"x", "t", "context", "y", "out"};
    struct statistics stats = {rig, fc_unet_layout_get(u), NULL, 0};
    json_t *golden = fc_test_golden_json("unet_full.json");
    stats.blocks = json_object_get(json_object_get(json_object_get(golden, "cases"), name), "blocks");
    fc_test_golden_open(&st, "unet_full.safetensors");
    for (int i = 0; i < 5; i++) {
        snprintf(full, sizeof full, "%s.%s", name, parts[i]);
        t[i] = fc_test_array_load(&st, full);
    }
    int32_t h = (int32_t)t[0].shape[2], w = (int32_t)t[0].shape[3];
    float *x = fc_test_nhwc(&t[0]), *want = fc_test_nhwc(&t[4]), *got = net_floats(t[4].count);
    rig->cx.probe = blocks ? compare_statistics : NULL;
    rig->cx.probe_user = &stats;
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_unet_cond cond;
    double start = fc_now();
    fc_tensor context =
        fc_upload(&rig->cx, FC_F32, t[2].data, 1, 1, (int32_t)t[2].shape[1], (int32_t)t[2].shape[2]);
    fc_unet_set_context(&rig->cx, u, context, &cond);
    fc_unet_set_label(&rig->cx, u, t[3].data, 1, &cond);
    fc_tensor image = fc_upload(&rig->cx, FC_F32, x, 1, h, w, LATENT);
    fc_download(&rig->cx, fc_unet_forward(&rig->cx, u, image, t[1].data, &cond, NULL), got);
    fc_leave(&rig->cx, m);
    fc_rig_check(rig);
    report_time(rig, name, fc_now() - start);
    if (blocks) assert_int_equal(stats.compared, 19);
    snprintf(full, sizeof full, "%s unet %s", rig->label, name);
    assert_rel_error(full, got, want, t[4].count, limit);
    assert_at_most("1 - cosine", 1 - cosine(got, want, t[4].count), 0.001); /* measured 3.5e-4 */
    for (int i = 0; i < 5; i++) fc_test_array_free(&t[i]);
    fc_free(x);
    fc_free(want);
    fc_free(got);
    json_decref(golden);
    fc_safetensors_close(&st);
}

static void run_unet(fc_dtype act, double limit)
{
    fc_weights *w = open_checkpoint();
    fc_unet *u;
    fc_rig rig;
    fc_err err = {0};
    assert_ok(fc_unet_open(&u, w, &err), &err);
    assert_true(fc_rig_open(&rig, "cpu", act, 0));
    check_unet(&rig, u, "s64", true, limit);
    check_unet(&rig, u, "s64", false, limit); /* the weights are packed now: a time to look at */
    check_unet(&rig, u, "s128", false, limit);
    fc_rig_close(&rig);
    fc_unet_close(u);
    fc_weights_close(w);
}

static void test_unet_f32(void **state)
{
    (void)state;
    run_unet(FC_F32, 3.9e-5); /* measured 4.5e-6 at 512 pixels, 1.3e-5 at 1024 */
}

static void test_unet_bf16(void **state)
{
    (void)state;
    run_unet(FC_BF16, 7.8e-2); /* measured 2.3e-2 and 2.7e-2; the reference in bf16: 3.2e-2 and 2.9e-2 */
}

/* ---- VAE ---- */

static void check_vae_decode(fc_rig *rig, const fc_vae *v, const fc_safetensors *st, double limit)
{
    fc_test_array z = fc_test_array_load(st, "base.z"), want = fc_test_array_load(st, "base.decoded");
    float *z_nhwc = fc_test_nhwc(&z), *want_nhwc = fc_test_nhwc(&want), *got = net_floats(want.count);
    double start = fc_now();
    fc_tensor x = fc_upload(&rig->cx, FC_F32, z_nhwc, 1, (int32_t)z.shape[2], (int32_t)z.shape[3], LATENT);
    fc_download(&rig->cx, fc_vae_decode(&rig->cx, v, x, false), got);
    fc_rig_check(rig);
    report_time(rig, "decode 256x256", fc_now() - start);
    assert_rel_error(rig->label, got, want_nhwc, want.count, limit);
    fc_free(z_nhwc);
    fc_free(want_nhwc);
    fc_free(got);
    fc_test_array_free(&z);
    fc_test_array_free(&want);
}

/* The reference pads the picture by a row and a column before encoding it: see test_vae.c. */
static void check_vae_encode(fc_rig *rig, const fc_vae *v, const fc_safetensors *st, double limit)
{
    fc_test_array image = fc_test_array_load(st, "base.img"), mean = fc_test_array_load(st, "base.mean");
    size_t side = (size_t)image.shape[1], row = side * RGB;
    float *padded = net_floats((side + 1) * (row + RGB)), *moments = net_floats(2 * mean.count),
          *got = net_floats(mean.count);
    for (size_t y = 0; y < side; y++)
        for (size_t i = 0; i < row; i++) padded[y * (row + RGB) + i] = 2.0f * image.data[y * row + i] - 1.0f;
    int32_t size = (int32_t)side + 1;
    fc_download(&rig->cx, fc_vae_encode(&rig->cx, v, fc_upload(&rig->cx, FC_F32, padded, 1, size, size, RGB)),
                moments);
    fc_rig_check(rig);
    float *want = fc_test_nhwc(&mean);
    fc_vae_sample(moments, NULL, got, mean.count / LATENT, LATENT);
    assert_rel_error(rig->label, got, want, mean.count, limit);
    fc_free(padded);
    fc_free(moments);
    fc_free(got);
    fc_free(want);
    fc_test_array_free(&image);
    fc_test_array_free(&mean);
}

static void run_vae(fc_dtype act, double limit)
{
    fc_weights *w = open_checkpoint();
    fc_vae *v;
    fc_rig rig;
    fc_safetensors st;
    fc_err err = {0};
    assert_ok(fc_vae_open(&v, w, FC_VAE_BOTH, &err), &err);
    fc_test_golden_open(&st, "vae.safetensors");
    assert_true(fc_rig_open(&rig, "cpu", act, 0));
    check_vae_decode(&rig, v, &st, limit);
    check_vae_encode(&rig, v, &st, limit);
    fc_rig_close(&rig);
    fc_safetensors_close(&st);
    fc_vae_close(v);
    fc_weights_close(w);
}

static void test_vae_f32(void **state)
{
    (void)state;
    run_vae(FC_F32, 1.1e-5); /* measured 3.2e-6 (decoding), 3.9e-6 */
}

static void test_vae_bf16(void **state)
{
    (void)state;
    run_vae(FC_BF16, 4e-2); /* measured 1.5e-2 */
}

/* What SDXL costs at 1024 x 1024, as it is known: 6.76 TFLOP for one run of the UNet, of which the keys and
 * values of the texts are computed once per picture, and 10.5 TFLOP for the decoder. */
static void test_operations(void **state)
{
    (void)state;
    fc_oplog *log = fc_alloc(sizeof *log);
    const fc_task task = fc_bench_task(1024, 1024, 1);
    double tflop[FC_BENCH_OPS_PARTS] = {0};
    fc_err err = {0};
    assert_non_null(log);
    assert_ok(fc_bench_list_ops(checkpoint(), FC_PRECISION_BF16, &task, log, &err), &err);
    for (int32_t i = 0; i < log->count; i++)
        tflop[log->row[i].call.part] +=
            (double)log->row[i].calls * fc_op_call_flops(&log->row[i].call) * 1e-12;
    print_message("context %.3f, step %.3f, decoder %.3f TFLOP\n", tflop[FC_BENCH_OPS_CONTEXT],
                  tflop[FC_BENCH_OPS_STEP], tflop[FC_BENCH_OPS_DECODE]);
    assert_true(fabs(tflop[FC_BENCH_OPS_CONTEXT] + tflop[FC_BENCH_OPS_STEP] - 2 * 6.76) < 0.01);
    assert_true(fabs(tflop[FC_BENCH_OPS_DECODE] - 10.5) < 0.05);
    fc_free(log);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vae_f32),    cmocka_unit_test(test_vae_bf16),  cmocka_unit_test(test_clip_f32),
        cmocka_unit_test(test_clip_bf16),  cmocka_unit_test(test_unet_bf16), cmocka_unit_test(test_unet_f32),
        cmocka_unit_test(test_operations),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

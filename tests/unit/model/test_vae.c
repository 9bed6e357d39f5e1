/* VAE: golden data of the tiny model (tests/golden/vae_tiny.safetensors) on every backend, tiles, memory
 * estimates, 8-bit conversion, failing allocations. */
#include "model/vae.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "diffusion/rng.h"
#include "support/nano.h"
#include "support/networks.h"

enum { LATENT = 4, RGB = 3, FACTOR = 8 };

struct fixture {
    fc_weights *weights;
    fc_vae *vae;
    fc_safetensors golden;
};

static void fixture_open(struct fixture *f)
{
    fc_err err = {0};
    f->weights = net_weights("tiny_base");
    assert_ok(fc_vae_open(&f->vae, f->weights, FC_VAE_BOTH, &err), &err);
    fc_test_golden_open(&f->golden, "vae_tiny.safetensors");
    assert_int_equal(fc_vae_factor(f->vae), FACTOR);
    assert_int_equal(fc_vae_latent_channels(f->vae), LATENT);
}

static void fixture_close(struct fixture *f)
{
    fc_vae_close(f->vae);
    fc_weights_close(f->weights);
    fc_safetensors_close(&f->golden);
}

/* z, host [n][h][w][4] -> [n][8h][8w][3] */
static float *decode_as(fc_rig *rig, const fc_vae *v, const float *z, int32_t n, int32_t h, int32_t w,
                        bool strips)
{
    size_t factor = (size_t)fc_vae_factor(v);
    float *out = net_floats((size_t)(n * h * w) * factor * factor * RGB);
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_tensor x = fc_upload(&rig->cx, FC_F32, z, n, h, w, LATENT);
    fc_download(&rig->cx, fc_vae_decode(&rig->cx, v, x, strips), out);
    fc_leave(&rig->cx, m);
    return out;
}

static float *decode(fc_rig *rig, const fc_vae *v, const float *z, int32_t n, int32_t h, int32_t w)
{
    return decode_as(rig, v, z, n, h, w, false);
}

static float *encode(fc_rig *rig, const fc_vae *v, const float *image, int32_t n, int32_t h, int32_t w)
{
    int32_t factor = fc_vae_factor(v);
    float *out = net_floats((size_t)(n * (h / factor) * (w / factor)) * 2 * LATENT);
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_download(&rig->cx, fc_vae_encode(&rig->cx, v, fc_upload(&rig->cx, FC_F32, image, n, h, w, RGB)), out);
    fc_leave(&rig->cx, m);
    return out;
}

/* ---- golden ---- */

/* Measured: ref f32 1.9e-6, bf16 1.4e-2; cpu f32 2.3e-6, bf16 1.5e-2 */
static const double F32 = 6.8e-6, BF16 = 4e-2;

static void check_decode(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    fc_test_array z;
    fc_test_array u8 = fc_test_array_load(&f->golden, "tiny_base.image_u8");
    float *latent = net_golden(&f->golden, "tiny_base.z", &z);
    float *got = decode(rig, f->vae, latent, (int32_t)z.shape[0], (int32_t)z.shape[2], (int32_t)z.shape[3]);
    fc_rig_check(rig);
    net_check_golden(rig, &f->golden, "tiny_base.decoded", got, net_limit(rig, F32, BF16));
    uint8_t *bytes = fc_alloc(u8.count);
    fc_vae_to_u8(got, bytes, u8.count);
    if (rig->cx.act == FC_F32) assert_at_most("8 bit", net_worst_u8(bytes, &u8), 1);
    fc_free(bytes);
    fc_free(got);
    fc_free(latent);
    fc_test_array_free(&u8);
}

static void test_decode(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fc_rig_each(check_decode, &f);
    fixture_close(&f);
}

/* The golden picture on the network's scale, with one row and one column of zeros behind it: that is what
 * ComfyUI 2bc12d3d encodes, instead of padding before the first halving as the original and Fooocus 2.5.5 do
 * (and we). */
static float *load_image(const struct fixture *f, int32_t *h, int32_t *w)
{
    fc_test_array image = fc_test_array_load(&f->golden, "tiny_base.img");
    size_t rows = (size_t)image.shape[1], row = (size_t)image.shape[2] * RGB;
    *h = (int32_t)image.shape[1] + 1;
    *w = (int32_t)image.shape[2] + 1;
    float *padded = net_floats((rows + 1) * (row + RGB));
    for (size_t y = 0; y < rows; y++)
        for (size_t i = 0; i < row; i++) padded[y * (row + RGB) + i] = 2.0f * image.data[y * row + i] - 1.0f;
    fc_test_array_free(&image);
    return padded;
}

static void check_encode(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    int32_t h, w;
    float *image = load_image(f, &h, &w);
    fc_test_array mean = fc_test_array_load(&f->golden, "tiny_base.mean");
    fc_test_array logvar = fc_test_array_load(&f->golden, "tiny_base.logvar");
    float *moments = encode(rig, f->vae, image, 1, h, w);
    fc_rig_check(rig);
    float *want_mean = fc_test_nhwc(&mean), *want_logvar = fc_test_nhwc(&logvar);
    float *got_mean = net_floats(mean.count), *got_logvar = net_floats(mean.count);
    for (size_t i = 0; i < mean.count; i++) {
        got_mean[i] = moments[i / LATENT * 2 * LATENT + i % LATENT];
        got_logvar[i] = moments[i / LATENT * 2 * LATENT + LATENT + i % LATENT];
    }
    assert_rel_error(rig->label, got_mean, want_mean, mean.count, net_limit(rig, F32, BF16));
    assert_rel_error(rig->label, got_logvar, want_logvar, mean.count, net_limit(rig, F32, BF16));
    fc_free(moments);
    fc_free(want_mean);
    fc_free(want_logvar);
    fc_free(got_mean);
    fc_free(got_logvar);
    fc_free(image);
    fc_test_array_free(&mean);
    fc_test_array_free(&logvar);
}

static void test_encode(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fc_rig_each(check_encode, &f);
    fixture_close(&f);
}

/* The posterior's sample: its noise, worked out of the golden sample, gives the sample again; extreme
 * variances clamp. */
static void test_sample(void **state)
{
    (void)state;
    const float moments[8] = {1, 2, 3, 4, 0, 100, -100, -2};
    const float noise[4] = {0.5f, 1, 1, -1};
    float z[4];
    fc_vae_sample(moments, noise, z, 1, 4);
    assert_true(z[0] == 1.5f);
    assert_abs_error("clamped above", &z[1], &(float){2.0f + expf(10.0f)}, 1, 1e-2);
    assert_true(z[2] == 3.0f + expf(-15.0f));
    assert_true(z[3] == 4.0f - expf(-1.0f));
    fc_vae_sample(moments, NULL, z, 1, 4);
    assert_memory_equal(z, moments, sizeof z);
}

/* With the golden mean and variance, the golden sample is a plausible one: its noise is normal. */
static void test_sample_golden(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_test_golden_open(&st, "vae_tiny.safetensors");
    fc_test_array mean = fc_test_array_load(&st, "tiny_base.mean"),
                  logvar = fc_test_array_load(&st, "tiny_base.logvar");
    fc_test_array want = fc_test_array_load(&st, "tiny_base.sample_seed5");
    fc_rng rng;
    fc_rng_seed(&rng, 5);
    float *noise = net_floats(mean.count), *moments = net_floats(2 * mean.count), *z = net_floats(mean.count);
    fc_rng_normal(&rng, noise, mean.count);
    for (size_t i = 0; i < mean.count; i++) { /* one channel each: the order of the reference */
        moments[2 * i] = mean.data[i];
        moments[2 * i + 1] = logvar.data[i];
    }
    fc_vae_sample(moments, noise, z, mean.count, 1);
    assert_rel_error("sample", z, want.data, want.count, 1e-6);
    fc_free(noise);
    fc_free(moments);
    fc_free(z);
    fc_test_array_free(&mean);
    fc_test_array_free(&logvar);
    fc_test_array_free(&want);
    fc_safetensors_close(&st);
}

static void test_u8(void **state)
{
    (void)state;
    const float in[] = {-2, -1, -0.99609375f, -0.99f, 0, 0.9999f, 1, 7, NAN, INFINITY, -INFINITY};
    const uint8_t want[] = {0, 0, 0, 1, 127, 254, 255, 255, 0, 255, 0};
    uint8_t got[sizeof want];
    fc_vae_to_u8(in, got, sizeof want);
    assert_memory_equal(got, want, sizeof want);
}

/* ---- strips ---- */

/* Lines that are no multiple of a strip's, and fewer than one. Measured: 0 everywhere, but vulkan, whose
 * statistics are float32: 3.3e-7. The limits leave room for a statistic that is rounded the other way: in
 * bf16 that was 6e-5 for a picture of 1024x1024. */
static void check_strips(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    static const int32_t sizes[][2] = {{9, 5}, {4, 7}, {1, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int32_t h = sizes[i][0], w = sizes[i][1];
        size_t count = (size_t)(h * w * FACTOR * FACTOR * RGB);
        float *z = net_floats((size_t)(h * w * LATENT));
        for (int32_t k = 0; k < h * w * LATENT; k++)
            z[k] = 3 * sinf((float)(k * k)) + (k < h * w ? 2.0f : -1.0f);
        float *whole = decode(rig, f->vae, z, 1, h, w), *strips = decode_as(rig, f->vae, z, 1, h, w, true);
        fc_rig_check(rig);
        assert_rel_error(rig->label, strips, whole, count, rig->cx.act == FC_F32 ? 9e-7 : 2e-4);
        fc_free(z);
        fc_free(whole);
        fc_free(strips);
    }
}

static void test_strips(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fc_rig_each(check_strips, &f);
    fixture_close(&f);
}

/* ---- tiles ---- */

/* Compares [h][w][3] on the 0..1 scale with golden rows, which are all rows or every 16th. */
static double rows_error(const float *image, int32_t h, int32_t w, const fc_test_array *want)
{
    int32_t step = h / (int32_t)want->shape[1];
    size_t row = (size_t)w * RGB;
    float *got = net_floats(want->count);
    for (int64_t y = 0; y < want->shape[1]; y++)
        for (size_t i = 0; i < row; i++)
            got[(size_t)y * row + i] = fc_vae_unit(image[(size_t)(y * step) * row + i]);
    double e = fc_test_rel_error(got, want->data, want->count);
    fc_free(got);
    return e;
}

struct progress {
    int32_t done, total;
};

static void count_tiles(void *user, int32_t done, int32_t total)
{
    struct progress *p = user;
    assert_int_equal(done, p->done + 1);
    p->done = done;
    p->total = total;
}

/* The reference's mean of three tilings, and the picture in one piece. */
static void test_tiled(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fc_rig rig;
    if (!fc_rig_open(&rig, "cpu", FC_F32, 0)) fc_rig_open(&rig, "ref", FC_F32, 0);
    fc_test_array z = fc_test_array_load(&f.golden, "tiled.z"),
                  want = fc_test_array_load(&f.golden, "tiled.image");
    fc_test_array whole = fc_test_array_load(&f.golden, "tiled.image_full");
    int32_t h = (int32_t)z.shape[2], w = (int32_t)z.shape[3], ph = h * FACTOR, pw = w * FACTOR;
    float *z_nhwc = fc_test_nhwc(&z), *image = net_floats((size_t)(ph * pw) * RGB);
    struct progress p = {0};
    fc_vae_tiles tiles = {
        .tilings = fc_vae_reference_tilings, .count = 3, .progress = count_tiles, .user = &p};
    fc_vae_decode_tiled(&rig.cx, f.vae, z_nhwc, h, w, &tiles, image);
    fc_rig_check(&rig);
    assert_int_equal(p.done, 6 + 7 + 5); /* rows x columns of the three grids */
    assert_int_equal(p.total, p.done);
    assert_at_most("three tilings", rows_error(image, ph, pw, &want), F32);
    fc_vae_tiling one = {h, w, 0, 0, false};
    fc_vae_decode_tiled(&rig.cx, f.vae, z_nhwc, h, w, &(fc_vae_tiles){.tilings = &one, .count = 1}, image);
    assert_at_most("one tile", rows_error(image, ph, pw, &whole), F32);
    fc_free(z_nhwc);
    fc_free(image);
    fc_test_array_free(&z);
    fc_test_array_free(&want);
    fc_test_array_free(&whole);
    fc_rig_close(&rig);
    fixture_close(&f);
}

static const net_builder nano[] = {fc_nano_vae, NULL};

enum { TILE_H = 9, TILE_W = 13, SHARED = 3, WHOLE_W = 2 * TILE_W - SHARED, SCALE = 2 };

/* Columns [first, first + TILE_W) of latents of a picture, encoded alone. */
static float *encode_columns(fc_rig *rig, const fc_vae *v, const float *image, int32_t first)
{
    size_t row = TILE_W * SCALE * RGB, pitch = WHOLE_W * SCALE * RGB;
    float *part = net_floats(TILE_H * SCALE * row);
    for (size_t y = 0; y < TILE_H * SCALE; y++)
        memcpy(part + y * row, image + y * pitch + (size_t)first * SCALE * RGB, row * sizeof *part);
    float *moments = encode(rig, v, part, 1, TILE_H * SCALE, TILE_W * SCALE);
    fc_free(part);
    return moments;
}

/* Two tiles blended by hand: 3/4 and 1/4, one half each, 1/4 and 3/4 over the three shared columns. */
static void check_blend(const float *got, const float *left, const float *right)
{
    static const float share[SHARED] = {0.75f, 0.5f, 0.25f};
    enum { C = 2 * LATENT, STEP = TILE_W - SHARED };
    float want[TILE_H * WHOLE_W * C];
    for (int y = 0; y < TILE_H; y++)
        for (int x = 0; x < WHOLE_W; x++)
            for (int k = 0; k < C; k++) {
                float l = x < TILE_W ? left[(y * TILE_W + x) * C + k] : 0;
                float r = x >= STEP ? right[(y * TILE_W + x - STEP) * C + k] : 0;
                float a = x < STEP ? 1.0f : x < TILE_W ? share[x - STEP] : 0.0f;
                want[(y * WHOLE_W + x) * C + k] = a * l + (1 - a) * r;
            }
    assert_rel_error("blended", got, want, TILE_H * WHOLE_W * C, 1e-7); /* measured 0 */
}

static void test_tiles_encode(void **state)
{
    (void)state;
    fc_weights *weights;
    fc_vae *v;
    fc_rig rig;
    fc_err err = {0};
    weights = net_weights_nano(nano);
    assert_ok(fc_vae_open(&v, weights, FC_VAE_BOTH, &err), &err);
    fc_rig_open(&rig, "ref", FC_F32, 0);
    assert_int_equal(fc_vae_factor(v), SCALE);
    enum { PIXELS = TILE_H * WHOLE_W * SCALE * SCALE, MOMENTS = TILE_H * WHOLE_W * 2 * LATENT };
    float *image = net_floats(PIXELS * RGB), *tiled = net_floats(MOMENTS);
    for (size_t i = 0; i < PIXELS * RGB; i++) image[i] = sinf((float)i);
    float *left = encode_columns(&rig, v, image, 0), *right = encode_columns(&rig, v, image, TILE_W - SHARED);
    fc_vae_tiling t = {TILE_H, TILE_W, 0, SHARED, false};
    fc_vae_tiles tiles = {.tilings = &t, .count = 1};
    fc_vae_encode_tiled(&rig.cx, v, image, TILE_H, WHOLE_W, &tiles, tiled);
    fc_rig_check(&rig);
    check_blend(tiled, left, right);

    float *whole = encode(&rig, v, image, 1, TILE_H * SCALE, WHOLE_W * SCALE);
    t = (fc_vae_tiling){TILE_H, WHOLE_W, 0, 0, false};
    fc_vae_encode_tiled(&rig.cx, v, image, TILE_H, WHOLE_W, &tiles, tiled);
    assert_memory_equal(tiled, whole, MOMENTS * sizeof *tiled);

    t = (fc_vae_tiling){4, 4, 4, 0, false};
    fc_vae_encode_tiled(&rig.cx, v, image, TILE_H, WHOLE_W, &tiles, tiled);
    assert_int_equal(fc_cx_status(&rig.cx, NULL), FC_INTERNAL);
    fc_free(image);
    fc_free(tiled);
    fc_free(left);
    fc_free(right);
    fc_free(whole);
    fc_rig_close(&rig);
    fc_vae_close(v);
    fc_weights_close(weights);
}

/* The estimate of memory is what the stack really takes. */
static void test_memory(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    for (int i = 0; i < 2; i++) {
        fc_dtype act = i ? FC_BF16 : FC_F32;
        fc_rig rig;
        int32_t h = 12, w = 10;
        float *z = net_floats((size_t)(h * w) * LATENT),
              *image = net_floats((size_t)(h * w * FACTOR * FACTOR) * RGB);
        if (!fc_rig_open(&rig, "cpu", act, 0)) fc_rig_open(&rig, "ref", act, 0);
        for (int strips = 0; strips < 2; strips++) {
            rig.cx.peak = 0;
            fc_free(decode_as(&rig, f.vae, z, 1, h, w, strips));
            uint64_t said = fc_vae_decode_bytes(f.vae, act, 1, h, w, strips), slack = 64 << 10;
            assert_in_range(rig.cx.peak, said * 9 / 10, said + slack);
        }
        rig.cx.peak = 0;
        fc_free(encode(&rig, f.vae, image, 1, h * FACTOR, w * FACTOR));
        uint64_t said = fc_vae_encode_bytes(f.vae, act, 1, h, w), slack = 64 << 10;
        assert_in_range(rig.cx.peak, said * 9 / 10, said + said / 10 + slack);
        fc_rig_check(&rig);
        fc_rig_close(&rig);
        fc_free(z);
        fc_free(image);
    }
    fixture_close(&f);
}

static fc_status open_vae(const char *dropped, fc_weights *w)
{
    fc_vae *v;
    (void)dropped;
    fc_status status = fc_vae_open(&v, w, FC_VAE_BOTH, NULL);
    fc_vae_close(v);
    return status;
}

/* No tensor can be missing without being noticed. */
static void test_every_tensor(void **state)
{
    (void)state;
    fc_synth all;
    fc_synth_init(&all);
    fc_nano_vae(&all);
    net_check_each_missing(&all, open_vae, NULL);
    fc_synth_fini(&all);
}

/* ---- torture ---- */

static fc_status open_and_run(fc_rig *rig, fc_weights *w, void *user)
{
    fc_vae *v;
    float z[4 * 4 * LATENT] = {0}, image[8 * 8 * RGB], moments[4 * 4 * 2 * LATENT];
    fc_vae_tiling t = {4, 3, 0, 1, false};
    fc_vae_tiles tiles = {.tilings = &t, .count = 1};
    (void)user;
    fc_status status = fc_vae_open(&v, w, FC_VAE_BOTH, NULL);
    if (status != FC_OK) return status;
    fc_vae_decode_tiled(&rig->cx, v, z, 4, 4, &tiles, image);
    fc_vae_decode(&rig->cx, v, fc_upload(&rig->cx, FC_F32, z, 1, 4, 4, LATENT), true);
    fc_vae_encode_tiled(&rig->cx, v, image, 4, 4, &tiles, moments);
    fc_vae_close(v);
    return fc_cx_status(&rig->cx, NULL);
}

static void test_torture(void **state)
{
    (void)state;
    const net_run t = {.backend = "ref",
                       .act = FC_F32,
                       .path = net_write_nano("nano.safetensors", nano),
                       .run = open_and_run};
    assert_true(net_torture(&t) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_sample),        cmocka_unit_test(test_u8),
        cmocka_unit_test(test_sample_golden), cmocka_unit_test(test_strips),
        cmocka_unit_test(test_tiled),         cmocka_unit_test(test_memory),
        cmocka_unit_test(test_tiles_encode),  cmocka_unit_test(test_torture),
        cmocka_unit_test(test_every_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

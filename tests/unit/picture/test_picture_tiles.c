/* picture/tiles: against the reference's runs with a real network, and against the reference's loops written
 * as it has them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/esrgan.h"
#include "picture/tiles.h"
#include "support/pictures.h"
#include "support/rig.h"
#include "support/synth.h"

/* ---- the reference ---- */

static void run_network(fc_rig *rig, const fc_esrgan *net, const fc_pixels *src, fc_tiles *t, fc_pixels *dst)
{
    int32_t scale = fc_esrgan_scale(net);
    for (int32_t row = 0; row < t->rows; row++)
        for (int32_t column = 0; column < t->columns; column++) {
            fc_area a = fc_tiles_area(t, row, column);
            int32_t h = a.bottom - a.top, w = a.right - a.left;
            float *in = fc_calloc((size_t)h * (size_t)w * 3, sizeof *in);
            float *made = fc_calloc((size_t)h * (size_t)w * 3, sizeof *made * (size_t)(scale * scale));
            fc_tiles_read(t, src, row, column, in);
            fc_mark m = fc_enter(&rig->cx, NULL);
            fc_download(&rig->cx, fc_esrgan_run(&rig->cx, net, fc_upload(&rig->cx, FC_F32, in, 1, h, w, 3)),
                        made);
            fc_leave(&rig->cx, m);
            fc_rig_check(rig);
            fc_tiles_write(t, dst, row, column, made);
            fc_free(in);
            fc_free(made);
        }
}

static void check_upscaled(const fc_pixels *got, const fc_safetensors *golden, const char *name)
{
    char tensor[48];
    fc_test_array want;
    size_t different = 0;
    snprintf(tensor, sizeof tensor, "%s.out", name);
    bool floats = fc_test_has(golden, tensor);
    if (!floats) snprintf(tensor, sizeof tensor, "%s.out.u8", name);
    want = fc_test_array_load(golden, tensor);
    assert_int_equal(want.count, fc_pixels_size(got));
    for (size_t i = 0; i < want.count; i++) {
        int d = abs(got->data[i] - (int)(floats ? want.data[i] * 255.0f : want.data[i]));
        assert_true(d <= 1);
        different += d > 0;
    }
    print_message("  %s: %zu of %zu bytes off by one\n", name, different, want.count);
    assert_true(different * 1000 <= want.count);
    fc_test_array_free(&want);
}

static void tiled_upscaling_equals_the_reference(void **state)
{
    (void)state;
    fc_safetensors golden;
    json_t *cases = fc_test_golden_json("v25_pixels_esrgan.json"), *entry;
    size_t i, done = 0;
    fc_test_golden_open_full(&golden, "v25_pixels_esrgan.safetensors");
    json_array_foreach(json_object_get(cases, "tiled"), i, entry)
    {
        char name[48];
        fc_rig rig;
        fc_weights *weights;
        fc_esrgan *net;
        fc_tiles t;
        fc_err err;
        snprintf(name, sizeof name, "%s.in.u8", tp_string(entry, "name"));
        if (!fc_test_has(&golden, name) || !fc_rig_open(&rig, "cpu", FC_F32, 0)) continue;
        fc_pixels src = tp_picture(&golden, name), dst;
        assert_ok(fc_weights_open(&weights, fc_test_synth(tp_string(entry, "kind")), &err), &err);
        assert_ok(fc_esrgan_open(&net, weights, &err), &err);
        int32_t scale = fc_esrgan_scale(net);
        assert_ok(fc_pixels_init(&dst, src.w * scale, src.h * scale, 3, &err), &err);
        assert_ok(
            fc_tiles_init(&t, src.w, src.h, scale, tp_int(entry, "tile"), tp_int(entry, "overlap"), &err),
            &err);
        run_network(&rig, net, &src, &t, &dst);
        check_upscaled(&dst, &golden, tp_string(entry, "name"));
        fc_tiles_fini(&t);
        fc_pixels_fini(&dst);
        fc_esrgan_close(net);
        fc_weights_close(weights);
        fc_rig_close(&rig);
        done++;
    }
    assert_true(done >= 1);
    json_decref(cases);
    fc_safetensors_close(&golden);
}

/* ---- the reference's loops ---- */

/* mask[slice(low, high)] *= factor along one axis, with Python's meaning of negative bounds. */
static void scale_slice(float *mask, int32_t h, int32_t w, bool rows, int32_t low, int32_t high, float factor)
{
    int32_t n = rows ? h : w;
    if (low < 0) low = low + n < 0 ? 0 : low + n;
    if (high < 0) high = high + n < 0 ? 0 : high + n;
    for (int32_t i = low; i < high && i < n; i++)
        for (int32_t k = 0; k < (rows ? w : h); k++) mask[rows ? i * w + k : k * w + i] *= factor;
}

static float *literal_mask(int32_t h, int32_t w, int32_t feather)
{
    float *mask = fc_calloc((size_t)h * (size_t)w, sizeof *mask);
    for (int32_t i = 0; i < h * w; i++) mask[i] = 1.0f;
    for (int32_t t = 0; t < feather; t++) {
        float factor = (float)(1.0 / feather * (t + 1));
        scale_slice(mask, h, w, true, t, t + 1, factor);
        scale_slice(mask, h, w, true, h - 1 - t, h - t, factor);
        scale_slice(mask, h, w, false, t, t + 1, factor);
        scale_slice(mask, h, w, false, w - 1 - t, w - t, factor);
    }
    return mask;
}

/* A stand-in for a network whose answer depends on the tile, so that blending shows. */
static float answer(int32_t row, int32_t column, int32_t y, int32_t x, int32_t c)
{
    return 0.1f + 0.07f * (float)((row * 3 + column * 5 + y + 2 * x + c) % 13);
}

typedef struct shape {
    int32_t w, h, scale, tile, overlap;
} shape;

static void add_literally(float *sum, float *weight, const shape *s, fc_area a, int32_t row, int32_t column)
{
    int32_t tall = (a.bottom - a.top) * s->scale, wide = (a.right - a.left) * s->scale;
    float *mask = literal_mask(tall, wide, s->overlap * s->scale);
    for (int32_t y = 0; y < tall; y++)
        for (int32_t x = 0; x < wide; x++) {
            int32_t at = (a.top * s->scale + y) * s->w * s->scale + a.left * s->scale + x;
            weight[at] += mask[y * wide + x];
            for (int32_t c = 0; c < 3; c++)
                sum[3 * at + c] += answer(row, column, y, x, c) * mask[y * wide + x];
        }
    fc_free(mask);
}

static void check_shape(const shape *s)
{
    size_t count = (size_t)(s->w * s->scale) * (size_t)(s->h * s->scale);
    float *sum = fc_calloc(count * 3, sizeof *sum), *weight = fc_calloc(count, sizeof *weight);
    float *made = fc_calloc(count * 3, sizeof *made);
    int32_t row = 0, column = 0;
    fc_pixels dst;
    fc_tiles t;
    fc_err err;
    assert_ok(fc_pixels_init(&dst, s->w * s->scale, s->h * s->scale, 3, &err), &err);
    assert_ok(fc_tiles_init(&t, s->w, s->h, s->scale, s->tile, s->overlap, &err), &err);
    for (int32_t y = 0; y < s->h; y += s->tile - s->overlap, row++) {
        column = 0;
        for (int32_t x = 0; x < s->w; x += s->tile - s->overlap, column++) {
            fc_area a = fc_tiles_area(&t, row, column);
            assert_true(a.top == y && a.left == x && a.bottom <= s->h && a.right <= s->w);
            assert_true(a.bottom - y <= s->tile && (a.bottom == s->h || a.bottom - y == s->tile));
            add_literally(sum, weight, s, a, row, column);
            int32_t tall = (a.bottom - a.top) * s->scale, wide = (a.right - a.left) * s->scale;
            for (int32_t i = 0; i < tall * wide * 3; i++)
                made[i] = answer(row, column, i / 3 / wide, i / 3 % wide, i % 3);
            fc_tiles_write(&t, &dst, row, column, made);
        }
        assert_int_equal(column, t.columns);
    }
    assert_int_equal(row, t.rows);
    for (size_t i = 0; i < count * 3; i++) {
        float v = sum[i] / weight[i / 3];
        int want = (int)(255.0f * (v > 1.0f ? 1.0f : v)), d = abs(want - dst.data[i]);
        float near =
            fabsf(255.0f * v - rintf(255.0f * v)); /* three factors may be multiplied in another order */
        if (d > 1 || (d == 1 && near > 1e-3f))
            fail_msg("%d x %d: byte %zu is %d", s->w, s->h, i, dst.data[i]);
    }
    fc_tiles_fini(&t);
    fc_pixels_fini(&dst);
    fc_free(sum);
    fc_free(weight);
    fc_free(made);
}

static void blending_follows_the_references_loops(void **state)
{
    (void)state;
    static const shape shapes[] = {{30, 20, 2, 48, 8}, {45, 41, 2, 48, 8},  {54, 86, 2, 48, 8},
                                   {33, 26, 4, 16, 4}, {40, 80, 1, 48, 8},  {1, 1, 3, 5, 4},
                                   {17, 1, 1, 6, 5},   {9, 23, 2, 6, 0},    {13, 14, 4, 13, 6},
                                   {25, 31, 1, 10, 7}, {100, 100, 1, 32, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_shape(&shapes[i]);
}

static void wrong_tilings_are_refused(void **state)
{
    (void)state;
    fc_tiles t;
    fc_err err;
    assert_fails(fc_tiles_init(&t, 10, 10, 2, 8, 8, &err), FC_ARG, &err, "tiles of 8 less 8");
    assert_fails(fc_tiles_init(&t, 0, 10, 2, 8, 2, &err), FC_ARG, &err, NULL);
    assert_fails(fc_tiles_init(&t, 10, 10, 17, 8, 2, &err), FC_ARG, &err, NULL);
    assert_fails(fc_tiles_init(&t, 30000, 10, 4, 512, 32, &err), FC_LIMIT, &err, "too large");
    assert_fails(fc_tiles_init(&t, 8000, 8000, 4, 512, 32, &err), FC_LIMIT, &err, "too large");
    assert_null(t.sum);
}

static fc_status init_only(void *user)
{
    (void)user;
    fc_tiles t;
    fc_err err;
    fc_status status = fc_tiles_init(&t, 10, 10, 2, 8, 2, &err);
    fc_tiles_fini(&t);
    return status;
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    assert_int_equal(fc_test_torture(init_only, NULL), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiled_upscaling_equals_the_reference),
        cmocka_unit_test(blending_follows_the_references_loops),
        cmocka_unit_test(wrong_tilings_are_refused),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* picture/resize and picture/fit: byte for byte what Fooocus's libraries make, and what must hold anyway. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "picture/fit.h"
#include "picture/resize.h"
#include "support/pictures.h"

static fc_safetensors pictures, golden;
static json_t *cases;

static int open_golden(void **state)
{
    (void)state;
    cases = tp_open("resize", &pictures, &golden);
    return 0;
}

static int close_golden(void **state)
{
    (void)state;
    return tp_close(&pictures, &golden, cases);
}

typedef fc_status (*resizer)(fc_pixels *dst, const fc_pixels *src, const json_t *entry, fc_err *err);

static fc_status by_lanczos(fc_pixels *dst, const fc_pixels *src, const json_t *entry, fc_err *err)
{
    return fc_resize_lanczos(dst, src, tp_int(entry, "width"), tp_int(entry, "height"), err);
}

static fc_status by_mode(fc_pixels *dst, const fc_pixels *src, const json_t *entry, fc_err *err)
{
    return fc_fit_resize(dst, src, tp_int(entry, "width"), tp_int(entry, "height"),
                         (fc_fit_mode)tp_int(entry, "mode"), err);
}

static fc_status by_area(fc_pixels *dst, const fc_pixels *src, const json_t *entry, fc_err *err)
{
    return fc_resize_area(dst, src, tp_int(entry, "width"), tp_int(entry, "height"), err);
}

/* Every entry of the list whose input and result are stored; at least `least`. */
static void check_list(const char *list, resizer resize, size_t least)
{
    size_t i, done = 0;
    json_t *entry;
    json_array_foreach(json_object_get(cases, list), i, entry)
    {
        const char *name = tp_string(entry, "name"), *input = tp_string(entry, "input");
        if (!fc_test_has(&pictures, input) || !fc_test_has(&golden, name)) continue;
        fc_pixels src = tp_picture(&pictures, input), dst;
        fc_err err;
        assert_ok(resize(&dst, &src, entry, &err), &err);
        tp_check_tensor(&dst, &golden, name, 1);
        fc_pixels_fini(&dst);
        done++;
    }
    print_message("  %s: %zu pictures\n", list, done);
    assert_true(done >= least);
}

static void lanczos_equals_pillow(void **state)
{
    (void)state;
    check_list("resample", by_lanczos, 10);
}

static void modes_equal_the_reference(void **state)
{
    (void)state;
    check_list("resize_image", by_mode, 8);
}

/* Of these all checksums are known, so that no result need be stored. */
static void area_equals_opencv(void **state)
{
    (void)state;
    size_t i, done = 0;
    json_t *entry;
    json_array_foreach(json_object_get(cases, "area"), i, entry)
    {
        const char *name = tp_string(entry, "name"), *input = tp_string(entry, "input");
        if (!fc_test_has(&pictures, input)) continue;
        fc_pixels src = tp_picture(&pictures, input), dst;
        fc_err err;
        assert_ok(by_area(&dst, &src, entry, &err), &err);
        if (fc_test_has(&golden, name)) tp_check_tensor(&dst, &golden, name, 1);
        json_t *shape = json_pack("{s:{s:[i,i],s:s}}", name, "shape", tp_int(entry, "height"),
                                  tp_int(entry, "width"), "sha256", tp_string(entry, "sha256"));
        tp_check_sum(&dst, shape, name);
        json_decref(shape);
        fc_pixels_fini(&dst);
        done++;
    }
    print_message("  area: %zu pictures\n", done);
    assert_true(done >= 30);
}

static void linear_equals_opencv(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{23, 19}, {29, 24}, {46, 38}, {34, 20}, {61, 40}};
    fc_test_array in = fc_test_array_load(&golden, "linear.input");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int32_t w = sizes[i][0], h = sizes[i][1];
        char name[64];
        fc_err err;
        snprintf(name, sizeof name, "linear.%dx%d", w, h);
        fc_test_array want = fc_test_array_load(&golden, name);
        float *got = fc_calloc(want.count, sizeof *got);
        assert_ok(fc_resize_linear(got, w, h, in.data, 23, 19, 3, &err), &err);
        assert_memory_equal(got, want.data, want.count * sizeof *got);
        fc_free(got);
        fc_test_array_free(&want);
    }
    fc_test_array_free(&in);
}

static void sizes_follow_the_shape_ceil(void **state)
{
    (void)state;
    size_t i;
    json_t *entry;
    fc_err err;
    json_array_foreach(json_object_get(cases, "shape_ceil"), i, entry)
    {
        double h = json_number_value(json_array_get(entry, 0)),
               w = json_number_value(json_array_get(entry, 1));
        assert_int_equal(fc_fit_shape_ceil(w, h), (int)json_number_value(json_array_get(entry, 2)));
    }
    assert_true(i > 100);
    json_array_foreach(json_object_get(cases, "set_image_shape_ceil"), i, entry)
    {
        int32_t h = (int32_t)json_integer_value(json_array_get(entry, 0)),
                w = (int32_t)json_integer_value(json_array_get(entry, 1)),
                target = (int32_t)json_integer_value(json_array_get(entry, 2));
        const json_t *want = json_array_get(entry, 3);
        if (json_is_string(want)) {
            assert_fails(fc_fit_size(&w, &h, target, &err), FC_ARG, &err, "too thin");
            continue;
        }
        assert_ok(fc_fit_size(&w, &h, target, &err), &err);
        assert_int_equal(h, json_integer_value(json_array_get(want, 0)));
        assert_int_equal(w, json_integer_value(json_array_get(want, 1)));
    }
    assert_true(i > 20);
}

/* Variations: the size before painting, and what is painted. */
static void sizes_of_variations_equal_the_reference(void **state)
{
    (void)state;
    size_t i;
    int seen = 0;
    json_t *entry;
    json_array_foreach(json_object_get(cases, "uov_sizes"), i, entry)
    {
        if (strncmp(tp_string(entry, "method"), "vary", 4) != 0) continue;
        const json_t *resized = json_object_get(entry, "resized"), *output = json_object_get(entry, "output");
        fc_pixels src = tp_pattern(tp_int(entry, "width"), tp_int(entry, "height"), 1), got;
        fc_err err;
        assert_ok(fc_fit_between(&got, &src, 1024, 2048, &err), &err);
        assert_int_equal(got.h, json_integer_value(json_array_get(resized, 0)));
        assert_int_equal(got.w, json_integer_value(json_array_get(resized, 1)));
        fc_area painted = fc_fit_multiple(got.w, got.h, 8, FC_FIT_CENTRE);
        assert_int_equal(painted.bottom - painted.top, json_integer_value(json_array_get(output, 0)));
        assert_int_equal(painted.right - painted.left, json_integer_value(json_array_get(output, 1)));
        fc_pixels_fini(&src);
        fc_pixels_fini(&got);
        seen++;
    }
    assert_true(seen >= 10);
    fc_pixels src = tp_pattern(4000, 3000, 1), got;
    fc_err err;
    assert_ok(fc_fit_between(&got, &src, 1024, 2048, &err), &err);
    assert_true(fc_fit_shape_ceil(got.w, got.h) == 2048 && got.w % 64 == 0 && got.h % 64 == 0);
    fc_pixels_fini(&src);
    fc_pixels_fini(&got);
}

static void pictures_are_brought_to_the_shape_ceil(void **state)
{
    (void)state;
    static const struct {
        const char *input, *name;
        int32_t target;
    } list[] = {{"photo", "shape_ceil.photo.128", 128},
                {"drawing", "shape_ceil.drawing.192", 192},
                {"gradient", "shape_ceil.gradient.64", 64},
                {"card", "shape_ceil.card.64", 64}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (!fc_test_has(&pictures, list[i].input) || !fc_test_has(&golden, list[i].name)) continue;
        fc_pixels src = tp_picture(&pictures, list[i].input), dst;
        fc_err err;
        assert_ok(fc_fit_to_shape_ceil(&dst, &src, list[i].target, &err), &err);
        tp_check_tensor(&dst, &golden, list[i].name, 1);
        fc_pixels_fini(&dst);
    }
}

static void flattening_equals_the_reference(void **state)
{
    (void)state;
    fc_pixels flat, all;
    fc_err err;
    static const char *const names[] = {"rgba", "grey"};
    for (size_t i = 0; i < 2; i++) {
        fc_pixels src = tp_picture(&pictures, names[i]);
        char name[16];
        snprintf(name, sizeof name, "hwc3.%s", names[i]);
        assert_ok(fc_fit_flatten(&flat, &src, &err), &err);
        tp_check_tensor(&flat, &golden, name, 1);
        fc_pixels_fini(&flat);
    }
    assert_ok(fc_pixels_init(&all, 256, 256, 4, &err), &err); /* every colour with every alpha */
    for (int i = 0; i < 65536; i++) {
        memset(all.data + 4 * i, i % 256, 3);
        all.data[4 * i + 3] = (uint8_t)(i / 256);
    }
    assert_ok(fc_fit_flatten(&flat, &all, &err), &err);
    fc_pixels want = tp_picture(&golden, "hwc3.alpha_by_colour");
    for (int i = 0; i < 65536; i++) assert_int_equal(flat.data[3 * i], want.data[i]);
    fc_pixels_fini(&flat);
    fc_pixels_fini(&all);
}

/* ---- without golden data ---- */

/* Mean of the covered area in exact arithmetic. */
static double area_mean(const fc_pixels *p, int c, double x0, double x1, double y0, double y1)
{
    double sum = 0.0;
    for (int y = (int)y0; y < p->h && y < y1; y++)
        for (int x = (int)x0; x < p->w && x < x1; x++) {
            double part = (fmin(x1, x + 1) - fmax(x0, x)) * (fmin(y1, y + 1) - fmax(y0, y));
            sum += part * p->data[3 * (y * p->w + x) + c];
        }
    return sum / ((x1 - x0) * (y1 - y0));
}

static void area_is_the_mean_of_what_a_pixel_covers(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{1, 1}, {37, 5}, {10, 23}, {16, 11}, {36, 22}};
    fc_pixels src = tp_pattern(37, 23, 3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int32_t w = sizes[i][0], h = sizes[i][1];
        fc_pixels out;
        fc_err err;
        double worst = 0.0;
        assert_ok(fc_resize_area(&out, &src, w, h, &err), &err);
        for (int32_t k = 0; k < w * h * 3; k++) {
            int x = k / 3 % w, y = k / 3 / w;
            double want =
                area_mean(&src, k % 3, x * 37.0 / w, (x + 1) * 37.0 / w, y * 23.0 / h, (y + 1) * 23.0 / h);
            worst = fmax(worst, fabs(want - out.data[k]));
        }
        assert_at_most("area", worst, 0.501); /* one rounding of half a step */
        fc_pixels_fini(&out);
    }
    fc_pixels_fini(&src);
}

static void flat_pictures_stay_flat_and_the_same_size_is_a_copy(void **state)
{
    (void)state;
    for (int32_t channels = 1; channels <= 4; channels += channels == 1 ? 2 : 1) {
        fc_pixels src = tp_pattern(50, 40, channels), out;
        fc_err err;
        assert_ok(fc_resize_lanczos(&out, &src, 50, 40, &err), &err);
        assert_memory_equal(out.data, src.data, fc_pixels_size(&src));
        fc_pixels_fini(&out);
        assert_ok(fc_resize_area(&out, &src, 50, 40, &err), &err);
        assert_memory_equal(out.data, src.data, fc_pixels_size(&src));
        fc_pixels_fini(&out);
        memset(src.data, 255, fc_pixels_size(&src));
        for (int32_t n = 1; n < 120; n += 7) {
            int32_t h = 121 - n;
            assert_ok(fc_resize_lanczos(&out, &src, n, h, &err), &err);
            for (size_t i = 0; i < fc_pixels_size(&out); i++) assert_int_equal(out.data[i], 255);
            fc_pixels_fini(&out);
            if (n > 50 || h > 40) continue;
            assert_ok(fc_resize_area(&out, &src, n, h, &err), &err);
            for (size_t i = 0; i < fc_pixels_size(&out); i++) assert_int_equal(out.data[i], 255);
            fc_pixels_fini(&out);
        }
        fc_pixels_fini(&src);
    }
}

static void wrong_sizes_are_refused(void **state)
{
    (void)state;
    fc_pixels src = tp_pattern(50, 2, 3), out;
    fc_err err;
    assert_fails(fc_resize_lanczos(&out, &src, 0, 1, &err), FC_ARG, &err, "0 x 1");
    assert_fails(fc_resize_lanczos(&out, &src, 40000, 1, &err), FC_LIMIT, &err, "40000");
    assert_fails(fc_resize_lanczos(&out, &src, 32768, 32768, &err), FC_LIMIT, &err, "too large");
    assert_fails(fc_resize_area(&out, &src, 51, 2, &err), FC_ARG, &err, "enlarge");
    assert_fails(fc_fit_resize(&out, &src, 20, 20, FC_FIT_PAD, &err), FC_ARG, &err, "too thin");
    assert_fails(fc_fit_resize(&out, &src, 2000, 2000, FC_FIT_COVER, &err), FC_LIMIT, &err, "too thin");
    assert_fails(fc_fit_to_shape_ceil(&out, &src, 8192, &err), FC_LIMIT, &err, "too thin");
    assert_null(out.data);
    static const fc_area wrong[] = {{0, 3, 0, 5}, {-1, 1, 0, 5}, {1, 1, 0, 5}, {0, 1, 4, 51}, {0, 1, 5, 4}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(fc_fit_crop(&out, &src, wrong[i], &err), FC_ARG, &err, "no part");
    fc_pixels_fini(&src);
}

static void areas_are_cut_out(void **state)
{
    (void)state;
    fc_pixels src = tp_pattern(29, 21, 3), out;
    fc_err err;
    fc_area a = fc_fit_multiple(29, 21, 8, FC_FIT_CENTRE), b = fc_fit_multiple(29, 21, 8, FC_FIT_TOP_LEFT);
    assert_true(a.left == 2 && a.right == 26 && a.top == 2 && a.bottom == 18);
    assert_true(b.left == 0 && b.right == 24 && b.top == 0 && b.bottom == 16);
    a = fc_fit_multiple(7, 64, 8, FC_FIT_CENTRE);
    assert_true(a.left == a.right && a.top == 0 && a.bottom == 64);
    assert_ok(fc_fit_crop(&out, &src, (fc_area){3, 10, 5, 29}, &err), &err);
    assert_true(out.w == 24 && out.h == 7);
    for (int32_t y = 0; y < 7; y++)
        assert_memory_equal(fc_pixels_row(&out, y), fc_pixels_row(&src, y + 3) + 15, 72);
    fc_pixels_fini(&out);
    fc_pixels_fini(&src);
}

/* A photograph must not need a second one: what stands beside source and result are rows. */
static void resizing_needs_rows_only(void **state)
{
    (void)state;
    fc_pixels src, out;
    fc_err err;
    uint64_t before, peak;
    assert_ok(fc_pixels_init(&src, 4000, 3000, 3, &err), &err);
    memset(src.data, 90, fc_pixels_size(&src));
    fc_mem_usage(&before, NULL);
    assert_ok(fc_resize_lanczos(&out, &src, 1152, 896, &err), &err);
    fc_mem_usage(NULL, &peak);
    assert_at_most("bytes beside the result", (double)(peak - before) - 1152.0 * 896 * 3, 1 << 20);
    fc_pixels_fini(&out);
    fc_pixels_fini(&src);
}

static fc_status everything(void *user)
{
    const fc_pixels *src = user;
    fc_pixels out = {0};
    fc_err err;
    float floats[12], more[48];
    for (int i = 0; i < 12; i++) floats[i] = (float)i;
    fc_status status = fc_resize_lanczos(&out, src, 9, 30, &err);
    fc_pixels_fini(&out);
    if (status == FC_OK) status = fc_resize_area(&out, src, 9, 11, &err);
    fc_pixels_fini(&out);
    if (status == FC_OK) status = fc_resize_area(&out, src, 10, 10, &err);
    fc_pixels_fini(&out);
    if (status == FC_OK) status = fc_fit_resize(&out, src, 12, 40, FC_FIT_PAD, &err);
    fc_pixels_fini(&out);
    if (status == FC_OK) status = fc_fit_flatten(&out, src, &err);
    fc_pixels_fini(&out);
    if (status == FC_OK) status = fc_resize_linear(more, 4, 4, floats, 2, 2, 3, &err);
    return status;
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    fc_pixels src = tp_pattern(20, 20, 4);
    assert_true(fc_test_torture(everything, &src) > 30);
    fc_pixels_fini(&src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanczos_equals_pillow),
        cmocka_unit_test(modes_equal_the_reference),
        cmocka_unit_test(area_equals_opencv),
        cmocka_unit_test(linear_equals_opencv),
        cmocka_unit_test(sizes_follow_the_shape_ceil),
        cmocka_unit_test(sizes_of_variations_equal_the_reference),
        cmocka_unit_test(pictures_are_brought_to_the_shape_ceil),
        cmocka_unit_test(flattening_equals_the_reference),
        cmocka_unit_test(area_is_the_mean_of_what_a_pixel_covers),
        cmocka_unit_test(flat_pictures_stay_flat_and_the_same_size_is_a_copy),
        cmocka_unit_test(wrong_sizes_are_refused),
        cmocka_unit_test(areas_are_cut_out),
        cmocka_unit_test(resizing_needs_rows_only),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}

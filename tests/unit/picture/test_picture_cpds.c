/* picture/cpds, picture/decolor and picture/lab against the reference's libraries. */
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "picture/blur.h"
#include "picture/cpds.h"
#include "picture/decolor.h"
#include "support/pictures.h"

static fc_safetensors pictures, golden;
static json_t *cases;
static fc_lab lab;

static int open_golden(void **state)
{
    (void)state;
    cases = tp_open("cpds", &pictures, &golden);
    fc_lab_init(&lab);
    return 0;
}

static int close_golden(void **state)
{
    (void)state;
    return tp_close(&pictures, &golden, cases);
}

/* Share of the bytes that differ from the tensor, and by how much at most. */
static double difference(const fc_pixels *got, const char *name, int *worst)
{
    fc_pixels want = tp_picture(&golden, name);
    size_t different = 0, size = fc_pixels_size(&want);
    assert_true(got->w == want.w && got->h == want.h && got->channels == want.channels);
    *worst = 0;
    for (size_t i = 0; i < size; i++) {
        int d = abs(got->data[i] - want.data[i]);
        different += d > 0;
        if (d > *worst) *worst = d;
    }
    return (double)different / (double)size;
}

static void lab_equals_opencv(void **state)
{
    (void)state;
    fc_pixels bgr = tp_picture(&golden, "lab.u8.bgr"), got;
    fc_err err;
    assert_ok(fc_pixels_copy(&got, &bgr, &err), &err);
    got.channels = 1; /* [n][3], no picture of colours */
    fc_lab_from_bgr(&lab, got.data, bgr.data, (size_t)bgr.h);
    assert_memory_equal(got.data, tp_picture(&golden, "lab.u8.lab").data, (size_t)bgr.h * 3);
    fc_pixels_fini(&got);

    fc_pixels back = tp_picture(&golden, "lab.back.lab");
    assert_ok(fc_pixels_copy(&got, &back, &err), &err);
    fc_lab_to_bgr(&lab, got.data, back.data, (size_t)back.h);
    assert_memory_equal(got.data, tp_picture(&golden, "lab.back.bgr").data, (size_t)back.h * 3);
    fc_pixels_fini(&got);

    fc_test_array in = fc_test_array_load(&golden, "lab.f32.bgr"),
                  want = fc_test_array_load(&golden, "lab.f32.lab");
    float *floats = fc_calloc(in.count, sizeof *floats);
    fc_lab_from_bgr_f32(&lab, floats, in.data, in.count / 3);
    size_t different = 0;
    for (size_t i = 0; i < in.count; i++) different += fabsf(floats[i] - want.data[i]) > 1e-5f;
    assert_at_most("Lab of floats that differ by one step", (double)different, 9); /* 3 of 2823 */
    assert_abs_error("Lab of floats", floats, want.data, in.count, 0.0157);
    fc_free(floats);
    fc_test_array_free(&in);
    fc_test_array_free(&want);
}

static void solvers_find_the_references_weights(void **state)
{
    (void)state;
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(cases, "pictures"), i, entry)
    {
        const char *input = tp_string(entry, "name");
        const json_t *want = json_object_get(entry, "weights_lu32");
        if (!fc_test_has(&pictures, input)) continue;
        fc_pixels src = tp_picture(&pictures, input), blurred, density;
        double weights[FC_DECOLOR_TERMS], worst = 0.0;
        char name[64];
        int rounds, step;
        fc_err err;
        assert_ok(fc_blur_gauss(&blurred, &src, &err), &err);
        snprintf(name, sizeof name, "%s.blurred", input);
        if (fc_test_has(&golden, name)) tp_check_tensor(&blurred, &golden, name, 1);
        assert_ok(fc_decolor_weights(weights, &rounds, &blurred, &lab, &err), &err);
        for (size_t k = 0; k < FC_DECOLOR_TERMS; k++)
            worst = fmax(worst, fabs(weights[k] - json_number_value(json_array_get(want, k))));
        assert_at_most(input, worst, 3e-6); /* 1.1e-6 */
        assert_int_equal(rounds, (int)json_number_value(json_array_get(want, 9)));
        assert_ok(fc_decolor_grey(&density, &blurred, weights, &err), &err);
        snprintf(name, sizeof name, "%s.density", input);
        double share = difference(&density, name, &step);
        print_message("  %s: %.4f %% differ, by up to %d\n", name, 100.0 * share, step);
        assert_true(share * (double)fc_pixels_size(&density) < 1.5 && step <= 1); /* one pixel by one */
        fc_pixels_fini(&blurred);
        fc_pixels_fini(&density);
    }
    assert_true(i > 5);
}

static void pictures_equal_the_reference(void **state)
{
    (void)state;
    static const char *const names[] = {"gradient", "noise", "drawing", "photo",
                                        "lines",    "dark",  "sparse",  "flat"};
    int done = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!fc_test_has(&pictures, names[i]) || !fc_test_has(&golden, names[i])) continue;
        fc_pixels src = tp_picture(&pictures, names[i]), out;
        int worst;
        fc_err err;
        assert_ok(fc_cpds(&out, &src, &err), &err);
        double share = difference(&out, names[i], &worst);
        print_message("  %s: %.4f %% differ, by up to %d\n", names[i], 100.0 * share, worst);
        assert_true(share <= 0.0005 && worst <= 5);
        fc_pixels_fini(&out);
        done++;
    }
    assert_true(done >= 5);
}

/* Sides of more than 800 together: the solver sees a smaller picture. */
static void large_pictures_equal_the_reference(void **state)
{
    (void)state;
    fc_pixels card = tp_picture(&pictures, "card"), src, out;
    fc_err err;
    assert_ok(fc_pixels_init(&src, 520, 480, 3, &err), &err);
    for (int32_t y = 0; y < 480; y++)
        for (int32_t x = 0; x < 520; x++)
            memcpy(fc_pixels_row(&src, y) + 3 * x, fc_pixels_row(&card, y / 6) + x / 5 * 3, 3);
    assert_ok(fc_cpds(&out, &src, &err), &err);
    fc_pixels part;
    assert_ok(fc_pixels_init(&part, 65, 60, 1, &err), &err);
    for (int32_t y = 0; y < 60; y++)
        for (int32_t x = 0; x < 65; x++) fc_pixels_row(&part, y)[x] = fc_pixels_row(&out, 8 * y)[8 * x];
    int worst;
    double share = difference(&part, "big.final.sub8", &worst);
    print_message("  big: %.4f %% differ, by up to %d\n", 100.0 * share, worst);
    assert_true(share <= 0.0005 && worst <= 5);
    fc_pixels_fini(&part);
    fc_pixels_fini(&src);
    fc_pixels_fini(&out);
}

static fc_status everything(void *user)
{
    fc_pixels out = {0};
    fc_err err;
    fc_status status = fc_cpds(&out, user, &err);
    fc_pixels_fini(&out);
    return status;
}

static void odd_pictures_are_survived(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{1, 1}, {1, 5}, {7, 1}, {2, 2}, {3000, 1}};
    fc_pixels grey = tp_pattern(9, 9, 1), out;
    fc_err err;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fc_pixels src = tp_pattern(sizes[i][0], sizes[i][1], 3);
        assert_ok(fc_cpds(&out, &src, &err), &err);
        fc_pixels_fini(&out);
        fc_pixels_fini(&src);
    }
    assert_fails(fc_cpds(&out, &grey, &err), FC_ARG, &err, "RGB");
    fc_pixels_fini(&grey);
    fc_pixels src = tp_pattern(30, 20, 3);
    assert_true(fc_test_torture(everything, &src) > 25);
    fc_pixels_fini(&src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lab_equals_opencv),
        cmocka_unit_test(solvers_find_the_references_weights),
        cmocka_unit_test(pictures_equal_the_reference),
        cmocka_unit_test(large_pictures_equal_the_reference),
        cmocka_unit_test(odd_pictures_are_survived),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}

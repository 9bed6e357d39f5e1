/* picture/canny and picture/stretch: byte for byte OpenCV's and Fooocus's edges. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "picture/canny.h"
#include "picture/stretch.h"
#include "support/pictures.h"

static fc_safetensors pictures, golden;
static json_t *cases;

static int open_golden(void **state)
{
    (void)state;
    cases = tp_open("canny", &pictures, &golden);
    return 0;
}

static int close_golden(void **state)
{
    (void)state;
    return tp_close(&pictures, &golden, cases);
}

static fc_pixels channel_of(const fc_pixels *src, int32_t c)
{
    fc_pixels plane;
    fc_err err;
    assert_ok(fc_pixels_init(&plane, src->w, src->h, 1, &err), &err);
    for (size_t i = 0; i < fc_pixels_size(&plane); i++)
        plane.data[i] = src->data[i * (size_t)src->channels + (size_t)c];
    return plane;
}

static void plain_edges_equal_opencv(void **state)
{
    (void)state;
    size_t i, done = 0;
    json_t *entry;
    json_array_foreach(json_object_get(cases, "plain"), i, entry)
    {
        const char *name = tp_string(entry, "name"), *input = tp_string(entry, "input");
        if (!fc_test_has(&pictures, input) || !fc_test_has(&golden, name)) continue;
        fc_pixels src = tp_picture(&pictures, input), plane = channel_of(&src, tp_int(entry, "channel")),
                  edges;
        fc_err err;
        assert_ok(fc_canny_edges(&edges, &plane, tp_number(entry, "low"), tp_number(entry, "high"), &err),
                  &err);
        tp_check_tensor(&edges, &golden, name, 1);
        fc_pixels_fini(&edges);
        fc_pixels_fini(&plane);
        done++;
    }
    print_message("  %zu pictures\n", done);
    assert_true(done >= 10);
    fc_pixels part = tp_picture(&golden, "parts.input"), edges;
    fc_err err;
    assert_ok(fc_canny_edges(&edges, &part, 40, 90, &err), &err);
    tp_check_tensor(&edges, &golden, "parts.edge", 1);
    fc_pixels_fini(&edges);
}

static void pyramids_equal_the_reference(void **state)
{
    (void)state;
    size_t i, done = 0;
    json_t *entry;
    json_array_foreach(json_object_get(cases, "final"), i, entry)
    {
        const char *name = tp_string(entry, "name"), *input = tp_string(entry, "input");
        if (!fc_test_has(&pictures, input) || !fc_test_has(&golden, name)) continue;
        fc_pixels src = tp_picture(&pictures, input), out;
        fc_err err;
        assert_ok(fc_canny_pyramid(&out, &src, tp_number(entry, "low"), tp_number(entry, "high"), &err),
                  &err);
        tp_check_tensor(&out, &golden, name, 1);
        fc_pixels_fini(&out);
        done++;
    }
    print_message("  %zu pictures\n", done);
    assert_true(done >= 6);
    fc_pixels card = tp_picture(&pictures, "card"), out;
    fc_err err;
    assert_ok(fc_canny_pyramid(&out, &card, 64, 128, &err), &err);
    tp_check_tensor(&out, &golden, "card.64.128", 1);
    fc_pixels_fini(&out);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Selection by counting against sorting, with values of both signs and many equal ones. */
static void percentiles_are_those_of_sorted_values(void **state)
{
    (void)state;
    enum { MOST = 500 };
    static const double parts[] = {0.0, 0.01, 0.04, 0.33, 0.5, 0.96, 0.99, 1.0};
    float values[MOST], sorted[MOST];
    uint32_t seed = 1;
    for (size_t count = 1; count <= MOST; count = count * 3 / 2 + 1) {
        for (size_t i = 0; i < count; i++) {
            seed = seed * 1664525u + 1013904223u;
            values[i] = sorted[i] = seed % 5 == 0 ? -0.5f : ((float)(seed >> 8) - 8e6f) * 1e-4f;
        }
        qsort(sorted, count, sizeof *sorted, by_value);
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            double got, position = parts[k] * (double)(count - 1);
            size_t low = (size_t)position, next = low + 1 < count ? low + 1 : low;
            double want =
                (double)sorted[low] + ((double)sorted[next] - (double)sorted[low]) * (position - (double)low);
            fc_err err;
            assert_ok(fc_stretch_percentile(&got, values, count, parts[k], &err), &err);
            assert_true(got - want < 1e-4 && want - got < 1e-4); /* the difference is rounded to float32 */
        }
    }
}

static void stretching_survives_flat_values(void **state)
{
    (void)state;
    static const float flat[4] = {2, 2, 2, 2}, few[8] = {0, 0, 0, 0, 0, 0, 0, 3};
    uint8_t out[8];
    fc_err err;
    assert_ok(fc_stretch_u8(out, flat, 4, 0.01, &err), &err);
    for (int i = 0; i < 4; i++) assert_int_equal(out[i], 0);
    assert_ok(fc_stretch_u8(out, few, 8, 0.2, &err), &err); /* both percentiles are 0 */
    for (int i = 0; i < 8; i++) assert_int_equal(out[i], i == 7 ? 255 : 0);
}

static void wrong_pictures_are_refused(void **state)
{
    (void)state;
    fc_pixels thin = tp_pattern(4, 90, 3), grey = tp_pattern(9, 9, 1), rgb = tp_pattern(9, 9, 3), out;
    fc_err err;
    assert_fails(fc_canny_pyramid(&out, &thin, 64, 128, &err), FC_ARG, &err, "too small");
    assert_fails(fc_canny_pyramid(&out, &grey, 64, 128, &err), FC_ARG, &err, "RGB");
    assert_fails(fc_canny_edges(&out, &rgb, 64, 128, &err), FC_ARG, &err, "one channel");
    assert_ok(fc_canny_edges(&out, &grey, 0.0 / 0.0, 1e300, &err), &err); /* no value is a trap */
    fc_pixels_fini(&out);
    fc_pixels_fini(&thin);
    fc_pixels_fini(&grey);
    fc_pixels_fini(&rgb);
}

static fc_status pyramid(void *user)
{
    fc_pixels out = {0};
    fc_err err;
    fc_status status = fc_canny_pyramid(&out, user, 64, 128, &err);
    fc_pixels_fini(&out);
    return status;
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    fc_pixels src = tp_pattern(20, 20, 3);
    assert_true(fc_test_torture(pyramid, &src) > 100);
    fc_pixels_fini(&src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_edges_equal_opencv),
        cmocka_unit_test(pyramids_equal_the_reference),
        cmocka_unit_test(percentiles_are_those_of_sorted_values),
        cmocka_unit_test(stretching_survives_flat_values),
        cmocka_unit_test(wrong_pictures_are_refused),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}

/* picture/face against OpenCV's estimate and warp. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "picture/face.h"
#include "picture/fit.h"
#include "picture/resize.h"
#include "support/pictures.h"

static fc_safetensors pictures, golden;
static json_t *cases;

static int open_golden(void **state)
{
    (void)state;
    cases = tp_open("face", &pictures, &golden);
    return 0;
}

static int close_golden(void **state)
{
    (void)state;
    return tp_close(&pictures, &golden, cases);
}

static void points_of(fc_point points[FC_FACE_POINTS], const json_t *entry)
{
    for (size_t i = 0; i < FC_FACE_POINTS; i++) {
        const json_t *point = json_array_get(json_object_get(entry, "landmarks"), i);
        points[i].x = (float)json_number_value(json_array_get(point, 0));
        points[i].y = (float)json_number_value(json_array_get(point, 1));
    }
}

static void check_matrix(const fc_similarity *s, const json_t *want)
{
    const double got[2][3] = {{s->a, -s->b, s->dx}, {s->b, s->a, s->dy}};
    double worst = 0.0;
    for (size_t y = 0; y < 2; y++)
        for (size_t x = 0; x < 3; x++)
            worst =
                fmax(worst, fabs(got[y][x] - json_number_value(json_array_get(json_array_get(want, y), x))));
    assert_at_most("similarity", worst, 4e-13); /* 1.4e-13 */
}

static void faces_equal_the_reference(void **state)
{
    (void)state;
    fc_pixels portrait = tp_picture(&pictures, "portrait");
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(cases, "faces"), i, entry)
    {
        fc_point points[FC_FACE_POINTS];
        fc_similarity s;
        fc_pixels crop, small;
        char name[48];
        fc_err err;
        points_of(points, entry);
        assert_ok(fc_face_align(&s, points, &err), &err);
        check_matrix(&s, json_object_get(entry, "matrix"));
        assert_ok(fc_face_crop(&crop, &portrait, &s, &err), &err);
        snprintf(name, sizeof name, "%s.crop", tp_string(entry, "name"));
        tp_check_sum(&crop, json_object_get(entry, "tensors"), name);
        snprintf(name, sizeof name, "%s.crop.224", tp_string(entry, "name"));
        if (fc_test_has(&golden, name)) {
            assert_ok(fc_fit_resize(&small, &crop, 224, 224, FC_FIT_STRETCH, &err), &err);
            tp_check_tensor(&small, &golden, name, 4);
            fc_pixels_fini(&small);
        }
        fc_pixels_fini(&crop);
    }
    assert_int_equal(i, 4);
}

static void pictures_for_the_vision_network_are_stretched(void **state)
{
    (void)state;
    static const char *const names[] = {"portrait", "rgba"};
    for (size_t i = 0; i < 2; i++) {
        fc_pixels src = tp_picture(&pictures, names[i]), flat, out;
        char name[32];
        fc_err err;
        snprintf(name, sizeof name, "stretch224.%s", names[i]);
        if (!fc_test_has(&golden, name)) continue;
        assert_ok(fc_fit_flatten(&flat, &src, &err), &err);
        assert_ok(fc_fit_resize(&out, &flat, 224, 224, FC_FIT_STRETCH, &err), &err);
        tp_check_tensor(&out, &golden, name, 1);
        fc_pixels_fini(&flat);
        fc_pixels_fini(&out);
    }
}

/* Points that were moved by a known similarity: it is found, also with one wrong point among them. */
static void known_transforms_are_found(void **state)
{
    (void)state;
    static const double places[FC_FACE_POINTS][2] = {{192.98138, 239.94708},
                                                     {318.90277, 240.1936},
                                                     {256.63416, 314.01935},
                                                     {201.26117, 371.41043},
                                                     {313.08905, 371.15118}};
    for (int k = 0; k < 40; k++) {
        double angle = k * 0.5, size = 0.3 + 0.2 * k, a = size * cos(angle), b = size * sin(angle);
        double dx = 50.0 * k - 500.0, dy = 300.0 - 20.0 * k;
        fc_point points[FC_FACE_POINTS];
        fc_similarity s;
        fc_err err;
        for (int i = 0; i < FC_FACE_POINTS; i++) {
            double u = places[i][0] - dx, v = places[i][1] - dy;
            points[i].x = (float)((a * u + b * v) / (size * size));
            points[i].y = (float)((a * v - b * u) / (size * size));
        }
        if (k % 2) points[k % FC_FACE_POINTS].x += (float)(40.0 / size);
        assert_ok(fc_face_align(&s, points, &err), &err);
        double worst =
            fmax(fmax(fabs(s.a - a), fabs(s.b - b)) / size, fmax(fabs(s.dx - dx), fabs(s.dy - dy)) / 500);
        assert_true(worst < 2e-5); /* the points are float32 */
    }
}

static void hopeless_faces_are_refused(void **state)
{
    (void)state;
    fc_point points[FC_FACE_POINTS] = {{5, 5}, {5, 5}, {5, 5}, {5, 5}, {5, 5}};
    fc_pixels src = tp_pattern(20, 20, 3), grey = tp_pattern(20, 20, 1), out;
    fc_similarity s, none = {0}, vast = {1e-300, 0, 1, 1};
    fc_err err;
    assert_fails(fc_face_align(&s, points, &err), FC_ARG, &err, "on one another");
    points[3].x = NAN;
    assert_fails(fc_face_align(&s, points, &err), FC_ARG, &err, "point 4");
    points[3].x = INFINITY;
    assert_fails(fc_face_align(&s, points, &err), FC_ARG, &err, "point 4");
    assert_fails(fc_face_crop(&out, &src, &none, &err), FC_ARG, &err, "no size");
    assert_fails(fc_face_crop(&out, &src, &vast, &err), FC_ARG, &err, "no size");
    s = (fc_similarity){1, 0, 0, 0};
    assert_fails(fc_face_crop(&out, &grey, &s, &err), FC_ARG, &err, "RGB");
    assert_ok(fc_face_crop(&out, &src, &s, &err), &err); /* its pixels where they were, grey around */
    for (int32_t y = 0; y < 20; y++) assert_memory_equal(fc_pixels_row(&out, y), fc_pixels_row(&src, y), 60);
    assert_int_equal(fc_pixels_row(&out, 300)[0], 132);
    fc_pixels_fini(&out);
    fc_pixels_fini(&src);
    fc_pixels_fini(&grey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faces_equal_the_reference),
        cmocka_unit_test(pictures_for_the_vision_network_are_stretched),
        cmocka_unit_test(known_transforms_are_found),
        cmocka_unit_test(hopeless_faces_are_refused),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}

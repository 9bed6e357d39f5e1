/* "picture:ID": a picture of the history becomes a kept one; what names none is told with its field. */
#include "app/queue/history.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "support/app_cases.h"
#include "support/support.h"

#define JOB "01J00000000000000000000001"

static void write_png(const char *name, uint8_t grey)
{
    fc_image img;
    fc_buf out;
    fc_err err = {0};
    fc_buf_init(&out, 1 << 20);
    assert_ok(fc_image_init(&img, 6, 4, &err), &err);
    memset(img.rgb, grey, 6 * 4 * 3);
    assert_ok(fc_image_encode(&out, &img, FC_PNG, NULL, &err), &err);
    assert_ok(fc_mkdir_all(fc_test_tmp_path("home/outputs/.library"), &err), &err);
    assert_ok(fc_file_write_atomic(fc_test_tmp_path(name), out.data, out.len, &err), &err);
    fc_image_fini(&img);
    fc_buf_fini(&out);
}

/* A history of one picture, a.png; its number. */
static int64_t make_history(fc_library **library)
{
    fc_err err = {0};
    int64_t id;
    fc_job_row job = {.place = 1, .parameters = "{}", .prompt = "x", .fingerprint = "f", .images = 1};
    snprintf(job.id, sizeof job.id, "%s", JOB);
    write_png("home/outputs/a.png", 7);
    assert_ok(fc_library_open(fc_test_tmp_path("home/outputs/" FC_LIBRARY_FILE), library, &err), &err);
    assert_ok(fc_library_job_add(*library, &job, &err), &err);
    const fc_picture_row row = {.job = JOB,
                                .index = 1,
                                .path = "a.png",
                                .width = 6,
                                .height = 4,
                                .created = 1,
                                .format = "png",
                                .prompt = "x",
                                .negative_prompt = "",
                                .model = "m",
                                .styles = "[]",
                                .parameters = "{}"};
    assert_ok(fc_library_picture_add(*library, &row, &id, &err), &err);
    return id;
}

static void assert_field(const fc_request *request, const char *field, const char *wanted)
{
    char text[200];
    fc_err err = {0};
    assert_ok(fc_request_get(request, field, 0, text, sizeof text, &err), &err);
    assert_string_equal(text, wanted);
}

static void test_keep(void **state)
{
    (void)state;
    fc_library *library;
    fc_err err = {0};
    char name[40], id[FC_INPUT_ID_SIZE], path[4096], home[400], outputs[420];
    int64_t number = make_history(&library);
    snprintf(home, sizeof home, "%s", fc_test_tmp_path("home"));
    snprintf(outputs, sizeof outputs, "%s/outputs", home);
    snprintf(name, sizeof name, "picture:%lld", (long long)number);
    assert_ok(fc_history_keep(library, outputs, home, name, id, &err), &err);
    assert_ok(fc_inputs_path(home, id, path, sizeof path, &err), &err);

    fc_request *request = fc_request_new();
    assert_ok(fc_request_set(request, "image", name, &err), &err);
    assert_ok(fc_request_set(request, "mask", "/some/file.png", &err), &err);
    assert_ok(fc_history_keep_all(library, outputs, home, request, &err), &err);
    assert_field(request, "image", id);
    assert_field(request, "mask", "/some/file.png"); /* paths stay */

    assert_fails(fc_history_keep(library, outputs, home, "picture:77", id, &err), FC_NOT_FOUND, &err, "77");
    assert_fails(fc_history_keep(library, outputs, home, "picture:x", id, &err), FC_ARG, &err,
                 "names no picture");
    assert_int_equal(unlink(fc_test_tmp_path("home/outputs/a.png")), 0);
    assert_ok(fc_request_set(request, "mask", name, &err), &err);
    assert_fails(fc_history_keep_all(library, outputs, home, request, &err), FC_NOT_FOUND, &err, "mask: ");
    fc_request_free(request);
    fc_library_close(library);
    assert_int_equal(unlink(fc_test_tmp_path("home/outputs/" FC_LIBRARY_FILE)), 0);
}

static void test_local(void **state)
{
    (void)state;
    fc_library *library;
    fc_err err = {0};
    char name[40], text[200];
    snprintf(name, sizeof name, "picture:%lld", (long long)make_history(&library));
    fc_request *request = fc_request_new();
    assert_ok(fc_request_set(request, "image", name, &err), &err);
    assert_fails(fc_history_keep_local(app_config(fc_test_tmp_path("bare")), request, &err), FC_NOT_FOUND,
                 &err, "there is no history");
    assert_false(fc_path_exists(fc_test_tmp_path("bare/outputs"))); /* and none was begun */
    /* while a server has the library open */
    assert_ok(fc_history_keep_local(app_config(fc_test_tmp_path("home")), request, &err), &err);
    fc_library_close(library);
    assert_ok(fc_request_get(request, "image", 0, text, sizeof text, &err), &err);
    assert_true(fc_input_id_valid(text));
    assert_ok(fc_request_set(request, "image", "photo.jpg", &err), &err); /* nothing is asked for */
    assert_ok(fc_history_keep_local(app_config(fc_test_tmp_path("bare")), request, &err), &err);
    fc_request_free(request);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const none[] = {"",          "picture:",    "picture:0", "picture:-3",
                                       "picture:x", "picture:12x", "12",        "pictures:1"};
    int64_t id = 0;
    assert_true(fc_input_history_id("picture:12", &id));
    assert_int_equal(id, 12);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_false(fc_input_history_id(none[i], &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Kept pictures: put, found, listed, cleaned up; what is no picture is refused. */
#include "app/common/inputs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "base/file.h"
#include "base/mem.h"
#include "support/support.h"

static void encode(fc_buf *out, int32_t w, int32_t h, uint8_t grey, fc_image_format format)
{
    fc_image img;
    fc_err err = {0};
    fc_buf_init(out, 1 << 20);
    assert_ok(fc_image_init(&img, w, h, &err), &err);
    memset(img.rgb, grey, (size_t)w * (size_t)h * 3);
    assert_ok(fc_image_encode(out, &img, format, NULL, &err), &err);
    fc_image_fini(&img);
}

static void put(const char *home, uint8_t grey, fc_image_format format, char id[FC_INPUT_ID_SIZE])
{
    fc_buf file;
    fc_err err = {0};
    encode(&file, 20, 10, grey, format);
    assert_ok(fc_inputs_put(home, file.data, file.len, id, &err), &err);
    fc_buf_fini(&file);
}

static void test_put_and_find(void **state)
{
    (void)state;
    const char *home = fc_test_tmp_path("home");
    char a[FC_INPUT_ID_SIZE], again[FC_INPUT_ID_SIZE], b[FC_INPUT_ID_SIZE], path[4096];
    fc_input_row rows[8];
    size_t count = 9;
    fc_err err = {0};
    assert_ok(fc_inputs_list(home, rows, 8, &count, &err), &err);
    assert_int_equal(count, 0);
    put(home, 1, FC_PNG, a);
    put(home, 1, FC_PNG, again);
    put(home, 2, FC_WEBP, b);
    assert_string_equal(a, again);
    assert_string_not_equal(a, b);
    assert_true(fc_input_id_valid(a));
    assert_ok(fc_inputs_path(home, b, path, sizeof path, &err), &err);
    assert_non_null(strstr(path, "/inputs/"));
    assert_non_null(strstr(path, ".webp"));
    assert_true(fc_path_exists(path));
    assert_ok(fc_inputs_list(home, rows, 8, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_ok(fc_inputs_remove(home, b, &err), &err);
    assert_fails(fc_inputs_path(home, b, path, sizeof path, &err), FC_NOT_FOUND, &err, "put it in again");
    assert_fails(fc_inputs_path(home, "../../etc/passwd", path, sizeof path, &err), FC_ARG, &err,
                 "not the name");
}

static void age(const char *home, const char *id, int seconds)
{
    char path[4096];
    fc_err err = {0};
    assert_ok(fc_inputs_path(home, id, path, sizeof path, &err), &err);
    struct timespec t[2] = {{.tv_sec = 1700000000 - seconds}, {.tv_sec = 1700000000 - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void test_clean(void **state)
{
    (void)state;
    const char *home = fc_test_tmp_path("clean");
    char id[4][FC_INPUT_ID_SIZE];
    fc_input_row rows[8];
    size_t count, removed;
    uint64_t total = 0;
    fc_err err = {0};
    for (uint8_t i = 0; i < 4; i++) put(home, (uint8_t)(40 * i), FC_PNG, id[i]);
    const int ages[] = {30, 10, 20, 40};
    for (int i = 0; i < 4; i++) age(home, id[i], ages[i]);
    assert_ok(fc_inputs_list(home, rows, 8, &count, &err), &err);
    assert_int_equal(count, 4);
    assert_string_equal(rows[0].id, id[1]);
    assert_string_equal(rows[3].id, id[3]);
    for (size_t i = 0; i < count; i++) total += rows[i].bytes;
    assert_ok(fc_inputs_clean(home, total - 1, &removed, &err), &err);
    assert_int_equal(removed, 1); /* the oldest */
    assert_ok(fc_inputs_list(home, rows, 8, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_string_equal(rows[2].id, id[0]);
    assert_ok(fc_inputs_clean(home, 0, &removed, &err), &err); /* the last used one stays */
    assert_int_equal(removed, 2);
}

static void test_refused(void **state)
{
    (void)state;
    const char *home = fc_test_tmp_path("refused");
    char id[FC_INPUT_ID_SIZE];
    fc_err err = {0};
    fc_buf file;
    assert_fails(fc_inputs_put(home, "GIF89a..........", 16, id, &err), FC_UNSUPPORTED, &err, "GIF");
    encode(&file, 20, 10, 3, FC_PNG);
    /* a header that tells 40,000 x 40,000 pixels, with its checksum */
    const uint8_t header[17] = {0, 0, 0x9c, 0x40, 0, 0, 0x9c, 0x40, 8, 2, 0, 0, 0, 0xde, 0x6e, 0x99, 0x52};
    memcpy(file.data + 16, header, sizeof header);
    assert_int_equal(fc_inputs_put(home, file.data, file.len, id, &err), FC_LIMIT);
    fc_buf_fini(&file);
    char *large = fc_calloc(FC_INPUT_MAX_BYTES + 1, 1);
    assert_fails(fc_inputs_put(home, large, FC_INPUT_MAX_BYTES + 1, id, &err), FC_LIMIT, &err,
                 "save it as JPEG");
    fc_free(large);
    assert_false(fc_path_exists(fc_test_tmp_path("refused")));
}

/* Half a file has a good head: only decoding tells. */
static void test_whole(void **state)
{
    (void)state;
    fc_buf file;
    fc_err err = {0};
    char id[FC_INPUT_ID_SIZE], path[4096];
    const char *home = fc_test_tmp_path("whole");
    for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++) {
        encode(&file, 300, 200, 90, (fc_image_format)f);
        assert_fails(fc_inputs_put_whole(home, file.data, file.len / 2, id, &err), FC_FORMAT, &err, "");
        assert_ok(fc_inputs_put_whole(home, file.data, file.len, id, &err), &err);
        assert_ok(fc_inputs_path(home, id, path, sizeof path, &err), &err);
        fc_buf_fini(&file);
    }
    assert_fails(fc_inputs_put_whole(home, "GIF89a", 6, id, &err), FC_UNSUPPORTED, &err, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_put_and_find),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

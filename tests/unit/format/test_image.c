/* format/image, png, jpeg, webp, round trips with texts, files of other programs, hostile bytes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/bytes.h"
#include "format/image.h"
#include "format/image_codec.h"
#include "support/support.h"

/* The same arithmetic as pattern() in tests/data/images/make.py: full of edges. */
static fc_image pattern(int32_t w, int32_t h)
{
    fc_image img;
    fc_err err;
    assert_ok(fc_image_init(&img, w, h, &err), &err);
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < w; x++) {
            uint8_t *p = img.rgb + 3 * (y * w + x);
            p[0] = (uint8_t)(x * 13 + y * 7);
            p[1] = (uint8_t)(x * x + 3 * y);
            p[2] = (uint8_t)(x * y * 5 + 40);
        }
    return img;
}

/* Slow gradients, which lossy formats keep. */
static fc_image gradient(int32_t w, int32_t h)
{
    fc_image img;
    fc_err err;
    assert_ok(fc_image_init(&img, w, h, &err), &err);
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < w; x++) {
            uint8_t *p = img.rgb + 3 * (y * w + x);
            p[0] = (uint8_t)(x * 255 / w);
            p[1] = (uint8_t)(y * 255 / h);
            p[2] = (uint8_t)((x + y) * 255 / (w + h));
        }
    return img;
}

static double mean_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += abs(a[i] - b[i]);
    return sum / (double)n;
}

static int worst_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
    int worst = 0;
    for (size_t i = 0; i < n; i++) worst = abs(a[i] - b[i]) > worst ? abs(a[i] - b[i]) : worst;
    return worst;
}

static void read_data(const char *name, fc_buf *b)
{
    fc_err err;
    char path[200];
    snprintf(path, sizeof path, "tests/data/images/%s", name);
    fc_buf_init(b, 1 << 20);
    assert_ok(fc_file_read(fc_test_source_path(path), b, &err), &err);
}

/* ---- names ---- */

static void formats_have_names(void **state)
{
    (void)state;
    fc_image_format f;
    assert_true(fc_image_format_from_name("PNG", &f) && f == FC_PNG);
    assert_true(fc_image_format_from_name("jpg", &f) && f == FC_JPEG);
    assert_true(fc_image_format_from_name("Jpeg", &f) && f == FC_JPEG);
    assert_true(fc_image_format_from_name("webp", &f) && f == FC_WEBP);
    assert_false(fc_image_format_from_name("gif", &f) || fc_image_format_from_name("", &f));
    assert_string_equal(fc_image_format_name(FC_JPEG), "jpeg");
    assert_string_equal(fc_image_format_mime(FC_WEBP), "image/webp");
    assert_string_equal(fc_image_format_name(FC_IMAGE_FORMAT_COUNT), "?");
}

/* ---- round trips ---- */

static const fc_image_text texts[] = {
    {"parameters", "a caf\xc3\xa9, line 1\nline 2\nSteps: 30, Seed: 123"},
    {"fooocus_scheme", "fooocus"},
    {"title", "\xe7\xb5\xb5 \xf0\x9f\x8e\xa8"},
    {"empty", ""},
};
static const fc_exif exif = {
    .user_comment = "a prompt\nSteps: 30", .software = "Fooocus v2.5.5", .maker_note = "fooocus"};
static const fc_image_notes notes = {texts, 4, {0}};
static const fc_image_notes exif_notes = {
    NULL, 0, {.user_comment = "a prompt\nSteps: 30", .software = "Fooocus v2.5.5", .maker_note = "fooocus"}};

static void png_keeps_pixels_and_texts(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{1, 1}, {7, 3}, {64, 64}, {257, 129}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fc_image img = pattern(sizes[i][0], sizes[i][1]), back;
        fc_image_notes got;
        fc_arena arena;
        fc_buf b;
        fc_err err;
        fc_arena_init(&arena, 1 << 20);
        fc_buf_init(&b, 1 << 24);
        assert_ok(fc_image_encode(&b, &img, FC_PNG, &notes, &err), &err);
        assert_ok(fc_image_decode(&back, b.data, b.len, FC_IMAGE_MAX_PIXELS, &arena, &got, &err), &err);
        assert_true(back.w == img.w && back.h == img.h);
        assert_memory_equal(back.rgb, img.rgb, (size_t)img.w * (size_t)img.h * 3);
        assert_int_equal(got.text_count, 4);
        for (size_t k = 0; k < 4; k++) assert_string_equal(fc_image_note(&got, texts[k].key), texts[k].value);
        assert_null(fc_image_note(&got, "none"));
        assert_non_null(memmem(b.data, b.len, "tEXtparameters", 14)); /* Latin-1 suffices */
        assert_non_null(memmem(b.data, b.len, "iTXttitle", 9));
        fc_image_fini(&back);
        assert_ok(fc_image_decode(&back, b.data, b.len, FC_IMAGE_MAX_PIXELS, NULL, NULL, &err), &err);
        fc_image_fini(&back);
        fc_image_fini(&img);
        fc_buf_fini(&b);
        fc_arena_fini(&arena);
    }
}

static void lossy_formats_keep_gradients_and_exif(void **state)
{
    (void)state;
    /* mean error of 8-bit values: measured JPEG 0.54, WebP 0.90 */
    const double limit[FC_IMAGE_FORMAT_COUNT] = {[FC_JPEG] = 1.2, [FC_WEBP] = 2.0};
    for (int f = FC_JPEG; f <= FC_WEBP; f++) {
        fc_image img = gradient(200, 120), back;
        fc_image_notes got;
        fc_arena arena;
        fc_buf b;
        fc_err err;
        fc_arena_init(&arena, 1 << 20);
        fc_buf_init(&b, 1 << 24);
        assert_ok(fc_image_encode(&b, &img, (fc_image_format)f, &exif_notes, &err), &err);
        assert_ok(fc_image_decode(&back, b.data, b.len, FC_IMAGE_MAX_PIXELS, &arena, &got, &err), &err);
        assert_true(back.w == 200 && back.h == 120);
        assert_at_most(fc_image_format_name((fc_image_format)f), mean_difference(back.rgb, img.rgb, 72000),
                       limit[f]);
        assert_string_equal(got.exif.user_comment, exif.user_comment);
        assert_string_equal(got.exif.software, exif.software);
        assert_string_equal(got.exif.maker_note, exif.maker_note);
        fc_image_fini(&back);
        fc_buf_reset(&b); /* the same without notes */
        assert_ok(fc_image_encode(&b, &img, (fc_image_format)f, NULL, &err), &err);
        assert_ok(fc_image_decode(&back, b.data, b.len, FC_IMAGE_MAX_PIXELS, &arena, &got, &err), &err);
        assert_true(!got.exif.user_comment && !got.exif.software && !got.exif.maker_note);
        fc_image_fini(&back);
        fc_image_fini(&img);
        fc_buf_fini(&b);
        fc_arena_fini(&arena);
    }
}

static void jpeg_is_progressive_with_an_exif_block(void **state)
{
    (void)state;
    fc_image img = gradient(64, 64);
    fc_buf b;
    fc_err err;
    fc_buf_init(&b, 1 << 20);
    assert_ok(fc_image_encode(&b, &img, FC_JPEG, &exif_notes, &err), &err);
    assert_non_null(memmem(b.data, b.len, "\xff\xc2", 2)); /* SOF2 */
    assert_non_null(memmem(b.data, b.len, "Exif\0\0II*\0", 10));
    fc_buf_fini(&b);
    fc_image_fini(&img);
}

/* ---- files of other programs ---- */

static void foreign_files_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int worst; /* largest difference from Pillow's pixels; 0 measured; lossy decoders may round otherwise
                      elsewhere */
    } cases[] = {
        {"rgba.png", 0},         {"grey.png", 0},
        {"grey_alpha.png", 0},   {"bits1.png", 0},
        {"palette.png", 0},      {"grey16.png", 0},
        {"texts.png", 0},        {"palette_transparent.png", 0},
        {"interlaced16.png", 0}, {"jpeg_grey.jpg", 2},
        {"jpeg_cmyk.jpg", 2},    {"jpeg_baseline.jpg", 2},
        {"jpeg_exif.jpg", 2},    {"webp_exif.webp", 2},
        {"webp_alpha.webp", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_buf file, want;
        fc_image img;
        fc_err err;
        char name[100];
        int32_t w, h;
        fc_image_format f;
        snprintf(name, sizeof name, "%.*s.rgb", (int)strcspn(cases[i].name, "."), cases[i].name);
        read_data(cases[i].name, &file);
        read_data(name, &want);
        assert_ok(fc_image_probe(file.data, file.len, &f, &w, &h, &err), &err);
        assert_true(w == 19 && h == 13);
        assert_ok(fc_image_decode(&img, file.data, file.len, FC_IMAGE_MAX_PIXELS, NULL, NULL, &err), &err);
        assert_int_equal(want.len, 19 * 13 * 3);
        assert_at_most(cases[i].name, worst_difference(img.rgb, (uint8_t *)want.data, want.len),
                       cases[i].worst);
        fc_image_fini(&img);
        fc_buf_fini(&file);
        fc_buf_fini(&want);
    }
}

static void foreign_texts_are_read(void **state)
{
    (void)state;
    static const char *const names[] = {"texts.png", "jpeg_exif.jpg", "webp_exif.webp"};
    for (size_t i = 0; i < 3; i++) {
        fc_buf file;
        fc_image img;
        fc_image_notes got;
        fc_arena arena;
        fc_err err;
        fc_arena_init(&arena, 1 << 20);
        read_data(names[i], &file);
        assert_ok(fc_image_decode(&img, file.data, file.len, FC_IMAGE_MAX_PIXELS, &arena, &got, &err), &err);
        if (i == 0) {
            assert_string_equal(fc_image_note(&got, "parameters"), "a caf\xc3\xa9, 2 lines\nSteps: 30");
            assert_string_equal(fc_image_note(&got, "kanji"), "\xe7\xb5\xb5 \xf0\x9f\x8e\xa8");
            assert_int_equal(strlen(fc_image_note(&got, "packed")), 500);
        } else {
            assert_string_equal(got.exif.user_comment, "the prompt");
            assert_string_equal(got.exif.software, "Fooocus v2.5.5");
            assert_string_equal(got.exif.maker_note, "fooocus");
        }
        fc_image_fini(&img);
        fc_buf_fini(&file);
        fc_arena_fini(&arena);
    }
}

/* ---- hostile bytes ---- */

static void large_pictures_are_refused_before_allocating(void **state)
{
    (void)state;
    for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++) {
        fc_image img = gradient(100, 50), back;
        fc_buf b;
        fc_err err;
        fc_image_format got;
        int32_t w, h;
        fc_buf_init(&b, 1 << 20);
        assert_ok(fc_image_encode(&b, &img, (fc_image_format)f, NULL, &err), &err);
        assert_ok(fc_image_decode(&back, b.data, b.len, 5000, NULL, NULL, &err), &err);
        fc_image_fini(&back);
        assert_fails(fc_image_decode(&back, b.data, b.len, 4999, NULL, NULL, &err), FC_LIMIT, &err,
                     "100 x 50");
        assert_null(back.rgb);
        assert_ok(fc_image_probe(b.data, b.len, &got, &w, &h, &err), &err);
        assert_true((int)got == f && w == 100 && h == 50);
        fc_buf_fini(&b);
        fc_image_fini(&img);
    }
}

static void every_cut_is_an_error(void **state)
{
    (void)state;
    for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++) {
        fc_image img = pattern(40, 30), back;
        fc_buf b;
        fc_err err;
        fc_buf_init(&b, 1 << 20);
        assert_ok(fc_image_encode(&b, &img, (fc_image_format)f, f == FC_PNG ? &notes : &exif_notes, &err),
                  &err);
        for (size_t n = 0; n + 2 < b.len; n++) { /* JPEG's last two bytes only say that it ends */
            char *part = malloc(n + 1);
            memcpy(part, b.data, n);
            fc_status status = fc_image_decode(&back, part, n, FC_IMAGE_MAX_PIXELS, NULL, NULL, &err);
            if (status != FC_FORMAT && status != FC_UNSUPPORTED)
                fail_msg("%s, %zu of %zu bytes: %s", fc_image_format_name((fc_image_format)f), n, b.len,
                         fc_status_name(status));
            free(part);
        }
        fc_buf_fini(&b);
        fc_image_fini(&img);
    }
}

/* libpng allocates and clears what a chunk claims to hold before it looks whether the file has that many
 * bytes. */
static void claimed_sizes_are_not_believed(void **state)
{
    (void)state;
    fc_image img = pattern(20, 20), back;
    fc_buf b;
    fc_err err;
    uint64_t before, now, peak;
    fc_buf_init(&b, 1 << 20);
    assert_ok(fc_image_encode(&b, &img, FC_PNG, &notes, &err), &err);
    uint8_t *chunk = memmem(b.data, b.len, "tEXt", 4);
    assert_non_null(chunk);
    chunk[-4] = 0x40; /* big-endian length: 1 GiB and a bit */
    fc_mem_usage(NULL, &before);
    fc_status status = fc_image_decode(&back, b.data, b.len, 1000, NULL, NULL, &err);
    bool reads_in_pieces = status == FC_FORMAT; /* newer versions of libpng, and find the end of the file */
    assert_fails(status, reads_in_pieces ? FC_FORMAT : FC_LIMIT, &err, reads_in_pieces ? "is cut" : "64 MB");
    fc_mem_usage(&now, &peak);
    assert_true(peak < before + (100 << 20));
    fc_buf_fini(&b);
    fc_image_fini(&img);
}

static void what_is_no_picture_is_named(void **state)
{
    (void)state;
    fc_image img;
    fc_err err;
    fc_image_format f;
    int32_t w, h;
    static const char html[] = "<!doctype html><html>";
    assert_fails(fc_image_decode(&img, html, sizeof html, 1000, NULL, NULL, &err), FC_UNSUPPORTED, &err,
                 "web page");
    assert_fails(fc_image_decode(&img, "", 0, 1000, NULL, NULL, &err), FC_UNSUPPORTED, &err, "empty file");
    assert_fails(fc_image_probe("GIF89a", 6, &f, &w, &h, &err), FC_UNSUPPORTED, &err, "GIF");
}

static void wrong_requests_are_refused(void **state)
{
    (void)state;
    fc_image img = gradient(20, 20), small;
    fc_buf b;
    fc_err err;
    static const char *const keys[] = {
        "", "\xe7\xb5\xb5",
        "a key that is far longer than the seventy-nine characters that a PNG file allows for it"};
    for (size_t i = 0; i < 3; i++) {
        const fc_image_text text = {keys[i], "x"};
        const fc_image_notes bad = {&text, 1, {0}};
        fc_buf_init(&b, 1 << 20);
        assert_fails(fc_image_encode(&b, &img, FC_PNG, &bad, &err), FC_ARG, &err, "cannot name a text");
        fc_buf_fini(&b);
    }
    char *longest = calloc(1, 70001);
    memset(longest, 'x', 70000);
    const fc_image_notes much = {NULL, 0, {.user_comment = longest}};
    fc_buf_init(&b, 1 << 20);
    assert_fails(fc_image_encode(&b, &img, FC_JPEG, &much, &err), FC_LIMIT, &err, "use PNG");
    fc_buf_reset(&b);
    assert_ok(fc_image_encode(&b, &img, FC_WEBP, &much, &err), &err); /* no such limit */
    fc_buf_fini(&b);
    free(longest);
    for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++) {
        fc_buf_init(&b, 100);
        assert_fails(fc_image_encode(&b, &img, (fc_image_format)f, NULL, &err), FC_LIMIT, &err, "no room");
        fc_buf_fini(&b);
    }
    assert_int_equal(fc_image_encode(&b, &img, FC_IMAGE_FORMAT_COUNT, NULL, &err), FC_ARG);
    fc_image wide = gradient(16384, 1);
    fc_buf_init(&b, 1 << 20);
    assert_fails(fc_image_encode(&b, &wide, FC_WEBP, NULL, &err), FC_LIMIT, &err, "16383");
    fc_buf_fini(&b);
    fc_image_fini(&wide);
    assert_fails(fc_image_init(&small, 0, 5, &err), FC_ARG, &err, "0 x 5");
    assert_fails(fc_image_init(&small, 5, 40000, &err), FC_ARG, &err, "40000");
    fc_image_fini(&img);
}

typedef struct torture_job {
    const fc_image *img;
    fc_image_format format;
} torture_job;

static fc_status encode_and_decode(void *user)
{
    const torture_job *job = user;
    fc_image back = {0};
    fc_image_notes got;
    fc_arena arena;
    fc_buf b;
    fc_err err;
    fc_arena_init(&arena, 1 << 20);
    fc_buf_init(&b, 1 << 20);
    fc_status status =
        fc_image_encode(&b, job->img, job->format, job->format == FC_PNG ? &notes : &exif_notes, &err);
    if (status == FC_OK) status = fc_image_decode(&back, b.data, b.len, 100000, &arena, &got, &err);
    if (status != FC_OK && status != FC_NOMEM) print_error("%s\n", err.message);
    fc_image_fini(&back);
    fc_buf_fini(&b);
    fc_arena_fini(&arena);
    return status;
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    fc_image img = pattern(30, 20);
    for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++) {
        torture_job job = {&img, (fc_image_format)f};
        int count = fc_test_torture(encode_and_decode, &job);
        assert_true(count >= 3);
    }
    fc_image_fini(&img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(png_keeps_pixels_and_texts),
        cmocka_unit_test(lossy_formats_keep_gradients_and_exif),
        cmocka_unit_test(jpeg_is_progressive_with_an_exif_block),
        cmocka_unit_test(foreign_files_are_read),
        cmocka_unit_test(foreign_texts_are_read),
        cmocka_unit_test(large_pictures_are_refused_before_allocating),
        cmocka_unit_test(every_cut_is_an_error),
        cmocka_unit_test(claimed_sizes_are_not_believed),
        cmocka_unit_test(what_is_no_picture_is_named),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

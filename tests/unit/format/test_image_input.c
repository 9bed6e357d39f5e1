/* format/image: pictures to be painted from - turned upright, with their transparency, from hostile bytes. */
#include <stddef.h>
#include <stdio.h>
#include <jpeglib.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/exif.h"
#include "format/image.h"
#include "support/pictures.h"

static void read_data(const char *name, fc_buf *b)
{
    fc_err err;
    char path[200];
    snprintf(path, sizeof path, "tests/data/images/input/%s", name);
    fc_buf_init(b, 1 << 20);
    assert_ok(fc_file_read(fc_test_source_path(path), b, &err), &err);
}

/* ---- files of other programs ---- */

static void foreign_files_come_upright_and_with_alpha(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t w, h, channels;
        int worst; /* libjpeg's decoders differ by rounding */
    } cases[] = {
        {"turned_1.jpg", 19, 13, 3, 2},    {"turned_2.jpg", 19, 13, 3, 2},
        {"turned_3.jpg", 19, 13, 3, 2},    {"turned_4.jpg", 19, 13, 3, 2},
        {"turned_5.jpg", 13, 19, 3, 2},    {"turned_6.jpg", 13, 19, 3, 2},
        {"turned_7.jpg", 13, 19, 3, 2},    {"turned_8.jpg", 13, 19, 3, 2},
        {"turned_png.png", 13, 19, 3, 0},  {"turned_webp.webp", 13, 19, 3, 0},
        {"alpha.png", 19, 13, 4, 0},       {"alpha_grey.png", 19, 13, 4, 0},
        {"alpha_webp.webp", 19, 13, 4, 0}, {"alpha_palette.png", 19, 13, 4, 0},
        {"alpha_16.png", 19, 13, 4, 0},    {"key_16.png", 19, 13, 4, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_buf file, want;
        fc_pixels px;
        fc_err err;
        char name[100];
        int worst = 0;
        snprintf(name, sizeof name, "%.*s.rgba", (int)strcspn(cases[i].name, "."), cases[i].name);
        read_data(cases[i].name, &file);
        read_data(name, &want);
        assert_ok(fc_image_decode_input(&px, file.data, file.len, FC_IMAGE_MAX_INPUT, &err), &err);
        assert_true(px.w == cases[i].w && px.h == cases[i].h && px.channels == cases[i].channels);
        assert_int_equal(want.len, 19 * 13 * 4);
        for (size_t k = 0; k < 19 * 13; k++)
            for (size_t c = 0; c < (size_t)px.channels; c++) {
                int d = abs(px.data[k * (size_t)px.channels + c] - (uint8_t)want.data[4 * k + c]);
                worst = d > worst ? d : worst;
            }
        assert_at_most(cases[i].name, worst, cases[i].worst);
        fc_pixels_fini(&px);
        fc_buf_fini(&file);
        fc_buf_fini(&want);
    }
}

/* CMYK stored as YCCK, as Photoshop does: inverted, and its black channel kept apart. */
static void ycck_becomes_rgb(void **state)
{
    (void)state;
    enum { W = 24, H = 16 };
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    uint8_t row[4 * W];
    fc_pixels px;
    fc_err err;
    int worst = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = W;
    jpeg.image_height = H;
    jpeg.input_components = 4;
    jpeg.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, JCS_YCCK);
    jpeg_set_quality(&jpeg, 100, TRUE);
    for (int i = 0; i < 4; i++) jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++) {
            const uint8_t cmyk[4] = {(uint8_t)(x * 10), (uint8_t)(y * 15), (uint8_t)(255 - x * 10),
                                     (uint8_t)(200 - y)};
            memcpy(row + 4 * x, cmyk, 4);
        }
        JSAMPROW rows = row;
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_ok(fc_image_decode_input(&px, data, size, FC_IMAGE_MAX_INPUT, &err), &err);
    assert_true(px.w == W && px.h == H && px.channels == 3);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const int light[3] = {x * 10, y * 15, 255 - x * 10};
            for (int c = 0; c < 3; c++) {
                int d = abs(fc_pixels_row(&px, y)[3 * x + c] - light[c] * (200 - y) / 255);
                worst = d > worst ? d : worst;
            }
        }
    assert_at_most("YCCK", worst, 5); /* 2 */
    fc_pixels_fini(&px);
    free(data);
}

/* ---- turning ---- */

static void turning_follows_the_definition(void **state)
{
    (void)state;
    for (int turn = 0; turn <= 9; turn++)
        for (int32_t channels = 1; channels <= 4; channels += channels == 1 ? 2 : 1) {
            const int32_t w = 7, h = 4;
            fc_pixels src = tp_pattern(w, h, channels), px;
            fc_err err;
            assert_ok(fc_pixels_copy(&px, &src, &err), &err);
            assert_ok(fc_pixels_turn(&px, turn, &err), &err);
            bool quarter = turn >= 5 && turn <= 8;
            assert_true(px.w == (quarter ? h : w) && px.h == (quarter ? w : h));
            for (int32_t y = 0; y < px.h; y++)
                for (int32_t x = 0; x < px.w; x++) {
                    /* where EXIF says the pixel at row y, column x was stored: [row][column] */
                    const int32_t from[10][2] = {
                        {y, x},         {y, x}, {y, w - 1 - x}, {h - 1 - y, w - 1 - x},
                        {h - 1 - y, x}, {x, y}, {h - 1 - x, y}, {h - 1 - x, w - 1 - y},
                        {x, w - 1 - y}, {y, x}};
                    assert_memory_equal(fc_pixels_row(&px, y) + x * channels,
                                        fc_pixels_row(&src, from[turn][0]) + from[turn][1] * channels,
                                        (size_t)channels);
                }
            fc_pixels_fini(&px);
            fc_pixels_fini(&src);
        }
}

static void orientations_are_read_from_any_block(void **state)
{
    (void)state;
    static const uint8_t little[] = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3,
                                     0,   1,   0,   0, 0, 6, 0, 0, 0, 0, 0,    0, 0};
    static const uint8_t big[] = {'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1,
                                  1,   0x12, 0,   3,   0, 0, 0,   1,   0, 8,   0, 0, 0, 0, 0, 0};
    uint8_t changed[sizeof little];
    assert_int_equal(fc_exif_orientation(little, sizeof little), 6);
    assert_int_equal(fc_exif_orientation(big, sizeof big), 8);
    for (size_t n = 0; n < 22; n++) assert_int_equal(fc_exif_orientation(little, n), 1); /* cut */
    for (size_t i = 0; i < sizeof little; i++)
        for (int v = 0; v < 256; v++) { /* any byte wrong */
            memcpy(changed, little, sizeof little);
            changed[i] = (uint8_t)v;
            int got = fc_exif_orientation(changed, sizeof changed);
            assert_true(got >= 1 && got <= 8);
        }
}

/* ---- hostile bytes ---- */

static void write_png(png_structp png, png_bytep data, size_t size)
{
    fc_buf_append(png_get_io_ptr(png), data, size);
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

/* A PNG that claims w x h pixels and brings only the first rows of them; black when it brings all, else
 * noise. */
static void make_png(fc_buf *b, uint32_t w, uint32_t h, uint32_t rows)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t *row = calloc(1, w);
    fc_buf_init(b, 64 << 20);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    png_set_write_fn(png, b, write_png, flush_nothing);
    png_set_IHDR(png, info, w, h, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (uint32_t y = 0, seed = 1; y < rows; y++) {
        for (uint32_t x = 0; rows < h && x < w; x++)
            row[x] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
        png_write_row(png, row);
    }
    if (rows == h) png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(row);
}

static void bombs_are_refused_before_they_are_unpacked(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{40000, 40000}, {32768, 32768}, {30000, 3000}, {1, 40000}};
    fc_pixels px;
    fc_buf b;
    fc_err err;
    uint64_t before, peak;
    for (size_t i = 0; i < 4; i++) {
        make_png(&b, sizes[i][0], sizes[i][1], sizes[i][0] == 1 ? 20000 : 10);
        fc_mem_usage(NULL, &before);
        assert_fails(fc_image_decode_input(&px, b.data, b.len, FC_IMAGE_MAX_INPUT, &err), FC_LIMIT, &err,
                     "too large");
        fc_mem_usage(NULL, &peak);
        assert_true(peak == before); /* no new maximum */
        fc_buf_fini(&b);
    }
    make_png(&b, 8000, 8000, 8000); /* 62 KB that become 64 million pixels: under the cap */
    assert_true(b.len < 100000);
    assert_ok(fc_image_decode_input(&px, b.data, b.len, FC_IMAGE_MAX_INPUT, &err), &err);
    fc_pixels_fini(&px);
    assert_fails(fc_image_decode_input(&px, b.data, b.len, 1000 * 1000, &err), FC_LIMIT, &err, "8000 x 8000");
    fc_buf_fini(&b);
    make_png(&b, 300, 300, 150);
    assert_fails(fc_image_decode_input(&px, b.data, b.len, FC_IMAGE_MAX_INPUT, &err), FC_FORMAT, &err,
                 "is cut");
    assert_null(px.data);
    assert_fails(fc_image_decode_input(&px, b.data, FC_IMAGE_MAX_INPUT_BYTES + 1, FC_IMAGE_MAX_INPUT, &err),
                 FC_LIMIT, &err, "64 MB");
    fc_buf_fini(&b);
}

static void every_cut_is_an_error(void **state)
{
    (void)state;
    static const char *const names[] = {"turned_6.jpg", "alpha_16.png", "alpha_webp.webp",
                                        "turned_webp.webp"};
    for (size_t i = 0; i < 4; i++) {
        fc_buf file;
        fc_pixels px;
        fc_err err;
        read_data(names[i], &file);
        for (size_t n = 0; n + 2 < file.len; n++) { /* JPEG's last two bytes only say that it ends */
            char *part = malloc(n + 1);
            memcpy(part, file.data, n);
            fc_status status = fc_image_decode_input(&px, part, n, FC_IMAGE_MAX_INPUT, &err);
            bool done = status == FC_OK && i == 3; /* the pixels come first, the EXIF block is what is cut */
            if (status != FC_FORMAT && status != FC_UNSUPPORTED && !done)
                fail_msg("%s, %zu of %zu bytes: %s", names[i], n, file.len, fc_status_name(status));
            fc_pixels_fini(&px);
            free(part);
        }
        fc_buf_fini(&file);
    }
}

static fc_status decode(void *user)
{
    const fc_buf *file = user;
    fc_pixels px;
    fc_err err;
    fc_status status = fc_image_decode_input(&px, file->data, file->len, FC_IMAGE_MAX_INPUT, &err);
    fc_pixels_fini(&px);
    return status;
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    static const char *const names[] = {"turned_6.jpg", "turned_png.png", "turned_webp.webp"};
    for (size_t i = 0; i < 3; i++) {
        fc_buf file;
        read_data(names[i], &file);
        assert_true(fc_test_torture(decode, &file) >= 2);
        fc_buf_fini(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_files_come_upright_and_with_alpha),
        cmocka_unit_test(ycck_becomes_rgb),
        cmocka_unit_test(turning_follows_the_definition),
        cmocka_unit_test(orientations_are_read_from_any_block),
        cmocka_unit_test(bombs_are_refused_before_they_are_unpacked),
        cmocka_unit_test(every_cut_is_an_error),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

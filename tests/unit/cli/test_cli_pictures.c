/* fooocus upscale and fooocus edit, as people call them: with the upscaler in the box, again after a stop,
 * with files that are broken, and what stays as it was beside a mask. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "format/image.h"
#include "picture/resize.h"
#include "support/program.h"
#include "support/support.h"
#include "support/synth.h"

enum { SIDE = 256, SMALL = SIDE / 2, FINE = 4 };

/* ---- pictures ---- */

/* Discs and bars of several colours, as sharp as pixels can show them: every pixel is the mean of FINE x FINE
 * points. */
static void scene_at(double x, double y, double rgb[3])
{
    double r = hypot(x - 90, y - 100), q = hypot(x - 180, y - 70);
    bool bar = fabs(x - 0.4 * y - 120) < 3 || fabs(y + 0.3 * x - 210) < 2;
    rgb[0] = r < 50 ? 220 : 60 + 0.3 * y;
    rgb[1] = bar ? 240 : q < 30 ? 30 : 120;
    rgb[2] = bar ? 235 : r < 50 ? 40 : 200 - 0.4 * x;
}

static fc_pixels scene(void)
{
    fc_pixels p;
    fc_err err = {0};
    assert_ok(fc_pixels_init(&p, SIDE, SIDE, 3, &err), &err);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double sum[3] = {0}, rgb[3];
            for (int i = 0; i < FINE * FINE; i++) {
                scene_at(x + (i % FINE + 0.5) / FINE, y + (i / FINE + 0.5) / FINE, rgb);
                for (int c = 0; c < 3; c++) sum[c] += rgb[c];
            }
            for (int c = 0; c < 3; c++)
                fc_pixels_row(&p, y)[3 * x + c] = (uint8_t)(sum[c] / (FINE * FINE) + 0.5);
        }
    return p;
}

static void write_png(const char *name, const fc_pixels *p)
{
    fc_buf out;
    fc_err err = {0};
    fc_buf_init(&out, 16 << 20);
    const fc_image image = {p->data, p->w, p->h};
    assert_ok(fc_image_encode(&out, &image, FC_PNG, NULL, &err), &err);
    assert_ok(fc_file_write_atomic(program_path(name), out.data, out.len, &err), &err);
    fc_buf_fini(&out);
}

static fc_pixels read_png(const char *path)
{
    fc_buf file;
    fc_pixels p;
    fc_err err = {0};
    fc_buf_init(&file, 16 << 20);
    assert_ok(fc_file_read(path, &file, &err), &err);
    assert_ok(fc_image_decode_input(&p, file.data, file.len, FC_IMAGE_MAX_INPUT, &err), &err);
    fc_buf_fini(&file);
    return p;
}

static double decibels(const fc_pixels *a, const fc_pixels *b)
{
    double sum = 0;
    size_t n = fc_pixels_size(a);
    assert_true(a->w == b->w && a->h == b->h);
    for (size_t i = 0; i < n; i++) sum += (a->data[i] - b->data[i]) * (a->data[i] - b->data[i]);
    return 10 * log10(255.0 * 255.0 * (double)n / sum);
}

/* ---- running ---- */

static int run(program *p, const char *const *args)
{
    program_run(p, "fooocus", args);
    return p->code;
}

static void run_well(const char *const *args)
{
    program p = {0};
    if (run(&p, args) != 0) fail_msg("exit code %d: %s", p.code, p.err);
    program_free(&p);
}

static int make_folder(void **state)
{
    fc_err err = {0};
    fc_pixels whole = scene(), small;
    (void)state;
    setenv("FOOOCUS_DEMO", fc_test_source_path("data/demo"), 1);
    setenv("FOOOCUS_HOME", program_folder(), 1);
    assert_ok(fc_resize_area(&small, &whole, SMALL, SMALL, &err), &err);
    write_png("small.png", &small);
    fc_pixels_fini(&small);
    fc_pixels_fini(&whole);
    return 0;
}

/* ---- upscale ---- */

/* Measured, edges included: 38.2 dB by the box, 36.1 by Lanczos. */
static void test_box_beats_interpolation(void **state)
{
    (void)state;
    const char *small = program_path("small.png"), *box = program_path("box.png"),
               *plain = program_path("plain.png");
    run_well((const char *[]){"upscale", small, "--output", box, NULL});
    run_well((const char *[]){"upscale", small, "--upscaler", "lanczos", "--output", plain, NULL});
    fc_pixels whole = scene(), a = read_png(box), b = read_png(plain);
    double by_box = decibels(&whole, &a), by_lanczos = decibels(&whole, &b);
    print_message("box %.2f dB, Lanczos %.2f dB\n", by_box, by_lanczos);
    assert_true(by_box > by_lanczos + 0.7);
    fc_pixels_fini(&a);
    fc_pixels_fini(&b);
    fc_pixels_fini(&whole);
}

/* More than the model's own factor goes through it again. */
static void test_factors(void **state)
{
    (void)state;
    static const struct {
        const char *factor;
        int32_t side;
    } rows[] = {{"1.5", 192}, {"3", 384}, {"4", 512}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *out = program_path("factor.png");
        remove(out);
        run_well((const char *[]){"upscale", program_path("small.png"), "--factor", rows[i].factor,
                                  "--output", out, NULL});
        fc_pixels p = read_png(out);
        assert_int_equal(p.w, rows[i].side);
        assert_int_equal(p.h, rows[i].side);
        fc_pixels_fini(&p);
    }
}

static void test_folder_goes_on(void **state)
{
    (void)state;
    program p = {0};
    char half[300], second[300], out[300];
    fc_buf file;
    fc_err err = {0};
    struct stat before, after;
    snprintf(half, sizeof half, "%s", program_path("half.png"));
    snprintf(second, sizeof second, "%s", program_path("second.png"));
    snprintf(out, sizeof out, "%s", program_path("out"));
    fc_buf_init(&file, 1 << 20);
    assert_ok(fc_file_read(program_path("small.png"), &file, &err), &err);
    assert_ok(fc_file_write_atomic(second, file.data, file.len, &err), &err);
    assert_ok(fc_file_write_atomic(half, file.data, file.len / 2, &err), &err);
    fc_buf_fini(&file);
    const char *args[] = {"upscale", program_path("small.png"), half, second, "--output", out, NULL};
    assert_int_not_equal(run(&p, args), 0);
    assert_non_null(strstr(p.err, "half.png"));
    assert_non_null(strstr(p.err, "1 of 3 pictures could not be enlarged"));
    assert_null(strstr(p.out, "half_2x.png"));
    assert_non_null(strstr(p.out, "small_2x.png"));
    assert_non_null(strstr(p.out, "second_2x.png"));
    program_free(&p);
    assert_int_equal(stat(program_path("out/second_2x.png"), &before), 0);
    p = (program){0};
    assert_int_not_equal(run(&p, args), 0);
    assert_non_null(strstr(p.err, "2 were there already"));
    program_free(&p);
    assert_int_equal(stat(program_path("out/second_2x.png"), &after), 0);
    assert_true(before.st_ino == after.st_ino); /* not written once more */
}

static void test_upscale_wrong(void **state)
{
    (void)state;
    const char *small = program_path("small.png");
    static const struct {
        const char *flag, *value, *told;
    } rows[] = {{"--factor", "0", "no factor"},
                {"--factor", "9", "no factor"},
                {"--upscaler", "nothing_like_this", "nothing_like_this"},
                {"--size", "64x64", "no flag --size"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        program p = {0};
        assert_int_not_equal(run(&p, (const char *[]){"upscale", small, rows[i].flag, rows[i].value, NULL}),
                             0);
        if (!strstr(p.err, rows[i].told)) fail_msg("%s %s: %s", rows[i].flag, rows[i].value, p.err);
        program_free(&p);
    }
}

/* ---- edit ---- */

/* White in the middle third. */
static void write_mask(void)
{
    fc_pixels mask;
    fc_err err = {0};
    assert_ok(fc_pixels_init(&mask, SMALL, SMALL, 3, &err), &err);
    memset(mask.data, 0, fc_pixels_size(&mask));
    for (int y = SMALL / 3; y < 2 * SMALL / 3; y++)
        memset(fc_pixels_row(&mask, y) + 3 * (SMALL / 3), 255, 3 * (SMALL / 3));
    write_png("mask.png", &mask);
    fc_pixels_fini(&mask);
}

static int changed_pixels(const fc_pixels *a, const fc_pixels *b, int left, int right)
{
    int n = 0;
    for (int y = left; y < right; y++)
        for (int x = left; x < right; x++)
            n += memcmp(fc_pixels_row(a, y) + 3 * x, fc_pixels_row(b, y) + 3 * x, 3) != 0;
    return n;
}

static void test_edit(void **state)
{
    (void)state;
    write_mask();
    const char *small = program_path("small.png"), *mask = program_path("mask.png"),
               *out = program_path("edited.png");
    run_well((const char *[]){"edit", small, "--mask", mask, "a red flower", "--steps", "4", "--seed", "3",
                              "--mask-fade", "0", "--output", out, NULL});
    fc_pixels before = read_png(small), after = read_png(out);
    assert_int_equal(after.w, SMALL);
    int inside = changed_pixels(&before, &after, SMALL / 3, 2 * SMALL / 3),
        whole = changed_pixels(&before, &after, 0, SMALL);
    assert_true(inside > (SMALL / 3) * (SMALL / 3) / 2);
    assert_int_equal(inside, whole); /* a hard edge: nothing beside the mask */
    fc_pixels_fini(&after);

    remove(out);
    run_well(
        (const char *[]){"edit", small, "--outpaint", "left=64", "", "--steps", "2", "--output", out, NULL});
    after = read_png(out);
    assert_int_equal(after.w, SMALL + 64);
    assert_int_equal(after.h, SMALL);
    fc_pixels_fini(&after);
    fc_pixels_fini(&before);
}

static void test_edit_wrong(void **state)
{
    (void)state;
    const char *small = program_path("small.png");
    const char *const rows[][6] = {
        {"edit", small, "a flower", NULL},                      /* what should be done? */
        {"edit", "nothing.png", "--vary", "subtle", "x", NULL}, /* no such file */
        {"edit", "picture:12", "--vary", "subtle", "x", NULL},  /* no history */
        {"edit", small, "--mask-fade", "32", "x", NULL},
        {"edit", NULL},
    };
    static const char *const told[] = {"say what to do", "nothing.png", "there is no history", "mask_fade",
                                       "there is no picture"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        program p = {0};
        assert_int_not_equal(run(&p, rows[i]), 0);
        if (!strstr(p.err, told[i])) fail_msg("row %zu: %s", i, p.err);
        program_free(&p);
    }
}

/* ---- FreeU ---- */

/* Two steps of a model whose levels have SDXL's proportions, which FreeU goes by. */
static fc_pixels draw(const char *name, const char *recipe, const char *freeu, program *p)
{
    const char *model = fc_test_synth("tiny_base");
    const char *args[] = {"generate", "a boat",  "--model",  model,    "--size",
                          "64x64",    "--steps", "2",        "--seed", "3",
                          "--recipe", recipe,    "--output", name,     freeu ? "--freeu" : NULL,
                          freeu,      NULL};
    *p = (program){0};
    if (run(p, args) != 0) fail_msg("exit code %d: %s", p->code, p->err);
    return read_png(name);
}

static void test_freeu(void **state)
{
    (void)state;
    program p;
    const char *factors = "1.3,1.4,0.9,0.2";
    fc_pixels a = draw(program_path("drawn.png"), "2.5", NULL, &p);
    program_free(&p);
    fc_pixels b = draw(program_path("freeu.png"), "2.5", factors, &p);
    program_free(&p);
    assert_true(changed_pixels(&a, &b, 0, a.w) > a.w * a.h / 2);
    fc_pixels_fini(&a);
    fc_pixels_fini(&b);
    a = draw(program_path("old.png"), "1.0", factors, &p);
    assert_non_null(strstr(p.err, "freeu has no effect in recipe 1.0"));
    program_free(&p);
    fc_pixels_fini(&a);
    p = (program){0};
    assert_int_not_equal(run(&p, (const char *[]){"generate", "a boat", "--freeu", "1,2", NULL}), 0);
    assert_non_null(strstr(p.err, "freeu"));
    program_free(&p);
}

/* ---- models that read mask and picture with every latent ---- */

static const char *nine_channels(void)
{
    const char *path = program_path("nine.safetensors");
    fc_synth s;
    fc_err err = {0};
    int changed = 0;
    assert_ok(fc_synth_build(&s, "tiny_base", &err), &err);
    for (size_t i = 0; i < s.count; i++)
        if (strcmp(s.tensors[i].name, "model.diffusion_model.input_blocks.0.0.weight") == 0) {
            s.tensors[i].shape[1] = 9;
            changed++;
        }
    assert_int_equal(changed, 1);
    assert_ok(fc_synth_write(path, &s, FC_F16, &err), &err);
    fc_synth_fini(&s);
    return path;
}

static void test_nine_channels(void **state)
{
    (void)state;
    char model[300], out[300];
    snprintf(model, sizeof model, "%s", nine_channels());
    snprintf(out, sizeof out, "%s", program_path("nine.png"));
    write_mask();
    run_well((const char *[]){"edit", program_path("small.png"), "--mask", program_path("mask.png"), "a boat",
                              "--model", model, "--size", "64x64", "--steps", "2", "--mask-fade", "0",
                              "--output", out, NULL});
    fc_pixels before = read_png(program_path("small.png")), after = read_png(out);
    int inside = changed_pixels(&before, &after, SMALL / 3, 2 * SMALL / 3);
    assert_true(inside > (SMALL / 3) * (SMALL / 3) / 2);
    assert_int_equal(inside, changed_pixels(&before, &after, 0, SMALL));
    fc_pixels_fini(&before);
    fc_pixels_fini(&after);
    remove(out);
    run_well((const char *[]){"generate", "a boat", "--model", model, "--size", "64x64", "--steps", "2",
                              "--output", out, NULL}); /* without a picture all is to be painted */
    remove(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_box_beats_interpolation),
        cmocka_unit_test(test_factors),
        cmocka_unit_test(test_folder_goes_on),
        cmocka_unit_test(test_upscale_wrong),
        cmocka_unit_test(test_edit),
        cmocka_unit_test(test_edit_wrong),
        cmocka_unit_test(test_freeu),
        cmocka_unit_test(test_nine_channels),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}

/* picture/inpaint, picture/mask and picture/blur: byte for byte the reference, and what must hold anyway. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "picture/blur.h"
#include "picture/inpaint.h"
#include "picture/resize.h"
#include "support/pictures.h"

static fc_safetensors pictures, golden, masks;
static json_t *inpaint_cases, *mask_cases;

static int open_golden(void **state)
{
    (void)state;
    fc_test_golden_open_full(&pictures, "v25_pixels_pictures.safetensors");
    fc_test_golden_open_full(&golden, "v25_pixels_inpaint.safetensors");
    fc_test_golden_open_full(&masks, "v25_pixels_masks.safetensors");
    inpaint_cases = fc_test_golden_json("v25_pixels_inpaint.json");
    mask_cases = fc_test_golden_json("v25_pixels_masks.json");
    return 0;
}

static int close_golden(void **state)
{
    (void)state;
    json_decref(inpaint_cases);
    json_decref(mask_cases);
    fc_safetensors_close(&pictures);
    fc_safetensors_close(&golden);
    fc_safetensors_close(&masks);
    return 0;
}

static void check_area(fc_area got, const json_t *want)
{
    assert_int_equal(got.top, json_integer_value(json_array_get(want, 0)));
    assert_int_equal(got.bottom, json_integer_value(json_array_get(want, 1)));
    assert_int_equal(got.left, json_integer_value(json_array_get(want, 2)));
    assert_int_equal(got.right, json_integer_value(json_array_get(want, 3)));
}

static fc_pixels copy(fc_pixels src)
{
    fc_pixels dst;
    fc_err err;
    assert_ok(fc_pixels_copy(&dst, &src, &err), &err);
    return dst;
}

static fc_pixels plain(int32_t w, int32_t h, int32_t channels, uint8_t value)
{
    fc_pixels p;
    fc_err err;
    assert_ok(fc_pixels_init(&p, w, h, channels, &err), &err);
    memset(p.data, value, fc_pixels_size(&p));
    return p;
}

/* ---- areas ---- */

static void areas_equal_the_reference(void **state)
{
    (void)state;
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(inpaint_cases, "areas"), i, entry)
    {
        const json_t *shape = json_object_get(entry, "shape"), *box = json_object_get(entry, "box_inclusive");
        int32_t h = (int32_t)json_integer_value(json_array_get(shape, 0)),
                w = (int32_t)json_integer_value(json_array_get(shape, 1));
        fc_pixels mask = plain(w, h, 1, 0);
        fc_area area;
        fc_err err;
        for (size_t k = 0; k < 4; k++) { /* two corners are enough, of any value */
            int32_t y = (int32_t)json_integer_value(json_array_get(box, k / 2)),
                    x = (int32_t)json_integer_value(json_array_get(box, 2 + k % 2));
            fc_pixels_row(&mask, y)[x] = 1;
        }
        assert_ok(fc_inpaint_area(&area, &mask, &err), &err);
        check_area(area, json_object_get(entry, "initial"));
        check_area(fc_inpaint_grow_area(area, w, h, tp_number(entry, "k")), json_object_get(entry, "area"));
        fc_pixels_fini(&mask);
    }
    assert_int_equal(i, 60);
}

static void areas_are_inside_and_cover_what_was_asked(void **state)
{
    (void)state;
    static const double fields[] = {-1.0, 0.0, 0.3, 0.618, 0.999, 1.0, 2.0, 0.0 / 0.0};
    for (int32_t w = 1; w < 60; w += 7)
        for (int32_t h = 1; h < 60; h += 9) {
            fc_pixels mask = plain(w, h, 1, 0);
            fc_area area;
            fc_err err;
            assert_fails(fc_inpaint_area(&area, &mask, &err), FC_ARG, &err, "empty");
            fc_pixels_row(&mask, h * 3 / 4)[w / 3] = 200;
            fc_pixels_row(&mask, h / 2)[w / 2] = 200;
            assert_ok(fc_inpaint_area(&area, &mask, &err), &err);
            for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
                fc_area a = fc_inpaint_grow_area(area, w, h, fields[k]);
                double field = fields[k] < 1.0 ? fields[k] : 1.0;
                assert_true(a.top >= 0 && a.left >= 0 && a.bottom <= h && a.right <= w);
                assert_true(a.top < a.bottom && a.left < a.right);
                assert_true(a.bottom - a.top >= field * h && a.right - a.left >= field * w);
            }
            fc_pixels_fini(&mask);
        }
}

/* ---- whole cases ---- */

/* The stand-in for the upscaler: every pixel 4 x 4 times. */
static fc_pixels repeat4(const fc_pixels *src)
{
    fc_pixels dst = plain(src->w * 4, src->h * 4, src->channels, 0);
    for (int32_t y = 0; y < dst.h; y++)
        for (int32_t x = 0; x < dst.w; x++)
            memcpy(fc_pixels_row(&dst, y) + x * src->channels,
                   fc_pixels_row(src, y / 4) + x / 4 * src->channels, (size_t)src->channels);
    return dst;
}

static fc_pixels case_mask(const json_t *entry, const fc_pixels *picture)
{
    char name[64];
    if (strcmp(tp_string(entry, "mask"), "none") == 0) return plain(picture->w, picture->h, 1, 0);
    snprintf(name, sizeof name, "mask.%s.%s", tp_string(entry, "picture"), tp_string(entry, "mask"));
    return copy(tp_picture(&golden, name));
}

static void extend_case(const json_t *entry, fc_pixels *picture, fc_pixels *mask)
{
    const json_t *added = json_object_get(entry, "added"), *sums = json_object_get(entry, "outpaint_sha256");
    fc_err err;
    if (!added) return;
    size_t k;
    json_t *side;
    fc_margins add = {0};
    json_array_foreach(json_object_get(entry, "outpaint"), k, side)
    {
        const char *name = json_string_value(side);
        if (strcmp(name, "top") == 0) add.top = fc_inpaint_margin(picture->h, 0.3);
        if (strcmp(name, "bottom") == 0) add.bottom = fc_inpaint_margin(picture->h, 0.3);
        if (strcmp(name, "left") == 0) add.left = fc_inpaint_margin(picture->w, 0.3);
        if (strcmp(name, "right") == 0) add.right = fc_inpaint_margin(picture->w, 0.3);
    }
    assert_true(add.top == tp_int(added, "top") && add.bottom == tp_int(added, "bottom"));
    assert_true(add.left == tp_int(added, "left") && add.right == tp_int(added, "right"));
    assert_ok(fc_inpaint_extend(picture, mask, add, &err), &err);
    tp_check_sha256(picture, json_string_value(json_array_get(sums, 0)), "extended picture");
    tp_check_sha256(mask, json_string_value(json_array_get(sums, 1)), "extended mask");
}

/* What was made for one target size against its checksum or, where small, the tensor of the same name. */
static void check_made(const fc_pixels *got, const json_t *sums, const char *prefix, const char *what)
{
    char name[80];
    snprintf(name, sizeof name, "%s.%s", prefix, what);
    tp_check_sum(got, sums, name);
}

/* Crop, upscaling, resizing, fill at the given target (1024 as in the application, 128 small enough to
 * store). */
static void check_prepared(const json_t *entry, int32_t target, fc_area area, const fc_pixels *picture,
                           const fc_pixels *mask)
{
    char key[16], prefix[64];
    snprintf(key, sizeof key, "target_%d", target);
    const json_t *want = json_object_get(entry, key), *sums = json_object_get(want, "tensors");
    fc_pixels crop, sized, crop_mask, sized_mask;
    fc_err err;
    snprintf(prefix, sizeof prefix, target == 1024 ? "%s" : "%s.t128", tp_string(entry, "name"));
    assert_ok(fc_fit_crop(&crop, picture, area, &err), &err);
    assert_ok(fc_fit_crop(&crop_mask, mask, area, &err), &err);
    if (fc_fit_shape_ceil(crop.w, crop.h) < target) {
        fc_pixels large = repeat4(&crop);
        fc_pixels_fini(&crop);
        crop = large;
    }
    if (json_is_string(want)) { /* the reference divides by zero */
        assert_fails(fc_fit_to_shape_ceil(&sized, &crop, target, &err), FC_ARG, &err, "too small");
    } else {
        assert_ok(fc_fit_to_shape_ceil(&sized, &crop, target, &err), &err);
        assert_ok(fc_mask_from_picture(&sized_mask, &crop_mask, sized.w, sized.h, &err), &err);
        check_made(&sized, sums, prefix, "image");
        check_made(&sized_mask, sums, prefix, "mask");
        if (json_is_true(json_object_get(entry, "use_fill"))) {
            assert_ok(fc_inpaint_fill(&sized, &sized_mask, &err), &err);
            check_made(&sized, sums, prefix, "fill");
        }
        fc_pixels_fini(&sized);
        fc_pixels_fini(&sized_mask);
    }
    fc_pixels_fini(&crop);
    fc_pixels_fini(&crop_mask);
}

static void check_pasted(const json_t *entry, fc_area area, fc_pixels *picture, const fc_pixels *mask)
{
    const json_t *sums = json_object_get(json_object_get(entry, "target_128"), "tensors");
    fc_pixels generated = tp_picture(&pictures, "generated"), soft = copy(*mask), old = copy(*picture);
    fc_err err;
    fc_mask_soften(&soft, FC_MASK_FADE);
    assert_ok(fc_inpaint_paste(picture, &generated, area, &soft, &err), &err);
    if (json_is_object(sums)) {
        check_made(&soft, sums, tp_string(entry, "name"), "soft");
        check_made(picture, sums, tp_string(entry, "name"), "result");
    }
    for (size_t i = 0; i < fc_pixels_size(picture); i++)
        if (soft.data[i / 3] == 0) assert_int_equal(picture->data[i], old.data[i]);
    fc_pixels_fini(&soft);
    fc_pixels_fini(&old);
}

static void whole_cases_equal_the_reference(void **state)
{
    (void)state;
    size_t i, done = 0;
    json_t *entry;
    json_array_foreach(json_object_get(inpaint_cases, "cases"), i, entry)
    {
        if (!fc_test_has(&pictures, tp_string(entry, "picture"))) continue;
        fc_pixels picture = copy(tp_picture(&pictures, tp_string(entry, "picture"))),
                  mask = case_mask(entry, &picture);
        fc_area area;
        fc_err err;
        extend_case(entry, &picture, &mask);
        assert_ok(fc_inpaint_area(&area, &mask, &err), &err);
        check_area(area, json_object_get(entry, "initial_area"));
        area = fc_inpaint_grow_area(area, picture.w, picture.h, tp_number(entry, "respective_field"));
        check_area(area, json_object_get(entry, "area"));
        if (done % 4 == 0 || json_is_false(json_object_get(entry, "use_fill"))) /* a second each */
            check_prepared(entry, 1024, area, &picture, &mask);
        check_prepared(entry, 128, area, &picture, &mask);
        check_pasted(entry, area, &picture, &mask);
        fc_pixels_fini(&picture);
        fc_pixels_fini(&mask);
        done++;
    }
    print_message("  %zu cases\n", done);
    assert_true(done >= 4);
}

/* ---- parts ---- */

static void blurs_equal_the_reference(void **state)
{
    (void)state;
    static const int32_t radii[] = {3, 15, 33, 512};
    if (!fc_test_has(&pictures, "scene_c")) skip(); /* the fill below does the same many times */
    fc_pixels whole = tp_picture(&pictures, "scene_c"), src;
    fc_err err;
    assert_ok(fc_fit_crop(&src, &whole, (fc_area){0, 60, 0, 84}, &err), &err);
    for (size_t i = 0; i < 4; i++) {
        char name[32];
        fc_pixels got = copy(src), scratch = copy(src);
        snprintf(name, sizeof name, "parts.box.%d", radii[i]);
        assert_ok(fc_blur_box(&got, &scratch, radii[i], &err), &err);
        tp_check_tensor(&got, &golden, name, 1);
        fc_pixels_fini(&got);
        fc_pixels_fini(&scratch);
    }
    fc_pixels_fini(&src);
}

static void fill_and_softening_equal_the_reference(void **state)
{
    (void)state;
    fc_err err;
    fc_pixels picture = copy(tp_picture(&golden, "parts.fill.image")),
              mask = tp_picture(&golden, "parts.fill.mask"), soft = copy(tp_picture(&golden, "parts.grey"));
    assert_ok(fc_inpaint_fill(&picture, &mask, &err), &err);
    tp_check_tensor(&picture, &golden, "parts.fill.out", 1);
    fc_mask_soften(&soft, FC_MASK_FADE);
    tp_check_tensor(&soft, &golden, "parts.open", 1);
    fc_pixels_fini(&picture);
    fc_pixels_fini(&soft);
}

static void check_latent_mask(const fc_pixels *mask, const char *name)
{
    fc_test_array want = fc_test_array_load(&golden, name);
    float *got = fc_calloc(want.count, sizeof *got);
    fc_inpaint_latent_mask(got, (int32_t)want.shape[3], (int32_t)want.shape[2], mask);
    for (size_t i = 0; i < want.count; i++)
        if (got[i] < want.data[i] || got[i] > want.data[i])
            fail_msg("%s: latent %zu is %g", name, i, (double)got[i]);
    fc_free(got);
    fc_test_array_free(&want);
}

static void latent_masks_equal_the_reference(void **state)
{
    (void)state;
    static const char *const names[] = {"pool.100x92", "pool.76x132", "pool.68x60", "small_k0"};
    fc_err err;
    for (size_t i = 0; i < 4; i++) {
        char mask_name[48], latent_name[48];
        snprintf(mask_name, sizeof mask_name, i < 3 ? "%s.mask" : "%s.t128.mask", names[i]);
        snprintf(latent_name, sizeof latent_name, "%s.latent_mask", names[i]);
        fc_pixels mask = tp_picture(&golden, mask_name);
        check_latent_mask(&mask, latent_name);
    }
    fc_pixels image = tp_picture(&golden, "small_k0.t128.image"),
              mask = tp_picture(&golden, "small_k0.t128.mask"),
              want = tp_picture(&golden, "small_k0.grey_pixels_u8");
    float *grey = fc_calloc(fc_pixels_size(&image), sizeof *grey);
    assert_ok(fc_inpaint_grey(grey, &image, &mask, &err), &err);
    for (size_t i = 0; i < fc_pixels_size(&image); i++)
        assert_int_equal((int)(grey[i] * 255.0f + 0.5f), want.data[i]);
    fc_free(grey);
}

/* ---- masks ---- */

/* What a brush has drawn: the red channel. */
static fc_pixels drawn_on(const fc_pixels *canvas)
{
    fc_pixels mask = plain(canvas->w, canvas->h, 1, 0);
    for (size_t i = 0; i < fc_pixels_size(&mask); i++)
        mask.data[i] = canvas->data[i * (size_t)canvas->channels];
    return mask;
}

static fc_pixels mask_of_case(const json_t *entry)
{
    const char *upload = tp_string(entry, "upload");
    bool advanced = json_is_true(json_object_get(entry, "advanced"));
    fc_pixels canvas = tp_picture(&masks, "canvas"), mask, other = {0};
    fc_err err;
    if (strcmp(tp_string(entry, "canvas"), "empty") == 0)
        mask = plain(canvas.w, canvas.h, 1, 0);
    else
        mask = drawn_on(&canvas);
    if (strcmp(upload, "none") != 0) {
        char name[32];
        snprintf(name, sizeof name, "upload.%s", upload);
        other = copy(tp_picture(&masks, name));
    }
    if (other.data && advanced) {
        fc_pixels more;
        assert_ok(fc_mask_from_picture(&more, &other, mask.w, mask.h, &err), &err);
        for (size_t i = 0; i < fc_pixels_size(&mask); i++)
            if (mask.data[i] < more.data[i]) mask.data[i] = more.data[i];
        fc_pixels_fini(&more);
    }
    assert_ok(fc_mask_grow(&mask, (int32_t)tp_number(entry, "erode_or_dilate"), &err), &err);
    if (json_is_true(json_object_get(entry, "invert"))) fc_mask_invert(&mask);
    fc_pixels_fini(&other);
    return mask;
}

static void masks_equal_the_reference(void **state)
{
    (void)state;
    size_t i, done = 0;
    json_t *entry;
    json_array_foreach(json_object_get(mask_cases, "cases"), i, entry)
    {
        char name[48];
        snprintf(name, sizeof name, "out.%s", tp_string(entry, "name"));
        if (!fc_test_has(&masks, name)) continue;
        if (strcmp(tp_string(entry, "upload"), "dict") == 0) continue; /* what was drawn is not stored */
        fc_pixels mask = mask_of_case(entry);
        tp_check_tensor(&mask, &masks, name, 1);
        bool extended = json_array_size(json_object_get(entry, "outpaint")) > 0;
        assert_int_equal(fc_mask_paints(&mask) || extended, json_is_true(json_object_get(entry, "inpaints")));
        fc_pixels_fini(&mask);
        done++;
    }
    print_message("  %zu masks\n", done);
    assert_true(done >= 8);
}

/* Against the definition: the largest or smallest value in a square. */
static void growing_is_the_maximum_of_a_square(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{1, 1}, {1, 9}, {13, 1}, {2, 2}, {17, 11}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int32_t k = -5; k <= 5; k++) {
            int32_t w = sizes[i][0], h = sizes[i][1], reach = k < 0 ? -k : k;
            fc_pixels src = tp_pattern(w, h, 1), got = copy(src);
            fc_err err;
            assert_ok(fc_mask_grow(&got, k, &err), &err);
            for (int32_t y = 0; y < h; y++)
                for (int32_t x = 0; x < w; x++) {
                    uint8_t want = fc_pixels_row(&src, y)[x];
                    for (int32_t v = y - reach; v <= y + reach; v++)
                        for (int32_t u = x - reach; u <= x + reach; u++) {
                            if (v < 0 || u < 0 || v >= h || u >= w) continue;
                            uint8_t there = fc_pixels_row(&src, v)[u];
                            if (k > 0 ? there > want : there < want) want = there;
                        }
                    assert_int_equal(fc_pixels_row(&got, y)[x], want);
                }
            fc_pixels_fini(&src);
            fc_pixels_fini(&got);
        }
}

static void softening_falls_by_the_distance(void **state)
{
    (void)state;
    fc_pixels mask = plain(90, 50, 1, 127);
    fc_pixels_row(&mask, 20)[40] = 128;
    fc_mask_soften(&mask, FC_MASK_FADE);
    for (int32_t y = 0; y < 50; y++)
        for (int32_t x = 0; x < 90; x++) {
            int dx = x > 40 ? x - 40 : 40 - x, dy = y > 20 ? y - 20 : 20 - y, d = dx > dy ? dx : dy;
            int want = d == 0 ? 255 : d > 32 ? 0 : 256 - 8 * d;
            assert_int_equal(fc_pixels_row(&mask, y)[x], want);
        }
    for (int32_t fade = 0; fade < 4; fade++) { /* as far as is asked for, evenly */
        memset(mask.data, 0, fc_pixels_size(&mask));
        fc_pixels_row(&mask, 20)[40] = 255;
        fc_mask_soften(&mask, fade);
        for (int32_t d = 0; d < 40; d++) {
            int want = d == 0 ? 255 : d > fade ? 0 : 256 - 256 * d / (fade + 1);
            assert_int_equal(fc_pixels_row(&mask, 20)[40 + d], want);
        }
    }
    fc_pixels_fini(&mask);
}

static void masks_come_from_transparency(void **state)
{
    (void)state;
    fc_pixels src = tp_pattern(30, 9, 4), mask;
    fc_err err;
    assert_ok(fc_mask_from_alpha(&mask, &src, &err), &err);
    for (size_t i = 0; i < 270; i++) assert_int_equal(mask.data[i], src.data[4 * i + 3] < 128 ? 255 : 0);
    fc_pixels_fini(&mask);
    fc_pixels_fini(&src);
}

static void wrong_requests_are_refused(void **state)
{
    (void)state;
    fc_pixels picture = tp_pattern(30, 20, 3), mask = plain(30, 20, 1, 255), other = plain(20, 30, 1, 0), out;
    fc_pixels old = copy(picture);
    fc_err err;
    float grey[1];
    assert_fails(fc_mask_grow(&mask, 257, &err), FC_ARG, &err, "256");
    assert_fails(fc_mask_grow(&mask, INT32_MIN, &err), FC_ARG, &err, "256");
    assert_fails(fc_mask_from_alpha(&out, &picture, &err), FC_ARG, &err, "no transparent");
    assert_fails(fc_inpaint_fill(&picture, &other, &err), FC_ARG, &err, "another size");
    assert_fails(fc_inpaint_grey(grey, &picture, &other, &err), FC_ARG, &err, "another size");
    assert_fails(fc_inpaint_paste(&picture, &picture, (fc_area){0, 5, 0, 5}, &other, &err), FC_ARG, &err,
                 "size");
    assert_fails(fc_inpaint_paste(&picture, &picture, (fc_area){0, 21, 0, 5}, &mask, &err), FC_ARG, &err,
                 "inside");
    assert_fails(fc_inpaint_paste(&picture, &picture, (fc_area){5, 5, 0, 5}, &mask, &err), FC_ARG, &err,
                 NULL);
    assert_fails(fc_inpaint_extend(&picture, &mask, (fc_margins){-1, 0, 0, 0}, &err), FC_ARG, &err,
                 "negative");
    assert_fails(fc_inpaint_extend(&picture, &mask, (fc_margins){0, INT32_MAX, 0, 0}, &err), FC_LIMIT, &err,
                 "32768");
    assert_fails(fc_inpaint_extend(&picture, &mask, (fc_margins){32768, 0, 0, 0}, &err), FC_LIMIT, &err,
                 "large");
    assert_memory_equal(picture.data, old.data, fc_pixels_size(&old));
    assert_int_equal(fc_inpaint_margin(101, 0.3), 30);
    assert_int_equal(fc_inpaint_margin(100, 0.0 / 0.0), 0);
    assert_int_equal(fc_inpaint_margin(100, 1e300), FC_PIXELS_MAX_SIDE);
    fc_pixels_fini(&picture);
    fc_pixels_fini(&mask);
    fc_pixels_fini(&other);
    fc_pixels_fini(&old);
}

static fc_status everything(void *user)
{
    (void)user;
    fc_pixels picture = {0}, mask = {0}, blurred = {0};
    fc_err err;
    fc_status status = fc_pixels_init(&picture, 30, 20, 3, &err);
    if (status == FC_OK) status = fc_pixels_init(&mask, 30, 20, 1, &err);
    if (status == FC_OK) {
        memset(picture.data, 9, fc_pixels_size(&picture));
        memset(mask.data, 255, fc_pixels_size(&mask));
        status = fc_inpaint_extend(&picture, &mask, (fc_margins){2, 3, 4, 5}, &err);
    }
    if (status == FC_OK) status = fc_inpaint_fill(&picture, &mask, &err);
    if (status == FC_OK) status = fc_mask_grow(&mask, 2, &err);
    if (status == FC_OK) status = fc_blur_gauss(&blurred, &picture, &err);
    if (status == FC_OK) status = fc_inpaint_paste(&picture, &blurred, (fc_area){1, 9, 2, 8}, &mask, &err);
    fc_pixels_fini(&picture);
    fc_pixels_fini(&mask);
    fc_pixels_fini(&blurred);
    return status;
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    assert_true(fc_test_torture(everything, NULL) > 20);
}

/* What pasting the whole of a photograph takes beside it: the result as large as the area, and rows. */
static void a_photograph_is_edited_in_little_memory(void **state)
{
    (void)state;
    fc_pixels picture = plain(4000, 3000, 3, 50), generated = plain(1152, 896, 3, 90);
    fc_err err;
    uint64_t before, peak;
    fc_mem_usage(&before, NULL);
    fc_pixels mask = plain(4000, 3000, 1, 0);
    for (int32_t y = 1000; y < 2000; y++) memset(fc_pixels_row(&mask, y) + 1500, 255, 1000);
    assert_ok(fc_mask_grow(&mask, 8, &err), &err);
    fc_mask_soften(&mask, FC_MASK_FADE);
    assert_ok(fc_inpaint_paste(&picture, &generated, (fc_area){0, 3000, 0, 4000}, &mask, &err), &err);
    fc_mem_usage(NULL, &peak);
    assert_at_most("MiB beside the picture", (double)(peak - before) / (1 << 20), 60); /* 46 */
    assert_int_equal(fc_pixels_row(&picture, 1500)[3 * 2000], 90);
    assert_int_equal(fc_pixels_row(&picture, 900)[3 * 2000], 50);
    fc_pixels_fini(&mask);
    fc_pixels_fini(&picture);
    fc_pixels_fini(&generated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(areas_equal_the_reference),
        cmocka_unit_test(areas_are_inside_and_cover_what_was_asked),
        cmocka_unit_test(whole_cases_equal_the_reference),
        cmocka_unit_test(blurs_equal_the_reference),
        cmocka_unit_test(fill_and_softening_equal_the_reference),
        cmocka_unit_test(latent_masks_equal_the_reference),
        cmocka_unit_test(masks_equal_the_reference),
        cmocka_unit_test(growing_is_the_maximum_of_a_square),
        cmocka_unit_test(softening_falls_by_the_distance),
        cmocka_unit_test(masks_come_from_transparency),
        cmocka_unit_test(wrong_requests_are_refused),
        cmocka_unit_test(failing_allocations_are_survived),
        cmocka_unit_test(a_photograph_is_edited_in_little_memory),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}

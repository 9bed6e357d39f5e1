/* Upscalers: golden data of the reference's network on every backend, the four spellings of a file, parts,
 * memory, other files, failing allocations. */
#include "model/esrgan.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/detect.h"
#include "support/networks.h"

enum { RGB = 3 };
/* Measured: f32 4.1e-7, bf16 2.8e-3 */
static const double F32 = 1.2e-6, BF16 = 8e-3;

struct fixture {
    const char *kind;
    fc_weights *weights;
    fc_esrgan *net;
    fc_safetensors golden;
};

static void fixture_open(struct fixture *f, const char *kind)
{
    fc_err err = {0};
    f->kind = kind;
    fc_test_golden_open_full(&f->golden, "v25_pixels_esrgan.safetensors");
    f->weights = net_weights(kind);
    assert_ok(fc_esrgan_open(&f->net, f->weights, &err), &err);
}

static void fixture_close(struct fixture *f)
{
    fc_esrgan_close(f->net);
    fc_weights_close(f->weights);
    fc_safetensors_close(&f->golden);
}

/* Every eighth channel of some layers. */
struct seen {
    const fc_rig *rig;
    const fc_safetensors *golden;
    int count;
};

static void compare_layer(void *user, const char *path, const float *data, int32_t n, int32_t h, int32_t w,
                          int32_t c)
{
    struct seen *s = user;
    const char *name = strcmp(path, "esrgan/first") == 0   ? "parts.conv_first"
                       : strcmp(path, "esrgan/0") == 0     ? "parts.block0"
                       : strcmp(path, "esrgan/trunk") == 0 ? "parts.trunk"
                                                           : NULL;
    if (!name) return;
    fc_test_array want = fc_test_array_load(s->golden, name);
    size_t pixels = (size_t)h * (size_t)w;
    float *got = fc_calloc(want.count, sizeof *got);
    assert_int_equal(want.count, n * h * w * c / 8);
    for (size_t i = 0; i < want.count; i++) got[i] = data[(i % pixels) * (size_t)c + 8 * (i / pixels)];
    assert_rel_error(path, got, want.data, want.count, net_limit(s->rig, F32, BF16));
    s->count++;
    fc_free(got);
    fc_test_array_free(&want);
}

/* Runs the network on a picture of the golden file; fresh memory [1][3][h][w]. */
static float *run_on(fc_rig *rig, const fc_esrgan *net, const fc_safetensors *golden, const char *picture)
{
    char name[40];
    snprintf(name, sizeof name, "in.%s.u8", picture);
    fc_test_array in = fc_test_array_load(golden, name);
    int32_t h = (int32_t)in.shape[0], w = (int32_t)in.shape[1], scale = fc_esrgan_scale(net);
    for (size_t i = 0; i < in.count; i++) in.data[i] /= 255.0f;
    float *got = fc_calloc(in.count * (size_t)(scale * scale), sizeof *got);
    rig->cx.peak = 0;
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_tensor y = fc_esrgan_run(&rig->cx, net, fc_upload(&rig->cx, FC_F32, in.data, 1, h, w, RGB));
    fc_download(&rig->cx, y, got);
    fc_leave(&rig->cx, m);
    fc_rig_check(rig);
    uint64_t told = fc_esrgan_bytes(net, rig->cx.act, 1, h, w) + in.count * sizeof(float);
    assert_true(rig->cx.peak <= told && told < rig->cx.peak + rig->cx.peak / 4 + 16384);
    float *planes = fc_test_nchw(got, 1, RGB, scale * h, scale * w);
    fc_free(got);
    fc_test_array_free(&in);
    return planes;
}

static void check_picture(fc_rig *rig, const struct fixture *f, const char *picture)
{
    char name[60];
    snprintf(name, sizeof name, "%s.%s", f->kind, picture);
    if (!fc_test_has(&f->golden, name)) return;
    fc_test_array want = fc_test_array_load(&f->golden, name);
    float *got = run_on(rig, f->net, &f->golden, picture);
    snprintf(name, sizeof name, "%s %s %s", f->kind, picture, rig->label);
    assert_rel_error(name, got, want.data, want.count, net_limit(rig, F32, BF16));
    fc_free(got);
    fc_test_array_free(&want);
}

static void check_all(fc_rig *rig, void *user)
{
    check_picture(rig, user, "square");
    check_picture(rig, user, "odd");
}

static void test_reference(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        int scale, blocks;
    } kinds[] = {{"esrgan_small4", 4, 2}, {"esrgan_small2", 2, 2}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct fixture f;
        fixture_open(&f, kinds[i].kind);
        assert_int_equal(fc_esrgan_scale(f.net), kinds[i].scale);
        assert_int_equal(fc_esrgan_blocks(f.net), kinds[i].blocks);
        fc_rig_each(check_all, &f);
        fixture_close(&f);
    }
}

/* The size of the usual files, on the fast backend alone; its golden picture is not in tests/golden. */
static void test_23_blocks(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, "esrgan_full");
    assert_int_equal(fc_esrgan_blocks(f.net), 23);
    for (int i = 0; i < 2; i++) {
        fc_rig rig;
        assert_true(fc_rig_open(&rig, "cpu", i ? FC_BF16 : FC_F32, 0));
        check_picture(&rig, &f, "square");
        fc_rig_close(&rig);
    }
    fixture_close(&f);
}

static void test_parts(void **state)
{
    (void)state;
    struct fixture f;
    fc_rig rig;
    fixture_open(&f, "esrgan_small4");
    assert_true(fc_rig_open(&rig, "ref", FC_F32, 0));
    struct seen seen = {&rig, &f.golden, 0};
    rig.cx.probe = compare_layer;
    rig.cx.probe_user = &seen;
    fc_free(run_on(&rig, f.net, &f.golden, "square"));
    assert_int_equal(seen.count, 3);
    fc_rig_close(&rig);
    fixture_close(&f);
}

/* ---- files ---- */

/* The older name of tensor i -> the name in another spelling, from the reference's own lists. */
static const char *respell(json_t *lists, const char *spelling, const char *name)
{
    json_t *old = json_object_get(lists, "old"), *other = json_object_get(lists, spelling);
    for (size_t i = 0; i < json_array_size(old); i++)
        if (strcmp(json_string_value(json_array_get(old, i)), name) == 0)
            return json_string_value(json_array_get(other, i));
    fail_msg("%s is in no list", name);
    return NULL;
}

/* Weights are functions of names: those of the respelled file are copied from the other. */
struct copy_source {
    const fc_synth *from;
};

static fc_status copy_values(void *user, size_t index, uint64_t offset, void *dst, size_t size, fc_err *err)
{
    const struct copy_source *s = user;
    size_t count = size / sizeof(uint16_t);
    float *values = fc_alloc(count * sizeof *values);
    (void)err;
    assert_non_null(values);
    fc_synth_values(values, &s->from->tensors[index], offset / sizeof(uint16_t), count);
    fc_from_f32(dst, FC_F16, values, count);
    fc_free(values);
    return FC_OK;
}

static void write_respelled(const char *path, const char *kind, json_t *lists, const char *spelling)
{
    fc_synth s;
    fc_err err = {0};
    assert_ok(fc_synth_build(&s, kind, &err), &err);
    fc_st_source *sources = fc_calloc(s.count, sizeof *sources);
    for (size_t i = 0; i < s.count; i++) {
        sources[i] = (fc_st_source){
            .name = respell(lists, spelling, s.tensors[i].name), .dtype = FC_F16, .ndim = s.tensors[i].ndim};
        memcpy(sources[i].shape, s.tensors[i].shape, sizeof s.tensors[i].shape);
    }
    struct copy_source user = {&s};
    const fc_st_write what = {.tensors = sources, .count = s.count, .fill = copy_values, .user = &user};
    assert_ok(fc_safetensors_write(path, &what, &err), &err);
    fc_free(sources);
    fc_synth_fini(&s);
}

static void test_spellings(void **state)
{
    (void)state;
    static const char *const kinds[] = {"esrgan_small4", "esrgan_small2"};
    static const char *const spellings[] = {"old", "shipped", "new", "newer"};
    json_t *root = fc_test_golden_json("v25_pixels_esrgan.json");
    for (int k = 0; k < 2; k++) {
        struct fixture f;
        fc_rig rig;
        fixture_open(&f, kinds[k]);
        assert_true(fc_rig_open(&rig, "cpu", FC_F32, 0));
        float *want = run_on(&rig, f.net, &f.golden, "square");
        for (int i = 0; i < 4; i++) {
            fc_weights *w;
            fc_esrgan *net;
            fc_model_info info;
            fc_err err = {0};
            const char *path = fc_test_tmp_path("respelled.safetensors");
            write_respelled(path, kinds[k], json_object_get(json_object_get(root, "names"), kinds[k]),
                            spellings[i]);
            assert_ok(fc_weights_open(&w, path, &err), &err);
            assert_ok(fc_model_require(w, FC_USE_UPSCALER, &info, &err), &err);
            assert_ok(fc_esrgan_open(&net, w, &err), &err);
            assert_int_equal(fc_esrgan_scale(net), fc_esrgan_scale(f.net));
            float *got = run_on(&rig, net, &f.golden, "square");
            size_t bytes =
                (size_t)(32 * 32 * RGB * fc_esrgan_scale(net) * fc_esrgan_scale(net)) * sizeof *got;
            assert_memory_equal(got, want, bytes);
            fc_free(got);
            fc_esrgan_close(net);
            fc_weights_close(w);
        }
        fc_free(want);
        fc_rig_close(&rig);
        fixture_close(&f);
    }
    json_decref(root);
}

static void test_other_files(void **state)
{
    (void)state;
    fc_weights *w;
    fc_esrgan *net;
    fc_model_info info;
    fc_err err = {0};
    w = net_weights("taesd_decoder");
    assert_fails(fc_esrgan_open(&net, w, &err), FC_UNSUPPORTED, &err, "ESRGAN");
    assert_fails(fc_model_require(w, FC_USE_UPSCALER, &info, &err), FC_UNSUPPORTED, &err,
                 "an upscaler is needed");
    fc_weights_close(w);

    /* one that reads folded pixels, and one that ends early */
    fc_synth s;
    fc_synth_init(&s);
    fc_synth_add(&s, "conv_first.weight", 4, (int64_t[]){8, 12, 3, 3}, 0, 1);
    fc_synth_add(&s, "body.0.rdb1.conv1.weight", 4, (int64_t[]){4, 8, 3, 3}, 0, 1);
    w = net_weights_of("folded.safetensors", &s);
    assert_fails(fc_esrgan_open(&net, w, &err), FC_UNSUPPORTED, &err, "12 values a pixel");
    fc_weights_close(w);
    s.tensors[0].shape[1] = RGB;
    w = net_weights_of("folded.safetensors", &s);
    assert_fails(fc_esrgan_open(&net, w, &err), FC_FORMAT, &err, "missing");
    fc_weights_close(w);
    fc_synth_fini(&s);
}

static fc_status open_and_run(fc_rig *rig, fc_weights *w, void *user)
{
    fc_esrgan *net;
    float image[2 * 3 * RGB] = {0}, out[4 * 6 * RGB];
    (void)user;
    fc_status status = fc_esrgan_open(&net, w, NULL);
    if (status != FC_OK) return status;
    fc_download(&rig->cx, fc_esrgan_run(&rig->cx, net, fc_upload(&rig->cx, FC_F32, image, 1, 2, 3, RGB)),
                out);
    fc_esrgan_close(net);
    return fc_cx_status(&rig->cx, NULL);
}

static void test_torture(void **state)
{
    (void)state;
    const net_run t = {
        .backend = "ref", .act = FC_BF16, .path = fc_test_synth("esrgan_small2"), .run = open_and_run};
    assert_true(net_torture(&t) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_23_blocks),   cmocka_unit_test(test_parts),
        cmocka_unit_test(test_spellings), cmocka_unit_test(test_other_files), cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* CLIP's picture encoder: golden data of the reference's network on every backend, other files, failing
 * allocations. */
#include "model/clip_vision.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/networks.h"

/* Measured: f32 7.0e-7, bf16 1.27e-2 */
static const double F32 = 2e-6, BF16 = 3.8e-2;

struct fixture {
    fc_weights *weights;
    fc_clip_vision *net;
    fc_safetensors golden;
};

static void fixture_open(struct fixture *f)
{
    fc_err err = {0};
    fc_test_golden_open_full(&f->golden, "v25_clipvision.safetensors");
    f->weights = net_weights("clip_vision_tiny");
    assert_ok(fc_clip_vision_open(&f->net, f->weights, &err), &err);
}

static void fixture_close(struct fixture *f)
{
    fc_clip_vision_close(f->net);
    fc_weights_close(f->weights);
    fc_safetensors_close(&f->golden);
}

/* ---- against the reference ---- */

/* The golden tensor, which may have fewer tokens, against the first ones of data. */
static void compare(const fc_rig *rig, const fc_safetensors *golden, const char *name, const float *data)
{
    char what[80];
    fc_test_array want = fc_test_array_load(golden, name);
    snprintf(what, sizeof what, "%s %s", rig->label, name);
    assert_rel_error(what, data, want.data, want.count, net_limit(rig, F32, BF16));
    fc_test_array_free(&want);
}

struct seen {
    const fc_rig *rig;
    const fc_safetensors *golden;
    int count;
};

static void compare_layer(void *user, const char *path, const float *data, int32_t n, int32_t h, int32_t w,
                          int32_t c)
{
    struct seen *s = user;
    (void)n, (void)h, (void)w, (void)c;
    const char *name = strcmp(path, "clip_vision/embeddings") == 0 ? "hidden0.a"
                       : strcmp(path, "clip_vision/0") == 0        ? "hidden1.a.tokens0_16"
                       : strcmp(path, "clip_vision/15") == 0       ? "hidden16.a.tokens0_16"
                                                                   : NULL;
    if (!name) return;
    compare(s->rig, s->golden, name, data);
    s->count++;
}

static void check_picture(fc_rig *rig, const struct fixture *f, const char *picture)
{
    char name[40];
    int32_t size = fc_clip_vision_size(f->net);
    size_t values = (size_t)(size * size * FC_CLIP_VISION_RGB);
    uint8_t *rgb = NULL;
    snprintf(name, sizeof name, "image.%s", picture);
    if (fc_test_has(&f->golden, name)) {
        fc_test_array image = fc_test_array_load(&f->golden, name);
        assert_int_equal(image.count, values);
        rgb = fc_alloc(values);
        assert_non_null(rgb);
        for (size_t i = 0; i < values; i++) rgb[i] = (uint8_t)image.data[i];
        fc_test_array_free(&image);
    } else if (strcmp(picture, "zero") != 0) {
        return; /* tests/golden has one picture */
    }
    float *got =
        fc_calloc((size_t)(fc_clip_vision_tokens(f->net) * fc_clip_vision_width(f->net)), sizeof *got);
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_download(&rig->cx, fc_clip_vision_encode(&rig->cx, f->net, rgb), got);
    fc_leave(&rig->cx, m);
    fc_rig_check(rig);
    snprintf(name, sizeof name, "penultimate.%s", picture);
    compare(rig, &f->golden, name, got);
    fc_free(got);
    fc_free(rgb);
}

static void check_all(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    struct seen seen = {rig, &f->golden, 0};
    rig->cx.probe = compare_layer;
    rig->cx.probe_user = &seen;
    check_picture(rig, f, "a");
    assert_int_equal(seen.count, 3);
    rig->cx.probe = NULL;
    if (strcmp(rig->backend->name, "cpu") != 0) return; /* the other one takes its time */
    check_picture(rig, f, "b");
    check_picture(rig, f, "zero");
}

static void test_reference(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    assert_int_equal(fc_clip_vision_size(f.net), 224);
    assert_int_equal(fc_clip_vision_tokens(f.net), 257);
    assert_int_equal(fc_clip_vision_width(f.net), 160);
    fc_rig_each(check_all, &f);
    fixture_close(&f);
}

/* ---- files ---- */

static void refuse(const fc_synth *s, fc_status wanted, const char *part)
{
    fc_clip_vision *v;
    fc_err err = {0};
    fc_weights *w = net_weights_of("other.safetensors", s);
    assert_fails(fc_clip_vision_open(&v, w, &err), wanted, &err, part);
    fc_weights_close(w);
}

static void test_other_files(void **state)
{
    (void)state;
    fc_synth s;
    fc_err err = {0};
    assert_ok(fc_synth_build(&s, "taesd_decoder", &err), &err);
    refuse(&s, FC_UNSUPPORTED, "holds no CLIP vision encoder");
    fc_synth_fini(&s);

    assert_ok(fc_synth_build(&s, "clip_vision_tiny", &err), &err);
    fc_synth_tensor *positions = net_tensor(&s, "vision_model.embeddings.position_embedding.weight");
    positions->shape[0] = 256;
    refuse(&s, FC_FORMAT, "impossible sizes");
    positions->shape[0] = 257;
    fc_synth_tensor *norm = net_tensor(&s, "vision_model.encoder.layers.3.layer_norm1.weight");
    norm->name = "elsewhere";
    refuse(&s, FC_FORMAT, "layers.3.layer_norm1.weight");
    net_tensor(&s, "vision_model.embeddings.class_embedding")->shape[0] = 80;
    refuse(&s, FC_FORMAT, "class_embedding");
    net_tensor(&s, "vision_model.embeddings.patch_embedding.weight")->shape[0] = 1024; /* ViT-L */
    refuse(&s, FC_UNSUPPORTED, "1024 wide");
    fc_synth_fini(&s);
}

static fc_status open_and_run(fc_rig *rig, fc_weights *w, void *out)
{
    fc_clip_vision *net;
    fc_status status = fc_clip_vision_open(&net, w, NULL);
    if (status != FC_OK) return status;
    fc_download(&rig->cx, fc_clip_vision_encode(&rig->cx, net, NULL), out);
    fc_clip_vision_close(net);
    return fc_cx_status(&rig->cx, NULL);
}

/* Two layers are enough for every allocation to have its turn. */
static void test_torture(void **state)
{
    (void)state;
    fc_synth s;
    fc_err err = {0};
    static float out[257 * 160];
    assert_ok(fc_synth_build(&s, "clip_vision_tiny", &err), &err);
    size_t kept = 0;
    for (size_t i = 0; i < s.count; i++) {
        const char *layer = strstr(s.tensors[i].name, "layers.");
        bool deep = layer && !(layer[7] <= '1' && layer[8] == '.');
        if (!deep) s.tensors[kept++] = s.tensors[i];
    }
    s.count = kept;
    const net_run t = {.backend = "cpu",
                       .act = FC_BF16,
                       .path = net_write("two_layers.safetensors", &s),
                       .run = open_and_run,
                       .user = out};
    fc_synth_fini(&s);
    assert_true(net_torture(&t) > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

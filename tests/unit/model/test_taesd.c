/* Preview decoder: golden data (tests/golden/taesd.safetensors) on every backend, both spellings of the file,
 * failing allocations. */
#include "model/taesd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/nano.h"
#include "support/networks.h"

enum { LATENT = 4, RGB = 3 };

struct fixture {
    fc_weights *weights;
    fc_taesd *taesd;
    fc_safetensors golden;
};

static void fixture_open(struct fixture *f)
{
    fc_err err = {0};
    f->weights = net_weights("taesd_decoder");
    assert_ok(fc_taesd_open(&f->taesd, f->weights, &err), &err);
    fc_test_golden_open(&f->golden, "taesd.safetensors");
}

static void fixture_close(struct fixture *f)
{
    fc_taesd_close(f->taesd);
    fc_weights_close(f->weights);
    fc_safetensors_close(&f->golden);
}

/* Measured: f32 2.4e-7; bf16 3.8e-3 */
static const double F32 = 7e-7, BF16 = 1.1e-2;

/* What the probe saw of two layers. */
struct seen {
    const fc_rig *rig;
    const fc_safetensors *golden;
    int count;
};

static void compare_layer(void *user, const char *path, const float *data, int32_t n, int32_t h, int32_t w,
                          int32_t c)
{
    struct seen *s = user;
    const char *name = strcmp(path, "taesd/1") == 0   ? "a.after_first_conv"
                       : strcmp(path, "taesd/3") == 0 ? "a.after_block3"
                                                      : NULL;
    if (!name) return;
    (void)n, (void)h, (void)w, (void)c;
    net_check_golden(s->rig, s->golden, name, data, net_limit(s->rig, F32, BF16));
    s->count++;
}

static void check_decode(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    struct seen seen = {rig, &f->golden, 0};
    fc_test_array z, want;
    float *latent = net_golden(&f->golden, "a.z", &z);
    fc_free(net_golden(&f->golden, "a.out", &want));
    float *got = net_floats(want.count);
    rig->cx.probe = compare_layer;
    rig->cx.probe_user = &seen;
    fc_tensor x = fc_upload(&rig->cx, FC_F32, latent, 1, (int32_t)z.shape[2], (int32_t)z.shape[3], LATENT);
    fc_download(&rig->cx, fc_taesd_decode(&rig->cx, f->taesd, x), got);
    fc_rig_check(rig);
    assert_int_equal(seen.count, 2);
    net_check_golden(rig, &f->golden, "a.out", got, net_limit(rig, F32, BF16));
    fc_free(got);
    fc_free(latent);
}

static void test_decode(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fc_rig_each(check_decode, &f);
    fixture_close(&f);
}

static void check_preview(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    static const char *const names[] = {"a", "b"};
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.z", names[i]);
        fc_test_array z = fc_test_array_load(&f->golden, name);
        snprintf(name, sizeof name, "%s.preview_u8", names[i]);
        fc_test_array want = fc_test_array_load(&f->golden, name);
        float *z_nhwc = fc_test_nhwc(&z);
        uint8_t *got = fc_calloc(want.count, 1);
        fc_taesd_preview(&rig->cx, f->taesd, z_nhwc, (int32_t)z.shape[2], (int32_t)z.shape[3], got);
        fc_rig_check(rig);
        assert_at_most(rig->label, net_worst_u8(got, &want),
                       rig->cx.act == FC_F32 ? 1 : 6); /* measured 0 and 2 */
        fc_free(got);
        fc_free(z_nhwc);
        fc_test_array_free(&z);
        fc_test_array_free(&want);
    }
}

static void test_preview(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fc_rig_each(check_preview, &f);
    fixture_close(&f);
}

/* ---- files ---- */

static const net_builder nano[] = {fc_nano_taesd, NULL};

/* Bare layer names, odd sizes: an odd last row or column is left out of the preview. */
static void test_bare_names(void **state)
{
    (void)state;
    fc_weights *w;
    fc_taesd *t;
    fc_rig rig;
    fc_err err = {0};
    w = net_weights_nano(nano);
    assert_ok(fc_taesd_open(&t, w, &err), &err);
    fc_rig_open(&rig, "ref", FC_F32, 0);
    float latent[5 * 7 * LATENT], even[4 * 6 * LATENT];
    uint8_t odd_rgb[16 * 24 * RGB], even_rgb[16 * 24 * RGB];
    for (int i = 0; i < 5 * 7 * LATENT; i++) latent[i] = (float)(i % 13) / 5.0f - 1.0f;
    for (int y = 0; y < 4; y++)
        memcpy(even + y * 6 * LATENT, latent + y * 7 * LATENT, 6 * LATENT * sizeof *even);
    fc_taesd_preview(&rig.cx, t, latent, 5, 7, odd_rgb);
    fc_taesd_preview(&rig.cx, t, even, 4, 6, even_rgb);
    fc_rig_check(&rig);
    assert_memory_equal(odd_rgb, even_rgb, sizeof even_rgb);
    fc_rig_close(&rig);
    fc_taesd_close(t);
    fc_weights_close(w);
}

static void test_other_file(void **state)
{
    (void)state;
    static const net_builder vae[] = {fc_nano_vae, NULL};
    fc_weights *w = net_weights_nano(vae);
    fc_taesd *t;
    fc_err err = {0};
    assert_fails(fc_taesd_open(&t, w, &err), FC_UNSUPPORTED, &err, "no TAESD decoder");
    fc_weights_close(w);
}

static fc_status open_and_run(fc_rig *rig, fc_weights *w, void *user)
{
    fc_taesd *t;
    float latent[2 * 2 * LATENT] = {0};
    uint8_t rgb[8 * 8 * RGB];
    (void)user;
    fc_status status = fc_taesd_open(&t, w, NULL);
    if (status != FC_OK) return status;
    fc_taesd_preview(&rig->cx, t, latent, 2, 2, rgb);
    fc_taesd_close(t);
    return fc_cx_status(&rig->cx, NULL);
}

static void test_torture(void **state)
{
    (void)state;
    const net_run t = {.backend = "ref",
                       .act = FC_BF16,
                       .path = net_write_nano("nano.safetensors", nano),
                       .run = open_and_run};
    assert_true(net_torture(&t) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),     cmocka_unit_test(test_preview), cmocka_unit_test(test_bare_names),
        cmocka_unit_test(test_other_file), cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

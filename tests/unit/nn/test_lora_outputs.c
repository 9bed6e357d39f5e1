/* What whole networks make of merged LoRAs: the UNet's and the text encoders' outputs with every file and
 * stack of lora.safetensors (ComfyUI) and v25_lora.safetensors (Fooocus 2.5.5), whose outputs
 * tests/golden/lora_outputs holds. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "diffusion/cond.h"
#include "model/lora_names.h"
#include "model/unet.h"
#include "nn/lora.h"
#include "support/loras.h"
#include "support/rig.h"
#include "support/synth.h"

enum { KOHYA, LYCORIS, DIFFUSERS, FULL, FILES };

static const struct stack {
    const char *tag;
    struct {
        int file;
        double strength;
    } use[3];
    bool v25; /* the text was taken apart by the newer rule */
} stacks[] = {
    {"lora_kohya.0.5", {{KOHYA, 0.5}}, false},
    {"lora_kohya.1.0", {{KOHYA, 1.0}}, false},
    {"lora_kohya.-0.7", {{KOHYA, -0.7}}, false},
    {"lora_lycoris.0.5", {{LYCORIS, 0.5}}, false},
    {"lora_lycoris.1.0", {{LYCORIS, 1.0}}, false},
    {"lora_lycoris.-0.7", {{LYCORIS, -0.7}}, false},
    {"lora_diffusers.0.5", {{DIFFUSERS, 0.5}}, false},
    {"lora_diffusers.1.0", {{DIFFUSERS, 1.0}}, false},
    {"lora_diffusers.-0.7", {{DIFFUSERS, -0.7}}, false},
    {"stack", {{KOHYA, 0.5}, {LYCORIS, 0.8}, {DIFFUSERS, -0.3}}, false},
    {"full.1.0", {{FULL, 1.0}}, true},
    {"full.0.6", {{FULL, 0.6}}, true},
    {"full_kohya", {{FULL, 0.8}, {KOHYA, 0.5}}, true},
    {"kohya_full", {{KOHYA, 0.5}, {FULL, 0.8}}, true},
    {"full_twice", {{FULL, 0.5}, {FULL, 0.5}}, true},
};

typedef struct fixture {
    fc_rig rig;
    fc_weights *weights;
    fc_lora_names *names;
    fc_unet *unet;
    fc_clip *l, *g;
    fc_lora *files[FILES];
    fc_safetensors golden;
} fixture;

static void fixture_open(fixture *f)
{
    static const char *const names[] = {"lora_kohya.safetensors", "lora_lycoris.safetensors",
                                        "lora_diffusers.safetensors"};
    fc_err err = {0};
    *f = (fixture){0};
    assert_true(fc_rig_open(&f->rig, "cpu", FC_F32, 0));
    assert_ok(fc_weights_open(&f->weights, fc_test_synth("tiny_base"), &err), &err);
    assert_ok(fc_lora_names_new(&f->names, f->weights, &err), &err);
    assert_ok(fc_unet_open(&f->unet, f->weights, &err), &err);
    assert_ok(fc_clip_open(&f->l, f->weights, FC_CLIP_L_PREFIX, &err), &err);
    assert_ok(fc_clip_open(&f->g, f->weights, FC_CLIP_G_PREFIX, &err), &err);
    for (int i = 0; i < FULL; i++)
        assert_ok(fc_lora_open(&f->files[i], fc_test_golden(names[i]), &err), &err);
    assert_ok(fc_lora_open(&f->files[FULL], fc_test_lora_without_magnitudes(), &err), &err);
    fc_test_golden_open(&f->golden, "lora_outputs.safetensors");
}

static void fixture_close(fixture *f)
{
    fc_clip_close(f->l);
    fc_clip_close(f->g);
    fc_unet_close(f->unet);
    fc_lora_names_free(f->names);
    fc_weights_take_off(f->weights, NULL);
    for (int i = 0; i < FILES; i++) fc_lora_close(f->files[i]);
    fc_weights_close(f->weights);
    fc_safetensors_close(&f->golden);
    fc_rig_close(&f->rig);
}

static int compare(const fixture *f, const char *tag, const char *part, const float *got, double limit)
{
    char key[80];
    snprintf(key, sizeof key, "%s.%s", tag, part);
    if (!fc_test_has(&f->golden, key)) return 0;
    fc_test_array want = fc_test_array_load(&f->golden, key);
    assert_rel_error(key, got, want.data, want.count, limit);
    fc_test_array_free(&want);
    return 1;
}

static int check_unet(fixture *f, const char *tag)
{
    fc_cx *cx = &f->rig.cx;
    fc_test_array x = fc_test_array_load(&f->golden, "unet.x"), t = fc_test_array_load(&f->golden, "unet.t"),
                  y = fc_test_array_load(&f->golden, "unet.y"),
                  c = fc_test_array_load(&f->golden, "unet.context");
    int32_t n = (int32_t)x.shape[0], h = (int32_t)x.shape[2], w = (int32_t)x.shape[3];
    float *nhwc = fc_test_nhwc(&x), *out = fc_calloc(x.count, sizeof *out);
    fc_unet_cond cond;
    fc_mark m = fc_enter(cx, NULL);
    fc_unet_set_context(cx, f->unet,
                        fc_upload(cx, FC_F32, c.data, n, 1, (int32_t)c.shape[1], (int32_t)c.shape[2]), &cond);
    fc_unet_set_label(cx, f->unet, y.data, n, &cond);
    fc_tensor in = fc_upload(cx, FC_F32, nhwc, n, h, w, 4);
    fc_download(cx, fc_unet_forward(cx, f->unet, in, t.data, &cond, NULL), out);
    fc_leave(cx, m);
    fc_rig_check(&f->rig);
    float *nchw = fc_test_nchw(out, n, 4, h, w);
    int checked = compare(f, tag, "unet.out", nchw, 7.5e-6); /* measured: 2.5e-6 */
    fc_test_array_free(&x);
    fc_test_array_free(&t);
    fc_test_array_free(&y);
    fc_test_array_free(&c);
    fc_free(nhwc);
    fc_free(nchw);
    fc_free(out);
    return checked;
}

/* Features [first, first + width) of all tokens, dense. */
static float *features(const fc_text_result *r, int32_t first, int32_t width)
{
    float *out = fc_calloc((size_t)r->tokens * (size_t)width, sizeof *out);
    for (int32_t t = 0; t < r->tokens; t++)
        memcpy(out + (size_t)t * (size_t)width, r->context + (size_t)t * (size_t)r->width + (size_t)first,
               (size_t)width * sizeof *out);
    return out;
}

static int check_text(fixture *f, const struct stack *s)
{
    const char *text = fc_safetensors_metadata(&f->golden, "text_prompt");
    const fc_text_encoders encoders = {f->l, f->g, &fc_clip_vocab_builtin};
    const fc_text_request request = {
        .text = text, .size = strlen(text), .recipe = s->v25 ? &fc_recipe_2_5 : &fc_recipe_1_0, .skip = 2};
    fc_text_result r;
    fc_err err = {0};
    assert_ok(fc_text_encode(&f->rig.cx, &encoders, &request, &r, &err), &err);
    int32_t l = fc_clip_width(f->l), g = fc_clip_width(f->g);
    float *part_l = features(&r, 0, l), *part_g = features(&r, l, g);
    int checked = compare(f, s->tag, "l", part_l, 2.2e-6); /* measured: 7.6e-7 */
    checked += compare(f, s->tag, "g", part_g, 2.2e-6);
    checked += compare(f, s->tag, "g_pooled", r.pooled, 2.2e-6);
    fc_free(part_l);
    fc_free(part_g);
    fc_text_result_fini(&r);
    return checked;
}

static void test_outputs(void **state)
{
    (void)state;
    fixture f;
    int checked = 0;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
        const struct stack *s = &stacks[i];
        fc_err err = {0};
        fc_lora_report report;
        for (int u = 0; u < 3 && s->use[u].strength != 0; u++)
            assert_ok(fc_lora_attach(f.files[s->use[u].file], s->use[u].strength, fc_lora_names_resolve,
                                     f.names, &report, &err),
                      &err);
        checked += check_unet(&f, s->tag) + check_text(&f, s);
        fc_weights_take_off(f.weights, NULL);
    }
    assert_int_equal(checked, 15 + 15 + 6); /* UNets, pooled vectors, hidden states of three stacks */
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_outputs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

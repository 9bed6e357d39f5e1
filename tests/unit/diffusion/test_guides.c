/* Networks that guide a picture, in whole predictions of recipe 2.5: every step of runs with control networks
 * and with image prompts, from the latent that the reference had to what it made of it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "diffusion/adm.h"
#include "diffusion/guidance.h"
#include "model/controlnet.h"
#include "model/ip_adapter.h"
#include "support/networks.h"

enum {
    SIZE = 16,
    PIXELS = 128,
    COUNT = 4 * SIZE * SIZE,
    TOKENS = 77,
    WIDTH = 128,
    POOLED = 64,
    LABEL = 1600
};
enum { SIDES = 2, PICTURE_TOKENS = 16 };

struct fixture {
    fc_weights *base, *file[3];
    fc_unet *unet;
    fc_controlnet *control[2]; /* canny, cpds */
    fc_ip_adapter *adapter;
    fc_rig rig;
    fc_model_sampling sampling;
    fc_guidance guidance;
    fc_arena arena;
    float context[SIDES][TOKENS * WIDTH], pooled[SIDES][POOLED]; /* negative, positive */
};

static void load_text(struct fixture *f, const fc_safetensors *texts, int side, const char *name)
{
    char pooled[40];
    snprintf(pooled, sizeof pooled, "%s.pooled", name);
    fc_test_array a = fc_test_array_load(texts, name), b = fc_test_array_load(texts, pooled);
    memcpy(f->context[side], a.data, sizeof f->context[side]);
    memcpy(f->pooled[side], b.data, sizeof f->pooled[side]);
    fc_test_array_free(&a);
    fc_test_array_free(&b);
}

static void fixture_open(struct fixture *f)
{
    static const char *const kinds[] = {"control_canny", "control_cpds", "ip_adapter_tiny"};
    fc_safetensors texts;
    fc_err err = {0};
    fc_test_golden_open_full(&texts, "v25_pipeline.safetensors");
    load_text(f, &texts, 0, "cond.neg");
    load_text(f, &texts, 1, "cond.pos");
    fc_safetensors_close(&texts);
    fc_arena_init(&f->arena, 1 << 24);
    f->base = net_weights("tiny_base");
    assert_ok(fc_unet_open(&f->unet, f->base, &err), &err);
    for (int i = 0; i < 3; i++) f->file[i] = net_weights(kinds[i]);
    for (int i = 0; i < 2; i++)
        assert_ok(fc_controlnet_open(&f->control[i], f->file[i], f->base, f->unet, &err), &err);
    assert_ok(fc_ip_adapter_open(&f->adapter, f->file[2], fc_unet_layout_get(f->unet), &err), &err);
    assert_true(fc_rig_open(&f->rig, "cpu", FC_F32, 0));
    fc_model_sampling_init(&f->sampling, FC_SAMPLING_EPS, fc_recipe_2_5.rounding);
    const fc_guidance_params params = {&fc_recipe_2_5, &f->sampling, 4, 7, 2, SIZE, SIZE};
    assert_ok(fc_guidance_init(&f->guidance, &params, &f->arena, &err), &err);
}

static void fixture_close(struct fixture *f)
{
    fc_rig_close(&f->rig);
    for (int i = 0; i < 2; i++) fc_controlnet_close(f->control[i]);
    fc_ip_adapter_close(f->adapter);
    fc_unet_close(f->unet);
    for (int i = 0; i < 3; i++) fc_weights_close(f->file[i]);
    fc_weights_close(f->base);
    fc_arena_fini(&f->arena);
}

/* Texts and labels of both sides through the weights of a network. */
static void set_cond(struct fixture *f, const fc_unet *u, float timestep, fc_unet_cond *cond)
{
    float labels[SIDES][LABEL];
    bool emphasised = fc_adm_emphasised(&fc_recipe_2_5, 0.3, timestep);
    for (int side = 0; side < SIDES; side++) {
        const fc_adm_request request = {&fc_recipe_2_5,
                                        emphasised ? FC_ADM_BASE : FC_ADM_BASE_CONSISTENT,
                                        side == 0,
                                        PIXELS,
                                        PIXELS,
                                        1.5,
                                        0.8};
        fc_adm_vector(&request, f->pooled[side], POOLED, labels[side]);
    }
    fc_unet_set_context(&f->rig.cx, u, fc_upload(&f->rig.cx, FC_F32, f->context[0], SIDES, 1, TOKENS, WIDTH),
                        cond);
    fc_unet_set_label(&f->rig.cx, u, labels[0], SIDES, cond);
}

/* One prediction: planes [4][h][w] in and out. controls: the JSON list, NULL: none; step: for what is active.
 */
static void predict(struct fixture *f, const fc_safetensors *golden, json_t *controls, json_t *active,
                    size_t step, const fc_unet_picture *picture, const float *x, float sigma, float *denoised)
{
    static float scaled[COUNT], both[SIDES * COUNT], out[SIDES * COUNT];
    fc_cx *cx = &f->rig.cx;
    float t = fc_model_sampling_timestep(&f->sampling, sigma), timesteps[SIDES] = {t, t};
    fc_unet_cond cond, own;
    fc_tensor residual[FC_UNET_MAX_BLOCKS] = {0};
    fc_model_sampling_input(&f->sampling, sigma, x, scaled, COUNT);
    for (size_t i = 0; i < SIDES * COUNT; i++)
        both[i] = scaled[i % 4 * (SIZE * SIZE) + i / 4 % (SIZE * SIZE)];
    fc_mark m = fc_enter(cx, NULL);
    fc_tensor in = fc_upload(cx, FC_F32, both, SIDES, SIZE, SIZE, 4);
    for (size_t i = 0; i < json_array_size(controls); i++) {
        json_t *c = json_array_get(controls, i);
        if (!json_is_true(json_array_get(json_array_get(json_array_get(active, i), 0), step))) continue;
        const fc_controlnet *net =
            f->control[strcmp(json_string_value(json_object_get(c, "net")), "cpds") == 0];
        char name[40];
        snprintf(name, sizeof name, "image.%.20s", json_string_value(json_object_get(c, "image")));
        fc_test_array grey = fc_test_array_load(golden, name);
        static uint8_t rgb[PIXELS * PIXELS * FC_CONTROL_RGB];
        for (size_t k = 0; k < sizeof rgb; k++) rgb[k] = (uint8_t)grey.data[k / FC_CONTROL_RGB];
        fc_test_array_free(&grey);
        set_cond(f, fc_controlnet_encoder(net), t, &own);
        const fc_control_run run = {fc_controlnet_hint(cx, net, rgb, SIZE, SIZE), &own,
                                    (float)json_number_value(json_object_get(c, "weight")), 0.25f};
        fc_controlnet_run(cx, net, &run, in, timesteps, residual);
    }
    set_cond(f, f->unet, t, &cond);
    const fc_unet_extra extra = {.residual = residual, .picture = picture, .pictures = picture != NULL};
    fc_download(cx, fc_unet_forward(cx, f->unet, in, timesteps, &cond, &extra), out);
    fc_leave(cx, m);
    fc_rig_check(&f->rig);
    float *planes = fc_test_nchw(out, SIDES, 4, SIZE, SIZE);
    fc_guidance_apply(&f->guidance, x, sigma, t, planes + COUNT, planes, denoised);
    fc_free(planes);
}

/* Steps of a case whose latents the file has. */
static void check_case(struct fixture *f, const fc_safetensors *golden, json_t *root, const char *name,
                       const fc_unet_picture *picture, double stop)
{
    char key[60];
    json_t *c = json_object_get(json_object_get(root, "cases"), name),
           *progress = json_object_get(c, "progress");
    json_t *sigmas = json_array_get(json_object_get(c, "sigmas"), 0);
    snprintf(key, sizeof key, "%s.x", name);
    fc_test_array x = fc_test_array_load(golden, key);
    snprintf(key, sizeof key, "%s.denoised", name);
    fc_test_array want = fc_test_array_load(golden, key);
    for (size_t i = 0; i < x.count / COUNT; i++) {
        float got[COUNT];
        bool seen = picture && json_number_value(json_array_get(progress, i)) < stop;
        predict(f, golden, json_object_get(c, "control"), json_object_get(c, "active"), i,
                seen ? picture : NULL, x.data + i * COUNT,
                (float)json_number_value(json_array_get(sigmas, i)), got);
        snprintf(key, sizeof key, "%s, step %d", name, (int)i);
        assert_rel_error(key, got, want.data + i * COUNT, COUNT, 1e-5); /* measured: at most 3.4e-6 */
    }
    fc_test_array_free(&x);
    fc_test_array_free(&want);
}

static void open_whole(fc_safetensors *golden, const char *name, const char *tensor)
{
    fc_test_golden_open_full(golden, name);
    if (fc_test_has(golden, tensor)) return;
    fc_safetensors_close(golden); /* not in tests/golden */
    skip();
}

static void test_control(void **state)
{
    (void)state;
    static struct fixture f;
    fc_safetensors golden;
    open_whole(&golden, "v25_control.safetensors", "canny.x");
    json_t *root = fc_test_golden_json("v25_control.json");
    fixture_open(&f);
    check_case(&f, &golden, root, "canny", NULL, 0);
    check_case(&f, &golden, root, "both", NULL, 0);
    fixture_close(&f);
    json_decref(root);
    fc_safetensors_close(&golden);
}

static void test_picture(void **state)
{
    (void)state;
    static struct fixture f;
    static float tokens[SIDES][PICTURE_TOKENS * WIDTH];
    fc_safetensors golden;
    fc_tensor kv[FC_UNET_MAX_CROSS];
    open_whole(&golden, "v25_ip.safetensors", "one.plain.x");
    json_t *root = fc_test_golden_json("v25_ip.json");
    fixture_open(&f);
    fc_test_array a = fc_test_array_load(&golden, "negative"), b = fc_test_array_load(&golden, "tokens.a");
    memcpy(tokens[0], a.data, sizeof tokens[0]);
    memcpy(tokens[1], b.data, sizeof tokens[1]);
    fc_test_array_free(&a);
    fc_test_array_free(&b);
    fc_ip_adapter_keys(&f.rig.cx, f.adapter,
                       fc_upload(&f.rig.cx, FC_F32, tokens[0], SIDES, 1, PICTURE_TOKENS, WIDTH), kv);
    check_case(&f, &golden, root, "one.plain", &(fc_unet_picture){kv, 0.6f}, 0.5);
    fixture_close(&f);
    json_decref(root);
    fc_safetensors_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_control), cmocka_unit_test(test_picture)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

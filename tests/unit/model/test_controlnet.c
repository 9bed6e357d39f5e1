/* Control networks: golden data of the reference's two Control-LoRAs on every backend, merged weights,
 * several at once, shared packed weights, whole ControlNets, other files, failing allocations. */
#include "model/controlnet.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/detect.h"
#include "support/networks.h"

enum { N = 2, SIZE = 16, TOKENS = 77, WIDTH = 128, LABEL = 1600, BLOCKS = 10, CHANNELS = 4 };
/* Measured: f32 2.3e-6, bf16 2.4e-2 */
static const double F32 = 6e-6, BF16 = 6e-2;

struct fixture {
    fc_weights *base, *weights[2];
    fc_unet *unet;
    fc_controlnet *net[2]; /* canny, cpds */
    fc_safetensors golden;
    uint8_t rgb[FC_CONTROL_SCALE * SIZE * FC_CONTROL_SCALE * SIZE * FC_CONTROL_RGB];
};

static const char *const kinds[] = {"control_canny", "control_cpds"};

static void fixture_open(struct fixture *f)
{
    fc_err err = {0};
    fc_test_golden_open_full(&f->golden, "v25_control.safetensors");
    f->base = net_weights("tiny_base");
    assert_ok(fc_unet_open(&f->unet, f->base, &err), &err);
    for (int i = 0; i < 2; i++) {
        f->weights[i] = net_weights(kinds[i]);
        assert_ok(fc_controlnet_open(&f->net[i], f->weights[i], f->base, f->unet, &err), &err);
    }
    fc_test_array grey = fc_test_array_load(&f->golden, "net.hint_u8");
    assert_int_equal(3 * grey.count, sizeof f->rgb);
    for (size_t i = 0; i < sizeof f->rgb; i++) f->rgb[i] = (uint8_t)grey.data[i / FC_CONTROL_RGB];
    fc_test_array_free(&grey);
}

static void fixture_close(struct fixture *f)
{
    for (int i = 0; i < 2; i++) {
        fc_controlnet_close(f->net[i]);
        fc_weights_close(f->weights[i]);
    }
    fc_unet_close(f->unet);
    fc_weights_close(f->base);
    fc_safetensors_close(&f->golden);
}

/* ---- runs ---- */

static void set_cond(fc_rig *rig, const struct fixture *f, const fc_unet *u, fc_unet_cond *cond)
{
    fc_test_array y = fc_test_array_load(&f->golden, "net.y");
    fc_unet_set_context(&rig->cx, u, net_upload_golden(rig, &f->golden, "net.context", N, 1, TOKENS, WIDTH),
                        cond);
    fc_unet_set_label(&rig->cx, u, y.data, N, cond);
    fc_test_array_free(&y);
}

/* Adds what a control network gives for the golden input. */
static void run_control(fc_rig *rig, const struct fixture *f, const fc_controlnet *c, float weight,
                        float softness, fc_tensor *residual)
{
    fc_unet_cond cond;
    fc_test_array t = fc_test_array_load(&f->golden, "net.t");
    set_cond(rig, f, fc_controlnet_encoder(c), &cond);
    const fc_control_run run = {fc_controlnet_hint(&rig->cx, c, f->rgb, SIZE, SIZE), &cond, weight, softness};
    fc_controlnet_run(&rig->cx, c, &run, net_upload_golden(rig, &f->golden, "net.x", N, SIZE, SIZE, CHANNELS),
                      t.data, residual);
    fc_rig_check(rig);
    fc_test_array_free(&t);
}

/* Every residual against the sum of the golden ones, each times its factor. */
static void check_residuals(fc_rig *rig, const struct fixture *f, const fc_tensor *residual, int first,
                            int last, float weight, float softness)
{
    for (int i = 0; i < BLOCKS; i++) {
        char name[40], what[420];
        float factor = weight * (1.0f - softness * (1.0f - (float)i / 9.0f)), *want = NULL;
        fc_tensor t = residual[i];
        size_t count = (size_t)t.n * (size_t)(t.h * t.w) * (size_t)t.c;
        if (factor == 0) {
            assert_null(t.data);
            continue;
        }
        want = fc_calloc(count, sizeof *want);
        bool known = true;
        for (int k = first; k <= last && known; k++) {
            snprintf(name, sizeof name, "net.%s.out%d", kinds[k] + strlen("control_"), i);
            known = fc_test_has(&f->golden, name);
            if (!known) break; /* tests/golden has some of them */
            fc_test_array a;
            float *one = net_golden(&f->golden, name, &a);
            assert_int_equal(a.count, count);
            for (size_t j = 0; j < count; j++) want[j] += factor * one[j];
            fc_free(one);
        }
        float *got = fc_calloc(count, sizeof *got);
        fc_download(&rig->cx, t, got);
        snprintf(what, sizeof what, "%s %s softness %.2f", rig->label, name, (double)softness);
        if (known) assert_rel_error(what, got, want, count, net_limit(rig, F32, BF16));
        fc_free(got);
        fc_free(want);
    }
}

static void check_outputs(fc_rig *rig, void *user)
{
    const struct fixture *f = user;
    bool fast = strcmp(rig->backend->name, "cpu") == 0;
    for (int k = 0; k < (fast ? 2 : 1); k++) {
        fc_tensor residual[FC_UNET_MAX_BLOCKS] = {0};
        fc_mark m = fc_enter(&rig->cx, NULL);
        run_control(rig, f, f->net[k], 1, 0, residual);
        check_residuals(rig, f, residual, k, k, 1, 0);
        fc_leave(&rig->cx, m);
    }
    if (!fc_test_has(&f->golden, "net.canny.hint")) return;
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_tensor hint = fc_controlnet_hint(&rig->cx, f->net[0], f->rgb, SIZE, SIZE);
    float *got = net_floats((size_t)(hint.n * hint.h * hint.w) * (size_t)hint.c);
    fc_download(&rig->cx, hint, got);
    fc_leave(&rig->cx, m);
    net_check_golden(rig, &f->golden, "net.canny.hint", got, net_limit(rig, F32, BF16));
    fc_free(got);
}

static void test_outputs(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    fc_rig_each(check_outputs, &f);
    fixture_close(&f);
}

/* Softness weakens the first blocks most, to nothing at 1; several networks add up. */
static void test_strength(void **state)
{
    (void)state;
    static const float softness[] = {0.25f, 1.0f};
    struct fixture f;
    fc_rig rig;
    fixture_open(&f);
    assert_true(fc_rig_open(&rig, "cpu", FC_F32, 0));
    for (int i = 0; i < 2; i++) {
        fc_tensor residual[FC_UNET_MAX_BLOCKS] = {0};
        fc_mark m = fc_enter(&rig.cx, NULL);
        run_control(&rig, &f, f.net[0], 0.7f, softness[i], residual);
        check_residuals(&rig, &f, residual, 0, 0, 0.7f, softness[i]);
        run_control(&rig, &f, f.net[1], 0.7f, softness[i], residual);
        check_residuals(&rig, &f, residual, 0, 1, 0.7f, softness[i]);
        fc_leave(&rig.cx, m);
    }
    fc_rig_close(&rig);
    fixture_close(&f);
}

/* ---- weights ---- */

static void check_merged(const struct fixture *f, int k, const char *layer)
{
    char name[120];
    fc_weights *w;
    fc_err err = {0};
    snprintf(name, sizeof name, "net.%s.merged.%s", kinds[k] + strlen("control_"), layer);
    if (!fc_test_has(&f->golden, name)) return;
    fc_test_array want = fc_test_array_load(&f->golden, name);
    float *got = fc_calloc(want.count, sizeof *got);
    assert_ok(fc_weights_overlay(&w, f->base, f->weights[k], "", FC_UNET_PREFIX, &err), &err);
    snprintf(name, sizeof name, FC_UNET_PREFIX "%s.weight", layer);
    const fc_weight *weight = fc_weights_find(w, name);
    assert_non_null(weight);
    assert_int_equal(fc_weight_read(weight, 0, (int32_t)fc_weight_rows(weight), got), FC_OK);
    assert_abs_error(name, got, want.data, want.count, 8e-8); /* measured: 3.0e-8 */
    fc_weights_close(w);
    fc_free(got);
    fc_test_array_free(&want);
}

static fc_status add_one(void *user, const fc_weight *w, int32_t first, int32_t count, float *rows)
{
    (void)user, (void)first;
    for (int64_t i = 0; i < count * fc_weight_cols(w); i++) rows[i] += 1;
    return FC_OK;
}

/* What is merged into the model is seen by the control network, too; what the file does not mention is the
 * model's very own. */
static void test_weights(void **state)
{
    (void)state;
    static const char changed[] = FC_UNET_PREFIX "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight";
    static const char untouched[] = FC_UNET_PREFIX "time_embed.0.bias";
    struct fixture f;
    fc_weights *w;
    fc_err err = {0};
    float before[WIDTH], after[WIDTH];
    fixture_open(&f);
    for (int k = 0; k < 2; k++) {
        check_merged(&f, k, "input_blocks.4.1.transformer_blocks.0.attn2.to_k");
        check_merged(&f, k, "input_blocks.1.0.in_layers.2");
    }
    assert_ok(fc_weights_overlay(&w, f.base, f.weights[0], "", FC_UNET_PREFIX, &err), &err);
    assert_ptr_equal(fc_weights_find(w, untouched), fc_weights_find(f.base, untouched));
    const fc_weight *merged = fc_weights_find(w, changed);
    uint64_t version = fc_weight_version(merged);
    assert_int_equal(fc_weight_read(merged, 3, 1, before), FC_OK);
    fc_weight_patch patch = {.owner = &patch, .apply = add_one, .key = 7};
    fc_weight_patch_add(fc_weights_find(f.base, changed), &patch);
    assert_true(fc_weight_version(merged) != version);
    assert_int_equal(fc_weight_read(merged, 3, 1, after), FC_OK);
    for (int i = 0; i < WIDTH; i++)
        assert_true(after[i] - before[i] > 0.999f && after[i] - before[i] < 1.001f);
    fc_weights_take_off(f.base, &patch);
    assert_true(fc_weight_version(merged) == version);
    fc_weights_close(w);
    fixture_close(&f);
}

/* Norms and biases that the file leaves alone are packed once for both networks. */
static void test_sharing(void **state)
{
    (void)state;
    struct fixture f;
    fc_rig rig;
    fc_unet_cond cond;
    fc_tensor residual[FC_UNET_MAX_BLOCKS] = {0};
    uint64_t packs[2];
    fixture_open(&f);
    for (int after_unet = 0; after_unet < 2; after_unet++) {
        assert_true(fc_rig_open(&rig, "cpu", FC_F32, 0));
        fc_test_array t = fc_test_array_load(&f.golden, "net.t");
        set_cond(&rig, &f, f.unet, &cond);
        if (after_unet)
            (void)fc_unet_forward(&rig.cx, f.unet,
                                  net_upload_golden(&rig, &f.golden, "net.x", N, SIZE, SIZE, CHANNELS),
                                  t.data, &cond, NULL);
        uint64_t start = rig.packs.packs;
        memset(residual, 0, sizeof residual);
        run_control(&rig, &f, f.net[0], 1, 0, residual);
        packs[after_unet] = rig.packs.packs - start;
        fc_test_array_free(&t);
        fc_rig_close(&rig);
    }
    print_message("  packed alone: %d, behind the UNet: %d\n", (int)packs[0], (int)packs[1]);
    assert_true(packs[1] + 100 < packs[0]); /* two in three of the norms and biases */
    fixture_close(&f);
}

/* ---- in the UNet ---- */

static void forward(fc_rig *rig, const struct fixture *f, const fc_tensor *residual, float *out)
{
    fc_unet_cond cond;
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_test_array t = fc_test_array_load(&f->golden, "net.t");
    set_cond(rig, f, f->unet, &cond);
    fc_tensor x = net_upload_golden(rig, &f->golden, "net.x", N, SIZE, SIZE, CHANNELS);
    fc_download(&rig->cx,
                fc_unet_forward(&rig->cx, f->unet, x, t.data, &cond, &(fc_unet_extra){.residual = residual}),
                out);
    fc_rig_check(rig);
    fc_test_array_free(&t);
    fc_leave(&rig->cx, m);
}

/* Every residual changes the result, and the encoder goes on without: adding to the first block's result
 * there (fc_unet_extra.first) is something else. */
static void test_unet(void **state)
{
    (void)state;
    enum { COUNT = N * SIZE * SIZE * CHANNELS };
    static float plain[COUNT], all[COUNT], one[COUNT];
    struct fixture f;
    fc_rig rig;
    fc_tensor residual[FC_UNET_MAX_BLOCKS] = {0}, single[FC_UNET_MAX_BLOCKS];
    fixture_open(&f);
    assert_true(fc_rig_open(&rig, "cpu", FC_F32, 0));
    forward(&rig, &f, residual, plain);
    run_control(&rig, &f, f.net[0], 1, 0, residual);
    forward(&rig, &f, residual, all);
    assert_true(fc_test_rel_error(all, plain, COUNT) > 0.1);
    for (int i = 0; i < BLOCKS; i++) {
        memset(single, 0, sizeof single);
        single[i] = residual[i];
        forward(&rig, &f, single, one);
        assert_true(fc_test_rel_error(one, plain, COUNT) > 1e-3);
        assert_true(fc_test_rel_error(one, all, COUNT) > 1e-3);
    }
    fc_rig_close(&rig);
    fixture_close(&f);
}

/* ---- whole ControlNets: files that hold the model's own input and middle blocks give what a Control-LoRA
 * without factors gives ---- */

enum form { LORA, SGM, BARE, DIFFUSERS, FORMS };

static void replace_part(char *name, size_t size, const char *from, const char *to)
{
    char copy[200], *at = strstr(name, from);
    if (!at) return;
    snprintf(copy, sizeof copy, "%.*s%s%s", (int)(at - name), name, to, at + strlen(from));
    snprintf(name, size, "%s", copy);
}

/* What a tensor of an input or middle block is called by diffusers. */
static void diffusers_name(const char *sgm, char *out, size_t size)
{
    static const char *const pairs[][2] = {{"input_blocks.0.0.", "conv_in."},
                                           {"time_embed.0.", "time_embedding.linear_1."},
                                           {"time_embed.2.", "time_embedding.linear_2."},
                                           {"label_emb.0.0.", "add_embedding.linear_1."},
                                           {"label_emb.0.2.", "add_embedding.linear_2."},
                                           {"middle_block.0.", "mid_block.resnets.0."},
                                           {"middle_block.1.", "mid_block.attentions.0."},
                                           {"middle_block.2.", "mid_block.resnets.1."},
                                           {"middle_block_out.0.", "controlnet_mid_block."},
                                           {"input_hint_block.0.", "controlnet_cond_embedding.conv_in."},
                                           {"input_hint_block.14.", "controlnet_cond_embedding.conv_out."}};
    static const char *const inside[][2] = {
        {"in_layers.0.", "norm1."},  {"in_layers.2.", "conv1."},  {"emb_layers.1.", "time_emb_proj."},
        {"out_layers.0.", "norm2."}, {"out_layers.3.", "conv2."}, {"skip_connection.", "conv_shortcut."}};
    int block, layer;
    snprintf(out, size, "%s", sgm);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (strncmp(out, pairs[i][0], strlen(pairs[i][0])) == 0)
            replace_part(out, size, pairs[i][0], pairs[i][1]);
    for (block = 1; block < 9; block++)
        for (layer = 0; layer < 2; layer++) {
            char from[40], to[40];
            bool down = block % 3 == 0;
            snprintf(from, sizeof from, "input_blocks.%d.%d.", block, layer);
            snprintf(to, sizeof to, "down_blocks.%d.%s.%d.", (block - 1) / 3,
                     down    ? "downsamplers"
                     : layer ? "attentions"
                             : "resnets",
                     down ? 0 : (block - 1) % 3);
            if (strncmp(out, from, strlen(from)) == 0) replace_part(out, size, from, to);
        }
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        replace_part(out, size, inside[i][0], inside[i][1]);
    replace_part(out, size, "downsamplers.0.op.", "downsamplers.0.conv.");
    for (int i = 0; i < 9; i++) {
        char from[40], to[60];
        snprintf(from, sizeof from, "zero_convs.%d.0.", i);
        snprintf(to, sizeof to, "controlnet_down_blocks.%d.", i);
        if (strncmp(out, from, strlen(from)) == 0) replace_part(out, size, from, to);
        snprintf(from, sizeof from, "input_hint_block.%d.", 2 * i + 2);
        snprintf(to, sizeof to, "controlnet_cond_embedding.blocks.%d.", i);
        if (i < 6 && strncmp(out, from, strlen(from)) == 0) replace_part(out, size, from, to);
    }
}

/* A tensor whose values are those of `seed`. */
static void add_copy(fc_synth *s, const fc_synth_tensor *t, const char *sgm, enum form form, const char *seed)
{
    char name[200];
    if (form == DIFFUSERS)
        diffusers_name(sgm, name, sizeof name);
    else
        snprintf(name, sizeof name, "%s%s", form == SGM ? "control_model." : "", sgm);
    fc_synth_add(s, name, t->ndim, t->shape, t->offset, t->scale);
    s->tensors[s->count - 1].seed = fc_arena_strdup(&s->arena, seed);
}

static const char *write_control(enum form form)
{
    fc_synth s, control, base;
    fc_err err = {0};
    int64_t none = 0;
    const char *path = fc_test_tmp_path("whole.safetensors");
    assert_ok(fc_synth_build(&control, "control_canny", &err), &err);
    assert_ok(fc_synth_build(&base, "tiny_base", &err), &err);
    fc_synth_init(&s);
    if (form == LORA) fc_synth_add(&s, "lora_controlnet", 1, &none, 0, 0);
    for (size_t i = 0; i < control.count; i++) {
        const fc_synth_tensor *t = &control.tensors[i];
        bool own = strstr(t->name, "hint") || strstr(t->name, "zero_convs") || strstr(t->name, "block_out");
        if (own) add_copy(&s, t, t->name, form, t->seed);
    }
    for (size_t i = 0; i < base.count && form != LORA; i++) {
        const fc_synth_tensor *t = &base.tensors[i];
        size_t n = strlen(FC_UNET_PREFIX);
        bool unet = strncmp(t->name, FC_UNET_PREFIX, n) == 0;
        bool decoder = strstr(t->name, "output_blocks") || strncmp(t->name + n, "out.", 4) == 0;
        if (unet && !decoder) add_copy(&s, t, t->name + n, form, t->name);
    }
    assert_ok(fc_synth_write(path, &s, FC_F16, &err), &err);
    fc_synth_fini(&s);
    fc_synth_fini(&control);
    fc_synth_fini(&base);
    return path;
}

static void run_form(fc_rig *rig, const struct fixture *f, enum form form, float *last, size_t count)
{
    fc_weights *w;
    fc_controlnet *c;
    fc_model_info info;
    fc_err err = {0};
    fc_tensor residual[FC_UNET_MAX_BLOCKS] = {0};
    assert_ok(fc_weights_open(&w, write_control(form), &err), &err);
    fc_model_describe(w, &info);
    assert_int_equal(info.kind, form == LORA ? FC_MODEL_CONTROL_LORA : FC_MODEL_CONTROLNET);
    assert_ok(fc_controlnet_open(&c, w, f->base, f->unet, &err), &err);
    fc_mark m = fc_enter(&rig->cx, NULL);
    run_control(rig, f, c, 1, 0, residual);
    assert_int_equal(count, residual[BLOCKS - 1].n * residual[BLOCKS - 1].h * residual[BLOCKS - 1].w * 256);
    fc_download(&rig->cx, residual[BLOCKS - 1], last);
    fc_leave(&rig->cx, m);
    fc_controlnet_close(c);
    fc_weights_close(w);
}

static void test_whole_files(void **state)
{
    (void)state;
    enum { LAST = N * 4 * 4 * 256 };
    static float want[LAST], got[LAST];
    struct fixture f;
    fc_rig rig;
    fixture_open(&f);
    assert_true(fc_rig_open(&rig, "cpu", FC_F32, 0));
    run_form(&rig, &f, LORA, want, LAST);
    for (enum form form = SGM; form < FORMS; form++) {
        run_form(&rig, &f, form, got, LAST);
        assert_memory_equal(got, want, sizeof want);
    }
    fc_rig_close(&rig);
    fixture_close(&f);
}

/* ---- other files ---- */

static void refuse(const struct fixture *f, const fc_synth *s, fc_status wanted, const char *part)
{
    fc_controlnet *c;
    fc_err err = {0};
    fc_weights *w = net_weights_of("other.safetensors", s);
    assert_fails(fc_controlnet_open(&c, w, f->base, f->unet, &err), wanted, &err, part);
    fc_weights_close(w);
}

static void test_other_files(void **state)
{
    (void)state;
    struct fixture f;
    fc_synth s;
    fc_err err = {0};
    fixture_open(&f);
    assert_ok(fc_synth_build(&s, "taesd_decoder", &err), &err);
    refuse(&f, &s, FC_UNSUPPORTED, "no control network");
    fc_synth_fini(&s);

    assert_ok(fc_synth_build(&s, "control_canny", &err), &err);
    int64_t one = 1;
    fc_synth_add(&s, "control_add_embedding.linear_1.weight", 1, &one, 0, 1);
    refuse(&f, &s, FC_UNSUPPORTED, "union");
    s.count--;
    fc_synth_tensor *down = net_tensor(&s, "input_blocks.4.1.proj_in.down");
    down->shape[1] = 64;
    refuse(&f, &s, FC_UNSUPPORTED, "input_blocks.4.1.proj_in.weight");
    down->shape[1] = 128;
    down->name = "elsewhere";
    refuse(&f, &s, FC_FORMAT, "input_blocks.4.1.proj_in.down");
    down->name = "input_blocks.4.1.proj_in.down";
    net_tensor(&s, "zero_convs.3.0.bias")->name = "elsewhere";
    refuse(&f, &s, FC_FORMAT, "zero_convs.3.0.bias");
    s.count = 0; /* for another number of blocks */
    fc_synth_add(&s, "zero_convs.0.0.weight", 1, &one, 0, 1);
    refuse(&f, &s, FC_FORMAT, "first or last layers are missing");
    fc_synth_fini(&s);
    fixture_close(&f);
}

static fc_status open_and_look(fc_rig *rig, fc_weights *w, void *user)
{
    const struct fixture *f = user;
    fc_controlnet *c;
    uint8_t rgb[FC_CONTROL_SCALE * FC_CONTROL_SCALE * FC_CONTROL_RGB] = {0};
    fc_status status = fc_controlnet_open(&c, w, f->base, f->unet, NULL);
    if (status != FC_OK) return status;
    (void)fc_controlnet_hint(&rig->cx, c, rgb, 1, 1);
    fc_controlnet_close(c);
    return fc_cx_status(&rig->cx, NULL);
}

static void test_torture(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    const net_run t = {.backend = "cpu",
                       .act = FC_BF16,
                       .path = fc_weights_path(f.weights[1]),
                       .run = open_and_look,
                       .user = &f};
    assert_true(net_torture(&t) > 30);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),     cmocka_unit_test(test_strength),
        cmocka_unit_test(test_weights),     cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_unet),        cmocka_unit_test(test_whole_files),
        cmocka_unit_test(test_other_files), cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

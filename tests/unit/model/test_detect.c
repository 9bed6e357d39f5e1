/* Recognition of model files: every telling tensor, what is accepted for which use, refusals, the report. */
#include "model/detect.h"

#include <stdio.h>
#include <string.h>

#include "support/nano.h"
#include "support/support.h"

static fc_weights *open_synth(fc_synth *s)
{
    fc_err err = {0};
    fc_weights *w;
    const char *path = fc_test_tmp_path("file.safetensors");
    assert_ok(fc_synth_write(path, s, FC_F16, &err), &err);
    fc_synth_fini(s);
    assert_ok(fc_weights_open(&w, path, &err), &err);
    return w;
}

/* A file of one tensor [rows][cols] (and more when `more` is set). */
static fc_weights *open_one(const char *name, int64_t rows, int64_t cols)
{
    fc_synth s;
    fc_synth_init(&s);
    fc_synth_add(&s, name, 2, (int64_t[]){rows, cols}, 0, 1);
    return open_synth(&s);
}

/* ---- every kind by its tensors ---- */

static void test_markers(void **state)
{
    (void)state;
    static const struct {
        const char *tensor;
        int64_t cols;
        fc_model_kind kind;
        const char *word; /* in the refusal */
    } cases[] = {
        {"lora_unet_input_blocks_4_1_proj_in.lora_down.weight", 4, FC_MODEL_LORA, "LoRA"},
        {"unet.down_blocks.1.attentions.0.proj_in.lora_A.weight", 4, FC_MODEL_LORA, "LoRA"},
        {"unet.up.processor.to_q_lora.down.weight", 4, FC_MODEL_LORA, "LoRA"},
        {"lycoris_x.hada_w1_a", 4, FC_MODEL_LORA, "LoRA"},
        {"lycoris_x.lokr_w1", 4, FC_MODEL_LORA, "LoRA"},
        {"lora_unet_x.diff", 4, FC_MODEL_LORA, "LoRA"},
        {"lora_controlnet", 1, FC_MODEL_CONTROL_LORA, "Control-LoRA"},
        {"control_model.zero_convs.0.0.weight", 4, FC_MODEL_CONTROLNET, "ControlNet"},
        {"controlnet_cond_embedding.conv_in.weight", 4, FC_MODEL_CONTROLNET, "ControlNet"},
        {"ip_adapter.1.to_k_ip.weight", 4, FC_MODEL_IP_ADAPTER, "IP-Adapter"},
        {"model.diffusion_model.x.weight.quant_state.bitsandbytes__nf4", 4, FC_MODEL_QUANTISED, "quantised"},
        {"scaled_fp8", 4, FC_MODEL_QUANTISED, "quantised"},
        {"model.diffusion_model.double_blocks.0.img_attn.qkv.weight", 4, FC_MODEL_FLUX, "Flux"},
        {"double_blocks.0.img_attn.qkv.weight", 4, FC_MODEL_FLUX, "Flux"},
        {"model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", 4, FC_MODEL_SD3,
         "Stable Diffusion 3"},
        {"model.diffusion_model.clip_txt_mapper.weight", 4, FC_MODEL_CASCADE, "Cascade"},
        {"t_block.1.weight", 4, FC_MODEL_PIXART, "PixArt"},
        {"model.diffusion_model.input_blocks.0.0.weight", 9, FC_MODEL_SDXL_INPAINT, "inpainting"},
        {"model.diffusion_model.label_emb.0.0.weight", 2816, FC_MODEL_SDXL_UNET, "without text encoders"},
        {"label_emb.0.0.weight", 2816, FC_MODEL_SDXL_UNET, "without text encoders"},
        {"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 768, FC_MODEL_SD1,
         "1.x"},
        {"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1024, FC_MODEL_SD2,
         "2.x"},
        {"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 5, FC_MODEL_UNKNOWN,
         "unknown kind"},
        {"cond_stage_model.transformer.text_model.final_layer_norm.weight", 4, FC_MODEL_SD1, "1.x"},
        {"cond_stage_model.model.ln_final.weight", 4, FC_MODEL_SD2, "2.x"},
        {"add_embedding.linear_1.weight", 2816, FC_MODEL_SDXL_UNET, "without text encoders"},
        {"down_blocks.0.resnets.0.conv1.weight", 4, FC_MODEL_OTHER_DIFFUSERS, "many files"},
        {"decoder.conv_in.weight", 16, FC_MODEL_VAE_16, "VAE of a Flux"},
        {"first_stage_model.decoder.conv_in.weight", 16, FC_MODEL_VAE_16, "VAE of a Flux"},
        {"decoder.conv_in.weight", 4, FC_MODEL_VAE, "a VAE alone"},
        {"first_stage_model.decoder.conv_in.weight", 4, FC_MODEL_VAE, "a VAE alone"},
        {"3.conv.0.weight", 4, FC_MODEL_TAESD, "preview decoder"},
        {"0.weight", 3, FC_MODEL_TAESD_OTHER, "taesdxl_decoder"},
        {"decoder.layers.0.weight", 4, FC_MODEL_TAESD_OTHER, "taesdxl_decoder"},
        {"text_model.embeddings.token_embedding.weight", 4, FC_MODEL_TEXT_ENCODER, "encoder alone"},
        {"conditioner.embedders.1.model.token_embedding.weight", 4, FC_MODEL_TEXT_ENCODER, "encoder alone"},
        {"encoder.block.0.layer.0.SelfAttention.q.weight", 4, FC_MODEL_TEXT_ENCODER, "encoder alone"},
        {"clip_g", 1280, FC_MODEL_EMBEDDING, "textual inversion"},
        {"emb_params", 768, FC_MODEL_EMBEDDING, "textual inversion"},
        {"model.1.sub.0.RDB1.conv1.0.weight", 4, FC_MODEL_UPSCALER, "upscaler"},
        {"something.weight", 4, FC_MODEL_UNKNOWN, "unknown kind"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fc_model_info info;
        fc_err err = {0};
        fc_weights *w = open_one(cases[i].tensor, 2, cases[i].cols);
        fc_model_use wrong = cases[i].kind == FC_MODEL_SDXL_UNET ? FC_USE_VAE : FC_USE_BASE;
        assert_fails(fc_model_require(w, wrong, &info, &err), FC_UNSUPPORTED, &err, cases[i].word);
        if (info.kind != cases[i].kind)
            fail_msg("%s: taken for %s", cases[i].tensor, fc_model_kind_name(info.kind));
        assert_non_null(strstr(err.message, "this is "));
        assert_non_null(strstr(err.message, "; ")); /* what to do */
        fc_weights_close(w);
    }
}

/* Every kind has a name and something to do about it. */
static void test_names(void **state)
{
    (void)state;
    for (int k = 0; k < FC_MODEL_KIND_COUNT; k++) assert_non_null(fc_model_kind_name((fc_model_kind)k));
}

/* ---- whole files ---- */

static void add_base(fc_synth *s)
{
    fc_synth_init(s);
    fc_nano_unet(s, FC_NANO_MIDDLE_FULL);
    fc_nano_clip_l(s);
    fc_nano_clip_g(s);
    fc_nano_vae(s);
}

static void test_base(void **state)
{
    (void)state;
    fc_synth s;
    fc_model_info info;
    fc_err err = {0};
    add_base(&s);
    fc_weights *w = open_synth(&s);
    assert_ok(fc_model_require(w, FC_USE_BASE, &info, &err), &err);
    assert_string_equal(info.line, "SDXL base: UNet 1.0 M, CLIP-L 62 k, CLIP-G 64 k, VAE 566 k; F16; eps");
    assert_ok(fc_model_require(w, FC_USE_VAE, &info, &err), &err);
    assert_fails(fc_model_require(w, FC_USE_REFINER, &info, &err), FC_UNSUPPORTED, &err,
                 "is an SDXL base model, but an SDXL refiner is needed");
    assert_fails(fc_model_require(w, FC_USE_PREVIEW, &info, &err), FC_UNSUPPORTED, &err,
                 "preview decoder is needed");
    fc_weights_close(w);
}

static void test_prediction(void **state)
{
    (void)state;
    static const struct {
        const char *marker;
        fc_prediction_kind prediction;
        const char *end;
    } cases[] = {{"v_pred", FC_PREDICTS_V, "; F16; v"}, {"edm_mean", FC_PREDICTS_EDM, "; F16; edm"}};
    for (int i = 0; i < 2; i++) {
        fc_synth s;
        fc_model_info info;
        fc_err err = {0};
        add_base(&s);
        fc_synth_add(&s, cases[i].marker, 1, (int64_t[]){1}, 0, 0);
        fc_weights *w = open_synth(&s);
        assert_ok(fc_model_require(w, FC_USE_BASE, &info, &err), &err);
        assert_int_equal(info.prediction.kind, cases[i].prediction);
        assert_non_null(strstr(info.line, cases[i].end));
        fc_weights_close(w);
    }
}

static void test_golden_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        fc_model_use use;
        const char *line;
    } cases[] = {
        {"tiny_refiner", FC_USE_REFINER, "SDXL refiner: UNet"},
        {"taesd_decoder", FC_USE_PREVIEW, "TAESD decoder: values 1.2 M; F16"},
    };
    for (int i = 0; i < 2; i++) {
        fc_model_info info;
        fc_err err = {0};
        fc_weights *w;
        assert_ok(fc_weights_open(&w, fc_test_synth(cases[i].kind), &err), &err);
        assert_ok(fc_model_require(w, cases[i].use, &info, &err), &err);
        assert_non_null(strstr(info.line, cases[i].line));
        assert_int_equal(fc_model_require(w, FC_USE_BASE, &info, &err), FC_UNSUPPORTED);
        fc_weights_close(w);
    }
}

/* ---- report ---- */

static const char *write_base(const char *extra, const char *without)
{
    fc_synth all, some;
    fc_err err = {0};
    const char *path = fc_test_tmp_path("report.safetensors");
    add_base(&all);
    fc_synth_init(&some);
    for (size_t i = 0; i < all.count; i++) {
        const fc_synth_tensor *t = &all.tensors[i];
        if (!without || strcmp(t->name, without) != 0)
            fc_synth_add(&some, t->name, t->ndim, t->shape, t->offset, t->scale);
    }
    if (extra) fc_synth_add(&some, extra, 1, (int64_t[]){3}, 0, 1);
    assert_ok(fc_synth_write(path, &some, FC_F16, &err), &err);
    fc_synth_fini(&all);
    fc_synth_fini(&some);
    return path;
}

static void expect_report(const char *path, const char *const *parts)
{
    fc_buf b;
    fc_err err = {0};
    fc_buf_init(&b, 1 << 16);
    assert_ok(fc_model_report(path, &b, &err), &err);
    for (int i = 0; parts[i]; i++)
        if (!strstr(fc_buf_cstr(&b), parts[i])) fail_msg("no \"%s\" in:\n%s", parts[i], fc_buf_cstr(&b));
    fc_buf_fini(&b);
}

static void test_report(void **state)
{
    (void)state;
    const char *const whole[] = {"SDXL base: ",
                                 "report.safetensors: an SDXL base model",
                                 "UNet       complete",
                                 "CLIP-L     complete",
                                 "CLIP-G     complete",
                                 "decoder    complete",
                                 "encoder    complete",
                                 "F16 ",
                                 " tensors",
                                 "unused     leftover.weight",
                                 NULL};
    const char *const damaged[] = {"UNet       complete", "decoder    cannot be used: ",
                                   "first_stage_model.decoder.conv_out.bias: missing", "encoder    complete",
                                   NULL};
    expect_report(write_base("leftover.weight", NULL), whole);
    expect_report(write_base("model_ema.decay", "first_stage_model.decoder.conv_out.bias"), damaged);
    fc_buf b;
    fc_err err = {0};
    fc_buf_init(&b, 1 << 16);
    assert_int_equal(fc_model_report("/nonexistent/x.safetensors", &b, &err), FC_NOT_FOUND);
    fc_buf_fini(&b);
}

static fc_status report_once(void *user)
{
    fc_buf b;
    fc_buf_init(&b, 1 << 16);
    fc_status s = fc_model_report(user, &b, NULL);
    fc_buf_fini(&b);
    return s;
}

static void test_torture(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s", write_base(NULL, NULL));
    assert_true(fc_test_torture(report_once, path) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markers),      cmocka_unit_test(test_names),  cmocka_unit_test(test_base),
        cmocka_unit_test(test_prediction),   cmocka_unit_test(test_report), cmocka_unit_test(test_torture),
        cmocka_unit_test(test_golden_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

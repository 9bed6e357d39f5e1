/* What a UNet predicts and takes, by every sign that files carry: tensors, metadata, the scheduler of a
 * folder, the channels of its first and last layer. */
#include "model/detect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "support/support.h"

/* ---- files of one small tensor ---- */

typedef struct sign {
    const char *tensor; /* of one number, beside the weights; NULL: none */
    float value;
    const char *key, *text; /* metadata; NULL: none */
} sign;

static void write_file(const char *path, const sign *s)
{
    static const float zero[4];
    fc_err err = {0};
    fc_st_source tensors[2] = {{"model.diffusion_model.out.0.bias", FC_F32, 1, {4}, zero},
                               {s->tensor, FC_F32, 0, {0}, &s->value}};
    const fc_st_meta meta = {s->key, s->text};
    const fc_st_write what = {
        .tensors = tensors, .count = s->tensor ? 2 : 1, .metadata = &meta, .metadata_count = s->key ? 1 : 0};
    assert_ok(fc_safetensors_write(path, &what, &err), &err);
}

static fc_status read_at(const char *path, fc_prediction *out, fc_err *err)
{
    fc_weights *w;
    assert_ok(fc_weights_open(&w, path, err), err);
    fc_status status = fc_prediction_read(w, out, err);
    fc_weights_close(w);
    return status;
}

static void expect(const sign *s, fc_prediction want)
{
    fc_prediction got;
    fc_err err = {0};
    const char *path = fc_test_tmp_path("sign.safetensors");
    write_file(path, s);
    assert_ok(read_at(path, &got, &err), &err);
    const char *what = s->tensor ? s->tensor : s->key ? s->text : "no sign";
    if (got.kind != want.kind || got.zero_snr != want.zero_snr)
        fail_msg("%s: %s, wanted %s", what, fc_prediction_name(&got), fc_prediction_name(&want));
    assert_true(got.sigma_max >= want.sigma_max && got.sigma_max <= want.sigma_max);
}

static void test_single_files(void **state)
{
    (void)state;
    static const char type[] = "modelspec.prediction_type";
    expect(&(sign){0}, (fc_prediction){FC_PREDICTS_EPS, false, 0, 0});
    expect(&(sign){"v_pred", 0, NULL, NULL}, (fc_prediction){FC_PREDICTS_V, false, 0, 0});
    expect(&(sign){"v_pred", 0, "ss_zero_terminal_snr", "True"}, (fc_prediction){FC_PREDICTS_V, true, 0, 0});
    expect(&(sign){"ztsnr", 0, type, "v"}, (fc_prediction){FC_PREDICTS_V, true, 0, 0});
    expect(&(sign){"ztsnr", 0, type, "epsilon"}, (fc_prediction){FC_PREDICTS_EPS, false, 0, 0});
    expect(&(sign){"edm_mean", 0, NULL, NULL}, (fc_prediction){FC_PREDICTS_EDM, false, 0, 0});
    expect(&(sign){"edm_vpred.sigma_max", 80, NULL, NULL},
           (fc_prediction){FC_PREDICTS_EDM_V, false, 0.002, 80});
    expect(&(sign){NULL, 0, type, "v"}, (fc_prediction){FC_PREDICTS_V, false, 0, 0});
    expect(&(sign){NULL, 0, type, "V_Prediction"}, (fc_prediction){FC_PREDICTS_V, false, 0, 0});
    expect(&(sign){NULL, 0, type, "epsilon"}, (fc_prediction){FC_PREDICTS_EPS, false, 0, 0});
    expect(&(sign){NULL, 0, "modelspec.predict_key", "v"}, (fc_prediction){FC_PREDICTS_V, false, 0, 0});
}

static void test_what_cannot_be_sampled(void **state)
{
    (void)state;
    fc_prediction got;
    fc_err err = {0};
    const char *path = fc_test_tmp_path("sign.safetensors");
    write_file(path, &(sign){NULL, 0, "modelspec.prediction_type", "rectified_flow"});
    assert_fails(read_at(path, &got, &err), FC_UNSUPPORTED, &err, "predicts 'rectified_flow'");
    static const float wrong[] = {0, -3, 0.001f, 1e9f, (float)NAN, (float)INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_file(path, &(sign){"edm_vpred.sigma_max", wrong[i], NULL, NULL});
        assert_fails(read_at(path, &got, &err), FC_FORMAT, &err, "makes no sense");
    }
}

/* ---- folders ---- */

static void write_text(const char *path, const char *text)
{
    fc_err err = {0};
    assert_ok(fc_file_write_atomic(path, text, strlen(text), &err), &err);
}

static fc_status read_folder(const char *scheduler, fc_prediction *out, fc_err *err)
{
    static int number;
    char folder[300], path[400];
    snprintf(folder, sizeof folder, "%s/%d", fc_test_tmpdir(), number++);
    static const char *const parts[] = {"", "/unet", "/scheduler"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", folder, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof path, "%s/model_index.json", folder);
    write_text(path, "{}");
    snprintf(path, sizeof path, "%s/unet/diffusion_pytorch_model.safetensors", folder);
    static const float zero[4];
    const fc_st_source tensor = {"conv_out.bias", FC_F32, 1, {4}, zero};
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = &tensor, .count = 1}, err), err);
    snprintf(path, sizeof path, "%s/scheduler/scheduler_config.json", folder);
    if (scheduler) write_text(path, scheduler);
    return read_at(folder, out, err);
}

static void test_folders(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        fc_prediction want;
    } cases[] = {
        {NULL, {FC_PREDICTS_EPS, false, 0, 0}},
        {"{\"_class_name\": \"EulerDiscreteScheduler\", \"prediction_type\": \"epsilon\"}",
         {FC_PREDICTS_EPS, false, 0, 0}},
        {"{\"_class_name\": \"EulerDiscreteScheduler\", \"prediction_type\": \"v_prediction\"}",
         {FC_PREDICTS_V, false, 0, 0}},
        {"\xef\xbb\xbf{\"prediction_type\": \"v_prediction\", \"rescale_betas_zero_snr\": true}",
         {FC_PREDICTS_V, true, 0, 0}},
        {"{\"_class_name\": \"EDMDPMSolverMultistepScheduler\", \"prediction_type\": \"epsilon\", "
         "\"sigma_max\": 80, \"sigma_min\": 0.002}",
         {FC_PREDICTS_EDM, false, 0, 0}},
        {"{\"_class_name\": \"EDMEulerScheduler\", \"prediction_type\": \"v_prediction\", \"sigma_max\": "
         "120, "
         "\"sigma_min\": 0.002}",
         {FC_PREDICTS_EDM_V, false, 0.002, 120}},
    };
    fc_err err = {0};
    fc_prediction got;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(read_folder(cases[i].text, &got, &err), &err);
        if (got.kind != cases[i].want.kind || got.zero_snr != cases[i].want.zero_snr)
            fail_msg("%s: %s", cases[i].text, fc_prediction_name(&got));
        assert_true(got.sigma_max >= cases[i].want.sigma_max && got.sigma_max <= cases[i].want.sigma_max);
    }
    assert_fails(read_folder("{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\"}", &got, &err),
                 FC_UNSUPPORTED, &err, "flow matching");
    assert_fails(read_folder("{\"prediction_type\": \"sample\"}", &got, &err), FC_UNSUPPORTED, &err,
                 "'sample'");
    assert_fails(read_folder("{\"prediction", &got, &err), FC_FORMAT, &err, "scheduler_config.json");
}

/* ---- channels and inputs ---- */

static fc_status check_tensor(const char *name, int64_t rows, int64_t cols, fc_err *err)
{
    static const float zeros[64 * 64];
    const char *path = fc_test_tmp_path("unet.safetensors");
    const fc_st_source tensor = {name, FC_F32, 4, {rows, cols, 1, 1}, zeros};
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = &tensor, .count = 1}, err), err);
    fc_weights *w;
    assert_ok(fc_weights_open(&w, path, err), err);
    fc_status status = fc_model_check_unet(w, err);
    fc_weights_close(w);
    return status;
}

static void test_channels(void **state)
{
    (void)state;
    fc_err err = {0};
    char want[60];
    for (int n = 1; n <= 20; n++)
        for (int out = 0; out < 2; out++) {
            const char *name =
                out ? "model.diffusion_model.out.2.weight" : "model.diffusion_model.input_blocks.0.0.weight";
            fc_status status = check_tensor(name, out ? n : 32, out ? 32 : n, &err);
            snprintf(want, sizeof want, "%d %s channels, 4 are wanted", n, out ? "output" : "input");
            if (n == 4 || (n == 9 && !out)) /* 9 in: an inpainting model */
                assert_ok(status, &err);
            else
                assert_fails(status, FC_UNSUPPORTED, &err, want);
        }
    assert_fails(check_tensor("model.diffusion_model.time_embed.cond_proj.weight", 32, 16, &err),
                 FC_UNSUPPORTED, &err, "guidance scale as an input");
}

static void expect_report(const char *name, const char *words)
{
    char path[200];
    fc_err err = {0};
    fc_buf text;
    fc_buf_init(&text, 1 << 16);
    snprintf(path, sizeof path, "tests/data/field/checkpoints/%s", name);
    assert_ok(fc_model_report(fc_test_source_path(path), &text, &err), &err);
    if (!strstr(fc_buf_cstr(&text), words)) fail_msg("%s", fc_buf_cstr(&text));
    fc_buf_fini(&text);
}

static void test_reports(void **state)
{
    (void)state;
    expect_report("modelspec_v.safetensors", "; v\n");
    expect_report("in8.safetensors", "8 input channels, 4 are wanted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_files), cmocka_unit_test(test_what_cannot_be_sampled),
        cmocka_unit_test(test_folders),      cmocka_unit_test(test_channels),
        cmocka_unit_test(test_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Differences of weights in 8 bits against the reference's merged weights, from both layouts of PyTorch files
 * and from a whole synthetic engine; damaged files. */
#include "nn/difference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/support.h"
#include "support/synth.h"
#include "support/torchfile.h"
#include "base/file.h"

#define PREFIX "model."

static fc_difference *open_difference(const char *path)
{
    fc_difference *d;
    fc_err err = {0};
    assert_ok(fc_difference_open(&d, path, &err), &err);
    return d;
}

static fc_weights *open_base(void)
{
    fc_weights *w;
    fc_err err = {0};
    assert_ok(fc_weights_open(&w, fc_test_synth("tiny_base"), &err), &err);
    return w;
}

static float *read_all(const fc_weight *w, size_t *count)
{
    *count = (size_t)(fc_weight_rows(w) * fc_weight_cols(w));
    float *values = fc_alloc(*count * sizeof *values);
    assert_int_equal(fc_weight_read(w, 0, (int32_t)fc_weight_rows(w), values), FC_OK);
    return values;
}

/* Golden tensors TAG.NAME.first64 are the first values of merged weights. */
static void check_first_values(fc_weights *w, const fc_safetensors *golden, const char *tag)
{
    int checked = 0;
    for (size_t i = 0; i < fc_weights_count(w); i++) {
        const fc_weight *t = fc_weights_at(w, i);
        char key[200];
        const char *begin = PREFIX "diffusion_model.";
        if (strncmp(t->name, begin, strlen(begin)) != 0) continue;
        snprintf(key, sizeof key, "%s.%.140s.first64", tag, t->name + strlen(begin));
        if (!fc_test_has(golden, key)) continue;
        size_t count;
        fc_test_array want = fc_test_array_load(golden, key);
        float *got = read_all(t, &count);
        assert_abs_error(key, got, want.data, want.count,
                         2e-7); /* measured: at most 6e-8, half an ulp of 1 */
        fc_free(got);
        fc_test_array_free(&want);
        checked++;
    }
    assert_int_equal(checked, 8);
}

/* TAG.sum.f64 are the sums of all tensors, in the order of sum_keys. */
static void check_sums(fc_weights *w, const fc_safetensors *golden, const char *tag, json_t *keys)
{
    char name[200];
    snprintf(name, sizeof name, "%s.sum.f64", tag);
    fc_test_array want = fc_test_array_load(golden, name);
    double worst = 0;
    assert_int_equal(want.count, json_array_size(keys));
    for (size_t i = 0; i < want.count; i++) {
        double sum = 0, size = 0;
        size_t count;
        snprintf(name, sizeof name, PREFIX "%s", json_string_value(json_array_get(keys, i)));
        fc_weight *t = fc_weights_find(w, name);
        assert_non_null(t);
        float *values = read_all(t, &count);
        for (size_t k = 0; k < count; k++) {
            sum += (double)values[k];
            size += fabs((double)values[k]);
        }
        double error = fabs(sum - (double)want.data[i]) / (size + 1e-9);
        if (error > worst) worst = error;
        fc_free(values);
    }
    assert_at_most(tag, worst, 1.7e-7); /* measured 5.8e-8: the golden sums as float32 */
    fc_test_array_free(&want);
}

static void check_patch(const char *tag, const char *path, int32_t weights, int32_t matched)
{
    fc_safetensors golden;
    fc_difference_report report;
    json_t *root = fc_test_golden_json("v25_inpaint.json");
    fc_test_golden_open_full(&golden, "v25_inpaint.safetensors");
    fc_weights *w = open_base();
    fc_difference *d = open_difference(path);
    fc_difference_attach(d, w, PREFIX, &report);
    assert_int_equal(report.weights, weights);
    assert_int_equal(report.matched, matched);
    assert_string_equal(report.example, weights == matched ? "" : "diffusion_model.not_there.weight");
    check_first_values(w, &golden, tag);
    check_sums(w, &golden, tag, json_object_get(root, "sum_keys"));
    fc_weight *t = fc_weights_find(w, PREFIX "diffusion_model.out.2.bias");
    uint64_t version = t->version;
    assert_true(version != 0);
    fc_difference_take_off(d, w);
    assert_true(t->version == 0 && !t->patches);
    fc_difference_attach(d, w, PREFIX, &report);
    assert_true(t->version == version); /* what was packed with it still counts */
    fc_weights_take_off(w, NULL);
    fc_difference_close(d);
    fc_weights_close(w);
    fc_safetensors_close(&golden);
    json_decref(root);
}

static void test_files_of_torch(void **state)
{
    (void)state;
    check_patch("small", fc_test_golden("v25_inpaint_small.patch"), 9, 8);
    check_patch("small_legacy", fc_test_golden("v25_inpaint_small_legacy.patch"), 9, 8);
}

static void test_whole_engine(void **state)
{
    (void)state;
    check_patch("full", fc_test_synth("inpaint_tiny"), 840, 840);
}

/* ---- other files ---- */

static void expect_refused(const fc_st_source *tensors, size_t count, fc_status wanted, const char *part)
{
    fc_difference *d;
    fc_err err = {0};
    fc_buf file;
    const char *path = fc_test_tmp_path("difference.patch");
    fc_buf_init(&file, 1 << 20);
    torch_file(&file, tensors, count, false, false);
    assert_ok(fc_file_write_atomic(path, file.data, file.len, &err), &err);
    assert_fails(fc_difference_open(&d, path, &err), wanted, &err, part);
    fc_buf_fini(&file);
}

static void test_damaged_files(void **state)
{
    (void)state;
    const uint8_t values[4] = {1, 2, 3, 4};
    const float limits[4] = {0, 1, 2, 3};
    fc_st_source t[] = {{.name = "a.0", .dtype = FC_U8, .ndim = 2, .shape = {2, 2}, .data = values},
                        {.name = "a.1", .dtype = FC_F32, .ndim = 1, .shape = {2}, .data = limits},
                        {.name = "a.2", .dtype = FC_F32, .ndim = 1, .shape = {1}, .data = limits}};
    expect_refused(t + 1, 2, FC_UNSUPPORTED, "inpainting engine");
    expect_refused(t, 2, FC_FORMAT, "limits of a.0");
    t[1].shape[0] = 4;
    expect_refused(t, 3, FC_FORMAT, "limits of a.0");
    t[1].ndim = 2;
    t[1].shape[0] = 2;
    t[1].shape[1] = 2;
    expect_refused(t, 3, FC_FORMAT, "limits of a.0");
}

static fc_status open_and_close(void *user)
{
    fc_difference *d;
    fc_status status = fc_difference_open(&d, user, NULL);
    if (status == FC_OK) fc_difference_close(d);
    return status;
}

static void test_torture(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s", fc_test_golden("v25_inpaint_small_legacy.patch"));
    assert_true(fc_test_torture(open_and_close, path) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_torch),
        cmocka_unit_test(test_whole_engine),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Files of textual inversions: which tensors are taken, and what is refused. */
#include "model/embedding.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "support/support.h"
#include "support/torchfile.h"

static const float small[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, other[8] = {-1, -2, -3, -4};

static fc_st_source tensor(const char *name, int64_t rows, int64_t width, const float *data)
{
    return (fc_st_source){.name = name, .dtype = FC_F32, .ndim = 2, .shape = {rows, width}, .data = data};
}

static const char *save(const char *name, const fc_st_source *tensors, size_t count)
{
    fc_err err = {0};
    const char *path = fc_test_tmp_path(name);
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = tensors, .count = count}, &err), &err);
    return path;
}

static fc_embedding open_good(const char *path)
{
    fc_embedding e;
    fc_err err = {0};
    assert_ok(fc_embedding_open(&e, path, &err), &err);
    return e;
}

static void test_both_encoders(void **state)
{
    (void)state;
    const fc_st_source t[] = {tensor("clip_g", 2, 4, small), tensor("clip_l", 2, 3, small)};
    fc_embedding e = open_good(save("sdxl.safetensors", t, 2));
    assert_int_equal(e.count, 2);
    assert_int_equal(e.width[0], 3);
    assert_int_equal(e.width[1], 4);
    assert_memory_equal(e.rows[0], small, 6 * sizeof(float));
    assert_memory_equal(e.rows[1], small, 8 * sizeof(float));
    fc_embedding_fini(&e);
}

/* One tensor is offered to both; the key of one encoder too. */
static void test_one_tensor(void **state)
{
    (void)state;
    static const char *const names[] = {"emb_params", "<my-word>", "clip_l", "clip_g"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const fc_st_source t = tensor(names[i], 3, 4, small);
        fc_embedding e = open_good(save("one.safetensors", &t, 1));
        assert_int_equal(e.count, 3);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(e.width[k], 4);
            assert_memory_equal(e.rows[k], small, sizeof small);
        }
        fc_embedding_fini(&e);
    }
    fc_st_source vector = tensor("x", 4, 1, small);
    vector.ndim = 1;
    fc_embedding e = open_good(save("one.safetensors", &vector, 1));
    assert_int_equal(e.count, 1);
    assert_int_equal(e.width[0], 4);
    fc_embedding_fini(&e);
}

/* {"name": "x", "string_to_param": {"*": tensor}}, as training leaves it: nothing in it is run. */
static void test_pytorch(void **state)
{
    (void)state;
    const int64_t shape[2] = {2, 4};
    fc_buf pickle, file;
    fc_err err = {0};
    fc_buf_init(&pickle, 4096);
    fc_buf_init(&file, 1 << 16);
    fc_buf_append(&pickle, "\x80\x02}(", 4);
    torch_text(&pickle, "name");
    torch_text(&pickle, "x");
    torch_text(&pickle, "other");
    torch_tensor(&pickle, FC_F32, 0, 8, 0, 2, shape, NULL);
    torch_text(&pickle, "string_to_param");
    fc_buf_append(&pickle, "}(", 2);
    torch_text(&pickle, "*");
    torch_tensor(&pickle, FC_F32, 0, 8, 0, 2, (const int64_t[]){1, 8}, NULL);
    fc_buf_append(&pickle, "uu.", 3);
    torch_archive(&file, pickle.data, pickle.len, other, sizeof other);
    const char *path = fc_test_tmp_path("old.pt");
    assert_ok(fc_file_write_atomic(path, file.data, file.len, &err), &err);
    fc_embedding e = open_good(path);
    assert_int_equal(e.count, 1);
    assert_int_equal(e.width[0], 8);
    assert_memory_equal(e.rows[0], other, sizeof other);
    fc_embedding_fini(&e);
    fc_buf_fini(&pickle);
    fc_buf_fini(&file);
}

static void check_refused(const fc_st_source *t, size_t count, fc_status want, const char *part)
{
    fc_embedding e;
    fc_err err = {0};
    assert_fails(fc_embedding_open(&e, save("bad.safetensors", t, count), &err), want, &err, part);
    assert_non_null(strstr(err.message, "bad.safetensors"));
    assert_null(e.rows[0]);
    assert_null(e.rows[1]);
}

static void test_refused(void **state)
{
    (void)state;
    fc_err err = {0};
    fc_embedding e;
    static float many[FC_EMBEDDING_MAX_ROWS + 1];
    const float nan[2] = {1, NAN};
    fc_st_source t[2] = {tensor("clip_l", 2, 3, small), tensor("clip_g", 1, 4, small)};
    check_refused(t, 2, FC_FORMAT, "2 vectors for CLIP L and 1 for CLIP G");
    t[0] = tensor("x", 1, 2, nan);
    check_refused(t, 1, FC_FORMAT, "not numbers");
    t[0] = tensor("x", FC_EMBEDDING_MAX_ROWS + 1, 1, many);
    check_refused(t, 1, FC_UNSUPPORTED, "too large for a textual inversion");
    t[0] = (fc_st_source){.name = "x", .dtype = FC_F32, .ndim = 3, .shape = {1, 2, 3}, .data = small};
    check_refused(t, 1, FC_UNSUPPORTED, "no textual inversion");
    t[0] = (fc_st_source){.name = "x", .dtype = FC_I64, .ndim = 2, .shape = {1, 1}, .data = small};
    check_refused(t, 1, FC_UNSUPPORTED, "no textual inversion");
    t[0] = tensor("x", 0, 4, small);
    check_refused(t, 1, FC_UNSUPPORTED, "no textual inversion");
    assert_fails(fc_embedding_open(&e, fc_test_tmp_path("nosuch.pt"), &err), FC_NOT_FOUND, &err, "nosuch.pt");
    assert_ok(fc_file_write_atomic(fc_test_tmp_path("text.pt"), "words, words, words", 19, &err), &err);
    assert_fails(fc_embedding_open(&e, fc_test_tmp_path("text.pt"), &err), FC_FORMAT, &err, "text.pt");
}

/* In a LoRA's file, under its name. */
static void test_bundled(void **state)
{
    (void)state;
    const fc_st_source t[] = {tensor("m.lora_up.weight", 2, 2, small),
                              tensor("bundle_emb.star.clip_l", 2, 3, small),
                              tensor("bundle_emb.star.clip_g", 2, 4, other),
                              tensor("bundle_emb.sta.string_to_param.*", 1, 3, other)};
    const char *path = save("lora.safetensors", t, 4);
    fc_embedding e;
    fc_err err = {0};
    assert_true(fc_embedding_is_bundled(path, "star") && fc_embedding_is_bundled(path, "sta"));
    assert_false(fc_embedding_is_bundled(path, "st") || fc_embedding_is_bundled(path, "") ||
                 fc_embedding_is_bundled("/nonexistent", "star"));
    assert_ok(fc_embedding_open_bundled(&e, path, "star", &err), &err);
    assert_int_equal(e.count, 2);
    assert_int_equal(e.width[0], 3);
    assert_int_equal(e.width[1], 4);
    assert_memory_equal(e.rows[0], small, 6 * sizeof *small);
    assert_memory_equal(e.rows[1], other, 8 * sizeof *other);
    fc_embedding_fini(&e);
    assert_ok(fc_embedding_open_bundled(&e, path, "sta", &err), &err);
    assert_int_equal(e.count, 1);
    fc_embedding_fini(&e);
    assert_fails(fc_embedding_open_bundled(&e, path, "none", &err), FC_UNSUPPORTED, &err, "no vectors");
}

static fc_status open_and_close(void *path)
{
    fc_embedding e;
    fc_err err = {0};
    fc_status s = fc_embedding_open(&e, path, &err);
    fc_embedding_fini(&e);
    return s;
}

static void test_torture(void **state)
{
    (void)state;
    const fc_st_source t[] = {tensor("clip_g", 2, 4, small), tensor("clip_l", 2, 3, small)};
    char path[600];
    (void)snprintf(path, sizeof path, "%s", save("sdxl.safetensors", t, 2));
    assert_true(fc_test_torture(open_and_close, path) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_encoders), cmocka_unit_test(test_one_tensor),
        cmocka_unit_test(test_pytorch),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bundled),       cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* format/safetensors, sniff and json_scan: what is accepted, what is refused and how the refusal reads, round
 * trips. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "format/bytes.h"
#include "format/json_scan.h"
#include "format/sniff.h"
#include "support/support.h"

typedef struct blob {
    uint8_t *bytes;
    size_t size;
} blob;

/* header length + header + data_size bytes 0, 1, 2 ... */
static blob make_file(const char *header, size_t data_size)
{
    size_t n = strlen(header);
    blob b = {malloc(8 + n + data_size + 1), 8 + n + data_size};
    fc_put_le64(b.bytes, n);
    memcpy(b.bytes + 8, header, n);
    for (size_t i = 0; i < data_size; i++) b.bytes[8 + n + i] = (uint8_t)i;
    return b;
}

/* ---- reading ---- */

static const char TWO[] = "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"a\\u00e4\\\"\\ud83c\\udfa8\\n\"},"
                          "\"b\":{\"shape\":[2,1],\"dtype\":\"F16\",\"data_offsets\":[4,8]},"
                          " \"a\" : {\"dtype\":\"F32\" ,\"shape\":[],\"data_offsets\":[0,4]}}  ";

static void a_good_file_is_read(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_err err;
    blob b = make_file(TWO, 8);
    assert_ok(fc_safetensors_parse(&st, b.bytes, b.size, &err), &err);
    assert_int_equal(st.count, 2);
    const fc_st_tensor *t = fc_safetensors_find(&st, "b"), *first = fc_safetensors_find(&st, "a");
    assert_ptr_equal(first, &st.tensors[0]); /* in the order of the data, not of the header */
    assert_ptr_equal(t, &st.tensors[1]);
    assert_true(t->dtype == FC_F16 && t->ndim == 2 && t->shape[0] == 2 && t->shape[1] == 1 &&
                t->shape[2] == 0);
    assert_true(t->count == 2 && t->size == 4 && t->offset == 4);
    assert_memory_equal(t->data, "\4\5\6\7", 4);
    assert_true(first->ndim == 0 && first->count == 1 && first->size == 4);
    assert_null(fc_safetensors_find(&st, "c"));
    assert_null(fc_safetensors_find(&st, ""));
    assert_string_equal(fc_safetensors_metadata(&st, "format"), "pt");
    assert_string_equal(fc_safetensors_metadata(&st, "note"), "a\xc3\xa4\"\xf0\x9f\x8e\xa8\n");
    assert_null(fc_safetensors_metadata(&st, "none"));
    fc_safetensors_close(&st);
    fc_safetensors_close(&st);
    free(b.bytes);
}

static void unusual_but_legal_files_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data, tensors;
    } cases[] = {
        {"{}", 0, 0},
        {"{ }   ", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1},
        {"{\"e\":{\"dtype\":\"I64\",\"shape\":[3,0,4],\"data_offsets\":[0,0]}}", 0, 1},
        {"{\"e\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[2,2]},"
         "\"f\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]}}",
         2, 2},
        {"{\"e\":{\"dtype\":\"F8_E4M3\",\"shape\":[1,1,1,1,1,1,1,3],\"data_offsets\":[0,3]}}", 3, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_safetensors st;
        fc_err err;
        blob b = make_file(cases[i].header, cases[i].data);
        assert_ok(fc_safetensors_parse(&st, b.bytes, b.size, &err), &err);
        assert_int_equal(st.count, cases[i].tensors);
        fc_safetensors_close(&st);
        free(b.bytes);
    }
}

#define T(name, dtype, shape, offsets)                                                                       \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void broken_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        fc_status status;
        const char *message;
    } cases[] = {
        /* JSON */
        {"{", 0, FC_FORMAT, "at byte 1: a string is missing"},
        {"{\"a\":{}", 0, FC_FORMAT, "lacks its dtype"},
        {"{\"a\"}", 0, FC_FORMAT, "a colon is missing"},
        {"{} x", 0, FC_FORMAT, "behind the end"},
        {"{\"a\":1}", 0, FC_FORMAT, "an object is missing"},
        {"{" T("a", "U8", "[1]", "[0,1]") ",}", 1, FC_FORMAT, "a string is missing"},
        {"{" T("a", "U8", "[1,]", "[0,1]") "}", 1, FC_FORMAT, "whole number"},
        {"{" T("a", "U8", "[01]", "[0,1]") "}", 1, FC_FORMAT, "whole number"},
        {"{" T("a", "U8", "[1.0]", "[0,1]") "}", 1, FC_FORMAT, "whole number"},
        {"{" T("a", "U8", "[1e0]", "[0,1]") "}", 1, FC_FORMAT, "whole number"},
        {"{" T("a", "U8", "[9223372036854775808]", "[0,1]") "}", 1, FC_FORMAT, "whole number"},
        {"{" T("a", "U8", "[99999999999999999999999999]", "[0,1]") "}", 1, FC_FORMAT, "whole number"},
        {"{" T("a", "U8", "[\"1\"]", "[0,1]") "}", 1, FC_FORMAT, "whole number"},
        {"{\"a", 0, FC_FORMAT, "does not end"},
        {"{\"a\\", 0, FC_FORMAT, "does not end"},
        {"{\"\\x\":{}}", 0, FC_FORMAT, "wrong escape"},
        {"{\"\\u0000\":{}}", 0, FC_FORMAT, "wrong escape"},
        {"{\"\\ud800\":{}}", 0, FC_FORMAT, "wrong escape"},
        {"{\"\\udc00\\ud800\":{}}", 0, FC_FORMAT, "wrong escape"},
        {"{\"\\u12\":{}}", 0, FC_FORMAT, "wrong escape"},
        {"{\"a\nb\":{}}", 0, FC_FORMAT, "control character"},
        {"{\"\xff\":{}}", 0, FC_FORMAT, "not UTF-8"},
        /* fields */
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}", 0, FC_FORMAT, "lacks its dtype, shape or data_offsets"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[]}}", 0, FC_FORMAT, "twice"},
        {"{\"a\":{\"stride\":1}}", 0, FC_FORMAT, "unknown field"},
        {"{\"a\":{\"dtype\":3}}", 0, FC_FORMAT, "a string is missing"},
        {"{" T("a", "Q9", "[]", "[0,1]") "}", 1, FC_UNSUPPORTED, "\"a\" has the unknown number type \"Q9\""},
        {"{" T("a", "f16", "[]", "[0,2]") "}", 2, FC_UNSUPPORTED, "f16"},
        {"{" T("a", "U8", "[-1]", "[0,1]") "}", 1, FC_FORMAT, "negative"},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1, FC_FORMAT, "8 dimensions"},
        {"{" T("a", "F32", "[4611686018427387904,4]", "[0,0]") "}", 0, FC_FORMAT, "impossibly large"},
        {"{" T("a", "F32", "[4611686018427387904]", "[0,0]") "}", 0, FC_FORMAT, "impossibly large"},
        {"{" T("a", "F32", "[9223372036854775807,9223372036854775807,0]", "[0,0]") "}", 0, FC_FORMAT,
         "large"},
        {"{" T("a", "U8", "[1]", "[1,0]") "}", 1, FC_FORMAT, "wrong data_offsets"},
        {"{" T("a", "U8", "[1]", "[-1,0]") "}", 1, FC_FORMAT, "wrong data_offsets"},
        {"{" T("a", "U8", "[1]", "[0]") "}", 1, FC_FORMAT, "missing"},
        {"{" T("a", "U8", "[1]", "[0,1,2]") "}", 1, FC_FORMAT, "missing"},
        {"{" T("a", "U8", "[1]", "[0 1]") "}", 1, FC_FORMAT, "missing"},
        {"{" T("a", "F16", "[3]", "[0,4]") "}", 4, FC_FORMAT, "\"a\" needs 6 bytes for its shape, but has 4"},
        /* extents */
        {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[1,3]") "}", 3, FC_FORMAT,
         "\"b\" shares bytes"},
        {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[3,5]") "}", 5, FC_FORMAT,
         "\"b\" comes after a hole"},
        {"{" T("a", "U8", "[2]", "[1,3]") "}", 3, FC_FORMAT, "after a hole"},
        {"{" T("a", "U8", "[2]", "[0,2]") "," T("a", "U8", "[2]", "[2,4]") "}", 4, FC_FORMAT,
         "\"a\" appears twice"},
        {"{" T("a", "U8", "[2]", "[0,2]") "}", 3, FC_FORMAT, "1 bytes that belong to no tensor"},
        {"{" T("a", "U8", "[2]", "[0,2]") "," T("b", "F32", "[5]", "[2,22]") "}", 12, FC_FORMAT,
         "cut in tensor \"b\": 10 bytes are missing at the end; download it again"},
        {"{" T("a", "U8", "[20]", "[0,20]") "," T("b", "U8", "[5]", "[20,25]") "}", 12, FC_FORMAT,
         "cut in tensor \"a\": 13 bytes are missing"},
        /* metadata */
        {"{\"__metadata__\":[]}", 0, FC_FORMAT, "an object is missing"},
        {"{\"__metadata__\":{\"a\":1}}", 0, FC_FORMAT, "a string is missing"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, FC_FORMAT, "__metadata__ appears twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_safetensors st;
        fc_err err = {0};
        blob b = make_file(cases[i].header, cases[i].data);
        fc_status status = fc_safetensors_parse(&st, b.bytes, b.size, &err);
        if (status != cases[i].status) print_error("case %zu: %s\n", i, cases[i].header);
        assert_fails(status, cases[i].status, &err, cases[i].message);
        assert_null(st.tensors);
        free(b.bytes);
    }
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    blob b = make_file(TWO, 8);
    for (size_t size = 0; size < b.size; size++) {
        fc_safetensors st;
        fc_err err;
        uint8_t *part = malloc(size + 1); /* exact, so that the address sanitizer sees reads beyond it */
        memcpy(part, b.bytes, size);
        fc_status status = fc_safetensors_parse(&st, part, size, &err);
        assert_true(status == FC_FORMAT || status == FC_UNSUPPORTED);
        if (size >= 9) assert_fails(status, FC_FORMAT, &err, "download it again");
        free(part);
    }
    fc_safetensors st;
    fc_err err;
    fc_put_le64(b.bytes, 100000001);
    assert_fails(fc_safetensors_parse(&st, b.bytes, b.size, &err), FC_FORMAT, &err, "claims 100000001 bytes");
    free(b.bytes);
}

static void other_kinds_are_named(void **state)
{
    (void)state;
#define S(text) text, sizeof text - 1
    static const struct {
        const char *bytes;
        size_t size;
        fc_file_kind kind;
        const char *message;
    } cases[] = {
        {S(""), FC_KIND_EMPTY, "an empty file; download it again"},
        {S("<!DOCTYPE html><html><head>"), FC_KIND_HTML, "web page"},
        {S("\xef\xbb\xbf\r\n <HTML lang=en>"), FC_KIND_HTML, "web page"},
        {S("<?xml version=\"1.0\"?><Error>"), FC_KIND_XML, "XML"},
        {S("{\"error\":\"not found\"}"), FC_KIND_JSON, "JSON"},
        {S("PK\3\4\0\0\0\0\0\0\0\0"), FC_KIND_ZIP, ".ckpt"},
        {S("\x80\2}q\0(X\n\0\0\0"), FC_KIND_PICKLE, "pickle"},
        {S("GGUF\3\0\0\0\0\0\0\0"), FC_KIND_GGUF, "GGUF"},
        {S("\x89HDF\r\n\x1a\n\0\0"), FC_KIND_HDF5, "HDF5"},
        {S("version https://git-lfs.github.com/spec/v1\noid"), FC_KIND_LFS_POINTER, "git lfs pull"},
        {S("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), FC_KIND_PNG, "PNG"},
        {S("\xff\xd8\xff\xe0\0\x10JFIF"), FC_KIND_JPEG, "JPEG"},
        {S("RIFF\1\2\3\4WEBPVP8 "), FC_KIND_WEBP, "WebP"},
        {S("GIF89a......"), FC_KIND_GIF, "GIF"},
        {S("what is this? no idea at all"), FC_KIND_UNKNOWN, "unknown kind"},
        {S("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), FC_KIND_UNKNOWN, "unknown kind"},
        {S("x"), FC_KIND_UNKNOWN, "it has 1 bytes only"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_safetensors st;
        fc_err err;
        const char *path = fc_test_tmp_path("kind.safetensors");
        assert_int_equal(fc_sniff_kind(cases[i].bytes, cases[i].size), cases[i].kind);
        assert_ok(fc_file_write_atomic(path, cases[i].bytes, cases[i].size, &err), &err);
        fc_status wanted = cases[i].kind == FC_KIND_UNKNOWN ? FC_FORMAT : FC_UNSUPPORTED;
        assert_fails(fc_safetensors_open(&st, path, &err), wanted, &err, cases[i].message);
        assert_non_null(strstr(err.message, path));
    }
    assert_string_equal(fc_kind_name((fc_file_kind)99), fc_kind_name(FC_KIND_UNKNOWN));
    assert_int_equal(fc_sniff_kind("\x10\0\0\0\0\0\0\0{}", 10), FC_KIND_SAFETENSORS);
    uint8_t tar[512] = {'a'};
    memcpy(tar + 257, "ustar", 5);
    assert_int_equal(fc_sniff_kind(tar, sizeof tar), FC_KIND_TAR);
}

static void folders_and_missing_files(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_err err;
    assert_fails(fc_safetensors_open(&st, fc_test_tmpdir(), &err), FC_ARG, &err, "folder");
    assert_fails(fc_safetensors_open(&st, fc_test_tmp_path("none"), &err), FC_NOT_FOUND, &err, "none");
    assert_int_equal(fc_safetensors_open(&st, fc_test_tmp_path("none"), NULL), FC_NOT_FOUND);
}

/* ---- writing ---- */

static fc_status fill_pattern(void *user, size_t index, uint64_t offset, void *dst, size_t size, fc_err *err)
{
    (void)err;
    assert_true(offset % 16 == 0);
    for (size_t i = 0; i < size; i++) ((uint8_t *)dst)[i] = (uint8_t)(index * 31 + (offset + i) * 7);
    *(uint64_t *)user += size;
    return FC_OK;
}

static fc_status fill_fails(void *user, size_t index, uint64_t offset, void *dst, size_t size, fc_err *err)
{
    (void)user, (void)index, (void)offset;
    memset(dst, 0, size);
    return fc_fail(err, FC_CANCELLED, "stopped on request");
}

static const fc_st_source sources[] = {
    {"first \"quoted\\\" \n", FC_F32, 2, {2, 3}, "abcdefghijklmnopqrstuvwx"},
    {"\xc3\xa4", FC_U8, 1, {100003}, NULL},
    {"scalar", FC_F64, 0, {0}, "12345678"},
    {"empty", FC_BF16, 3, {5, 0, 7}, NULL},
};
static const fc_st_meta notes[] = {{"format", "pt"}, {"prompt", "line 1\nline 2 \"x\" \xf0\x9f\x8e\xa8"}};

static void what_was_written_is_read(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_err err;
    uint64_t filled = 0;
    const char *path = fc_test_tmp_path("round.safetensors");
    const fc_st_write what = {sources, 4, notes, 2, fill_pattern, &filled};
    assert_ok(fc_safetensors_write(path, &what, &err), &err);
    assert_int_equal(filled, 100003);
    assert_ok(fc_safetensors_open(&st, path, &err), &err);
    assert_int_equal(st.count, 4);
    for (size_t i = 0; i < 4; i++) {
        const fc_st_tensor *t = fc_safetensors_find(&st, sources[i].name);
        assert_non_null(t);
        assert_true(t->dtype == sources[i].dtype && t->ndim == sources[i].ndim);
        assert_memory_equal(t->shape, sources[i].shape, sizeof t->shape);
        if (sources[i].data) assert_memory_equal(t->data, sources[i].data, t->size);
    }
    const uint8_t *bytes = fc_safetensors_find(&st, "\xc3\xa4")->data;
    for (size_t i = 0; i < 100003; i++) assert_int_equal(bytes[i], (uint8_t)(31 + i * 7));
    assert_int_equal(st.metadata_count, 2);
    assert_string_equal(fc_safetensors_metadata(&st, "prompt"), notes[1].value);
    assert_int_equal((st.map.size - 100003 - 24 - 8) % 8, 0); /* the header is padded */
    fc_safetensors_close(&st);
}

static void wrong_sources_are_refused(void **state)
{
    (void)state;
    fc_err err;
    const char *path = fc_test_tmp_path("never.safetensors");
    fc_st_source s[2] = {{"a", FC_U8, 1, {1}, "x"}, {"a", FC_U8, 1, {1}, "x"}};
    fc_st_write what = {.tensors = s, .count = 2};
    assert_fails(fc_safetensors_write(path, &what, &err), FC_ARG, &err, "\"a\" is taken");
    s[1].name = "__metadata__";
    assert_fails(fc_safetensors_write(path, &what, &err), FC_ARG, &err, "taken");
    s[1].name = "\xff";
    assert_fails(fc_safetensors_write(path, &what, &err), FC_ARG, &err, "UTF-8");
    s[1].name = "b";
    s[1].ndim = 9;
    assert_fails(fc_safetensors_write(path, &what, &err), FC_ARG, &err, "dimensions");
    s[1].ndim = 2;
    s[1].shape[0] = s[1].shape[1] = INT64_MAX;
    assert_fails(fc_safetensors_write(path, &what, &err), FC_ARG, &err, "impossible");
    s[1].shape[1] = -1;
    assert_fails(fc_safetensors_write(path, &what, &err), FC_ARG, &err, "impossible");
    s[1].ndim = 1;
    s[1].shape[0] = INT64_MAX;
    assert_fails(fc_safetensors_write(path, &what, &err), FC_ARG, &err, "impossibly large");
    s[1] = (fc_st_source){"b", FC_U8, 1, {5}, NULL};
    what.fill = fill_fails;
    assert_fails(fc_safetensors_write(path, &what, &err), FC_CANCELLED, &err, "stopped");
    const fc_st_meta bad = {"k", "\xff"};
    what.metadata = &bad;
    what.metadata_count = 1;
    assert_fails(fc_safetensors_write(path, &what, &err), FC_ARG, &err, "UTF-8");
    assert_false(fc_path_exists(path));
}

/* ---- many tensors, memory ---- */

static void a_hundred_thousand_tensors(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    fc_safetensors st;
    fc_err err;
    fc_st_source *s = calloc(COUNT, sizeof *s);
    char(*names)[32] = calloc(COUNT, sizeof *names);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "blocks.%d.weight", i);
        s[i] = (fc_st_source){names[i], FC_F16, 1, {1}, names[i]};
    }
    const char *path = fc_test_tmp_path("many.safetensors");
    const fc_st_write what = {.tensors = s, .count = COUNT};
    assert_ok(fc_safetensors_write(path, &what, &err), &err);
    assert_ok(fc_safetensors_open(&st, path, &err), &err);
    assert_int_equal(st.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        const fc_st_tensor *t = fc_safetensors_find(&st, names[i]);
        if (!t || t != &st.tensors[i]) fail_msg("%s", names[i]);
    }
    fc_safetensors_close(&st);
    free(s);
    free(names);
}

static fc_status read_and_write(void *user)
{
    fc_safetensors st;
    fc_err err;
    uint64_t filled = 0;
    const blob *b = user;
    const fc_st_write what = {sources, 4, notes, 2, fill_pattern, &filled};
    fc_status status = fc_safetensors_parse(&st, b->bytes, b->size, &err);
    if (status != FC_OK) return status;
    fc_safetensors_close(&st);
    return fc_safetensors_write(fc_test_tmp_path("torture.safetensors"), &what, &err);
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    blob b = make_file(TWO, 8);
    assert_true(fc_test_torture(read_and_write, &b) >= 8);
    free(b.bytes);
}

/* Real files of others: the golden data were written by the format's reference implementation. */
static void golden_files_are_read(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_test_golden_open(&st, "lora_diffusers.safetensors");
    assert_true(st.count > 10);
    for (size_t i = 0; i < st.count; i++) assert_true(st.tensors[i].dtype == FC_F16);
    fc_safetensors_close(&st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read),        cmocka_unit_test(unusual_but_legal_files_are_read),
        cmocka_unit_test(broken_headers_are_refused), cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(other_kinds_are_named),      cmocka_unit_test(folders_and_missing_files),
        cmocka_unit_test(what_was_written_is_read),   cmocka_unit_test(wrong_sources_are_refused),
        cmocka_unit_test(a_hundred_thousand_tensors), cmocka_unit_test(failing_allocations_are_survived),
        cmocka_unit_test(golden_files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

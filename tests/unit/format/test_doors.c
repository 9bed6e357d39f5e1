/* The doors for text and JSON: every way in which editors and programs save the same words, and what is none.
 */
#include "base/text.h"
#include "format/json.h"

#include <string.h>
#include "base/file.h"
#include "support/support.h"

#define BYTES(text) text, sizeof(text) - 1

static void expect(const char *bytes, size_t size, const char *want)
{
    fc_buf out;
    fc_err err = {0};
    fc_buf_init(&out, 1000);
    assert_ok(fc_text_read(bytes, size, &out, &err), &err);
    assert_string_equal(fc_buf_cstr(&out), want);
    fc_buf_fini(&out);
}

static void refuse(const char *bytes, size_t size, const char *words)
{
    fc_buf out;
    fc_err err = {0};
    fc_buf_init(&out, 1000);
    assert_fails(fc_text_read(bytes, size, &out, &err), FC_FORMAT, &err, words);
    assert_non_null(strstr(err.message, "UTF-8"));
    fc_buf_fini(&out);
}

static void test_one_text_in_every_dress(void **state)
{
    (void)state;
    static const char want[] = "a \xc3\xa9\n\xe5\x9b\xbe\n\xf0\x9f\x98\x80";
    expect(BYTES("a \xc3\xa9\n\xe5\x9b\xbe\n\xf0\x9f\x98\x80"), want);
    expect(BYTES("\xef\xbb\xbf"
                 "a \xc3\xa9\r\n\xe5\x9b\xbe\r\n\xf0\x9f\x98\x80"),
           want);
    expect(BYTES("a \xc3\xa9\r\xe5\x9b\xbe\r\xf0\x9f\x98\x80"), want);
    expect(BYTES("\xff\xfe"
                 "a\0 \0\xe9\0\r\0\n\0\xfe\x56\n\0\x3d\xd8\x00\xde"),
           want);
    expect(BYTES("\xfe\xff"
                 "\0a\0 \0\xe9\0\n\x56\xfe\0\r\0\n\xd8\x3d\xde\x00"),
           want);
    expect("", 0, "");
    expect(BYTES("\xef\xbb\xbf"), "");
    expect(BYTES("\xff\xfe"), "");
    expect(BYTES("\r\n\r\n\r"), "\n\n\n");
}

static void test_no_text(void **state)
{
    (void)state;
    refuse(BYTES("\xd6\xd0\xce\xc4"), "old Windows encoding"); /* GBK */
    refuse(BYTES("caf\xe9"), "old Windows encoding");
    refuse(BYTES("a\0b"), "NUL");
    refuse(BYTES("a\0b\0"), "NUL"); /* UTF-16 without mark */
    refuse(BYTES("\xff\xfe"
                 "a"),
           "odd number");
    refuse(BYTES("\xff\xfe\x3d\xd8"), "malformed");
    refuse(BYTES("\xff\xfe\x3d\xd8"
                 "a\0"),
           "malformed");
    refuse(BYTES("\xff\xfe\x00\xde"), "malformed");
    refuse(BYTES("\xff\xfe\0\0a\0\0\0"), "malformed"); /* UTF-32 */
    fc_buf out;
    fc_err err = {0};
    fc_buf_init(&out, 3);
    assert_fails(fc_text_read("abcd", 4, &out, &err), FC_LIMIT, &err, "more than 3 bytes");
    fc_buf_fini(&out);
}

static json_t *read_json(const char *text, size_t size, fc_json_kind kind)
{
    json_t *root;
    fc_err err = {0};
    assert_ok(fc_json_read(text, size, kind, &root, &err), &err);
    return root;
}

static void test_json(void **state)
{
    (void)state;
    json_t *root = read_json(BYTES("\xef\xbb\xbf{\"a\": 1,\r\n \"b\": null, \"a\": 5.5}"), FC_JSON_OBJECT);
    assert_true(json_real_value(fc_json_member(root, "a")) > 5.4); /* the last of two */
    assert_null(fc_json_member(root, "b"));
    assert_null(fc_json_member(root, "c"));
    json_decref(root);
    root = read_json(BYTES("\xff\xfe[\0]\0"), FC_JSON_ARRAY);
    json_decref(root);
    root = read_json(BYTES("7"), FC_JSON_ANY);
    assert_int_equal(json_integer_value(root), 7);
    json_decref(root);
}

static void test_no_json(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
        fc_json_kind kind;
    } cases[] = {{"{\"a\": 1,}", "line 1, column", FC_JSON_OBJECT},
                 {"[1]", "an object", FC_JSON_OBJECT},
                 {"{}", "a list", FC_JSON_ARRAY},
                 {"{}x", "line 1", FC_JSON_OBJECT},
                 {"", "line 1", FC_JSON_ANY},
                 {"{\"a\": NaN}", "line 1", FC_JSON_ANY},
                 {"\n{'a': 1}", "line 2", FC_JSON_ANY},
                 {"\xe9", "UTF-8", FC_JSON_ANY}};
    fc_err err = {0};
    json_t *root;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_fails(fc_json_read(cases[i].text, strlen(cases[i].text), cases[i].kind, &root, &err),
                     FC_FORMAT, &err, cases[i].words);
        assert_null(root);
    }
    const char *path = fc_test_tmp_path("x.json");
    assert_ok(fc_file_write_atomic(path, "[", 1, &err), &err);
    assert_fails(fc_json_read_file(path, 100, FC_JSON_ANY, &root, &err), FC_FORMAT, &err, "x.json");
    assert_fails(fc_json_read_file(fc_test_tmp_path("none"), 100, FC_JSON_ANY, &root, &err), FC_NOT_FOUND,
                 &err, "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_text_in_every_dress),
        cmocka_unit_test(test_no_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_no_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Forms that carry files, and all the ways in which they are none. */
#include <string.h>

#include "format/multipart.h"
#include "support/support.h"

#define TYPE             "multipart/form-data; boundary=abc"
#define PART(head, data) "--abc\r\n" head "\r\n\r\n" data "\r\n"

static fc_part parts[4];
static size_t count;

static fc_status cut(const char *type, const char *body)
{
    fc_err err;
    return fc_multipart_cut(type, body, strlen(body), parts, 4, &count, &err);
}

static void assert_part(size_t i, const char *name, bool is_file, const char *data)
{
    assert_string_equal(parts[i].name, name);
    assert_int_equal(parts[i].is_file, is_file);
    assert_int_equal(parts[i].size, strlen(data));
    assert_memory_equal(parts[i].data, data, strlen(data));
}

static void test_parts(void **state)
{
    (void)state;
    assert_int_equal(
        cut(TYPE, PART("Content-Disposition: form-data; name=\"prompt\"", "a fox\r\n--ab")
                      PART("content-disposition: form-data; filename=\"a;name=x.png\"; name=image[]\r\n"
                           "Content-Type: image/png",
                           "") PART("Content-Disposition: form-data; name=\"n\"", "2") "--abc--\r\nafter"),
        FC_OK);
    assert_int_equal(count, 3);
    assert_part(0, "prompt", false, "a fox\r\n--ab");
    assert_part(1, "image[]", true, "");
    assert_part(2, "n", false, "2");
}

static void test_forms_of_the_head(void **state)
{
    (void)state;
    const char *body = "before\r\n--a b \t\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--a b--";
    assert_int_equal(cut("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"", body), FC_OK);
    assert_int_equal(count, 1);
    assert_part(0, "x", false, "1");
    assert_int_equal(cut(TYPE, "--abc--"), FC_OK);
    assert_int_equal(count, 0);
}

static void test_no_forms(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "--abc",
        "--abc\r\n",
        "abc",
        "--abcd\r\n",
        PART("Content-Disposition: form-data; name=\"x\"", "1"), /* no end */
        PART("Content-Disposition: form-data", "1") "--abc--",
        PART("Content-Disposition: form-data; name=\"\"", "1") "--abc--",
        PART("X: y", "1") "--abc--",
        "--abc\r\nContent-Disposition: form-data; name=\"x\"\r\n--abc--",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_int_equal(cut(TYPE, bodies[i]), FC_FORMAT);
    static const char *const types[] = {
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=abc",
        "multipart/form-data; "
        "boundary=0123456789012345678901234567890123456789012345678901234567890123456789x",
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        assert_int_equal(cut(types[i], PART("Content-Disposition: form-data; name=\"x\"", "1") "--abc--"),
                         FC_FORMAT);
    const char *five = PART("Content-Disposition: form-data; name=\"x\"", "1")
        PART("Content-Disposition: form-data; name=\"x\"", "1")
            PART("Content-Disposition: form-data; name=\"x\"", "1")
                PART("Content-Disposition: form-data; name=\"x\"", "1")
                    PART("Content-Disposition: form-data; name=\"x\"", "1") "--abc--";
    assert_int_equal(cut(TYPE, five), FC_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_forms_of_the_head),
        cmocka_unit_test(test_no_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

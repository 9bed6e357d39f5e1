/* Unicode properties and mappings, text cleaning, Python's float(). The expected values are those of
 * Python 3.11. */
#include "support/support.h"

#include <math.h>
#include <string.h>
#include "base/buf.h"
#include "base/str.h"
#include "text/clean.h"
#include "text/pyfloat.h"
#include "text/unicode.h"

static void decode(const char *text, fc_codes *out)
{
    fc_codes_init(out, 1000);
    for (size_t size = strlen(text), i = 0; i < size;) {
        uint32_t c;
        i += fc_utf8_decode(text + i, size - i, &c);
        fc_codes_push(out, c);
    }
}

static void check_mapping(void (*map)(const fc_codes *, fc_codes *), const char *from, const char *to)
{
    fc_codes in, got, want;
    decode(from, &in);
    decode(to, &want);
    fc_codes_init(&got, 1000);
    map(&in, &got);
    assert_int_equal(got.status, FC_OK);
    if (got.len != want.len || (want.len && memcmp(got.data, want.data, want.len * sizeof *want.data) != 0))
        fail_msg("\"%s\" does not become \"%s\"", from, to);
    fc_codes_fini(&in);
    fc_codes_fini(&got);
    fc_codes_fini(&want);
}

static void test_lower(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"ABC xyz", "abc xyz"},
        {"\u00c9\u0416\u0130", "\u00e9\u0436i\u0307"},
        {"\u1e9e\u212a\u2126", "\u00dfk\u03c9"},
        {"\u03a3", "\u03c3"},
        {"A\u03a3", "a\u03c2"},
        {"A\u03a3B", "a\u03c3b"},
        {"A.\u03a3", "a.\u03c2"}, /* the dot is looked through */
        {"A\u03a3'B", "a\u03c3'b"},
        {"A\u03a3-B", "a\u03c2-b"},
        {"1\u03a3", "1\u03c3"},
        {"\u24b6\u03a3", "\u24d0\u03c2"}, /* a circled letter is cased though no letter */
        {"\u00aa\u03a3\u0301", "\u00aa\u03c2\u0301"},
        {"A\u03a3\u03a3", "a\u03c3\u03c2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_mapping(fc_unicode_lower, cases[i][0], cases[i][1]);
}

static void test_normal_forms(void **state)
{
    (void)state;
    check_mapping(fc_unicode_decompose, "\u00e9\u1ed9\uac01", "e\u0301o\u0323\u0302\u1100\u1161\u11a8");
    check_mapping(fc_unicode_decompose, "a\u0301\u0323\u0327",
                  "a\u0327\u0323\u0301");                                  /* classes 230, 220, 202 */
    check_mapping(fc_unicode_decompose, "a\u0301\u0300", "a\u0301\u0300"); /* equal class: order stays */
    check_mapping(fc_unicode_compose, "e\u0301o\u0302\u0323\u1100\u1161\u11a8", "\u00e9\u1ed9\uac01");
    check_mapping(fc_unicode_compose, "\u0958\u2126\ufb01",
                  "\u0915\u093c\u03a9\ufb01"); /* excluded; singleton; compat */
    check_mapping(fc_unicode_compose, "", "");
}

static void test_properties(void **state)
{
    (void)state;
    static const uint32_t others[] = {0,        9,        0x7f,     0x85,      0xad,   0x378,
                                      0x200b,   0x200d,   0xd800,   0xe000,    0xfeff, 0xfffe,
                                      0x10fffd, 0x10ffff, 0x110000, 0xffffffff};
    static const uint32_t assigned[] = {' ', 'a', 0xa0, 0x300, 0x3000, 0x1f600, 0xfffd, 0x2ebe0, 0x30000};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_true(fc_unicode_is_other(others[i]));
    for (size_t i = 0; i < sizeof assigned / sizeof *assigned; i++)
        assert_false(fc_unicode_is_other(assigned[i]));
    assert_true(fc_unicode_is_other(0x1fae0)); /* came with Unicode 14.0, after the reference's 13.0 */
    assert_true(fc_unicode_is_space(0x2028) && fc_unicode_is_space(0x1c) && !fc_unicode_is_space(0x200b));
    assert_true(fc_unicode_is_letter(0x4e00) && fc_unicode_is_letter('z') && !fc_unicode_is_letter(0x24b6));
    assert_true(fc_unicode_is_number(0x2167) && fc_unicode_is_number(0xbd) && !fc_unicode_is_number('a'));
    assert_true(fc_unicode_is_punctuation('$') && fc_unicode_is_punctuation(0x2026) &&
                !fc_unicode_is_punctuation(0x20ac));
    assert_true(fc_unicode_is_ideograph(0x3400) && fc_unicode_is_ideograph(0x2ceaf) &&
                !fc_unicode_is_ideograph(0x3042));
    assert_int_equal(fc_unicode_decimal('7'), 7);
    assert_int_equal(fc_unicode_decimal(0x663), 3);
    assert_int_equal(fc_unicode_decimal(0x1d7d8), 0); /* five sets of digits side by side */
    assert_int_equal(fc_unicode_decimal(0x1d7ff), 9);
    assert_int_equal(fc_unicode_decimal(0xb2), -1);
}

/* No character grows beyond FC_CLEAN_GROWTH times its size; every output is valid UTF-8. */
static void test_clean_bounds(void **state)
{
    (void)state;
    fc_err err = {0};
    for (uint32_t c = 0; c < 0x110000; c += c < 0x3400 || (c >= 0xf900 && c < 0x20000) ? 1 : 97) {
        char text[8];
        size_t size = fc_utf8_encode(c, text);
        size += fc_utf8_encode(c, text + size);
        for (fc_clean_rule rule = FC_CLEAN_STRIP_ACCENTS; rule <= FC_CLEAN_KEEP_ACCENTS; rule++) {
            fc_buf out;
            fc_buf_init(&out, size * FC_CLEAN_GROWTH);
            assert_ok(fc_clean_text(rule, text, size, &out, &err), &err);
            assert_true(fc_utf8_valid(fc_buf_cstr(&out), out.len));
            fc_buf_fini(&out);
        }
    }
}

static void check_cleaned(fc_clean_rule rule, const char *text, const char *want)
{
    fc_err err = {0};
    fc_buf out;
    fc_buf_init(&out, 1000);
    assert_ok(fc_clean_text(rule, text, strlen(text), &out, &err), &err);
    assert_string_equal(fc_buf_cstr(&out), want);
    fc_buf_fini(&out);
}

static void test_clean(void **state)
{
    (void)state;
    check_cleaned(FC_CLEAN_STRIP_ACCENTS,
                  "\xff"
                  "A\xe2\x82"
                  "b",
                  "ab"); /* malformed bytes vanish */
    check_cleaned(FC_CLEAN_STRIP_ACCENTS, "\u0301", "");
    check_cleaned(FC_CLEAN_STRIP_ACCENTS, "a\u0301.\u0301b", "a . b");
    check_cleaned(FC_CLEAN_STRIP_ACCENTS, "x\u2028y\u200bz", "x yz");
    check_cleaned(FC_CLEAN_STRIP_ACCENTS, "\u1fefx\u037e", "` x ;"); /* become ASCII punctuation in NFD */
    check_cleaned(FC_CLEAN_KEEP_ACCENTS, "E\u0301.\u2029B\u4e00c", "\u00e9. b \u4e00 c");
    check_cleaned(FC_CLEAN_KEEP_ACCENTS, "\u0130", "i\u0307"); /* lower-cased after NFC */
}

/* A word that could not be taken must fail the whole text, also when more words follow. */
static fc_status clean_once(void *user)
{
    (void)user;
    static const char text[] = "a o\u0302\u0323 b x\u0302\u0323\u0302\u0323 c";
    fc_buf out;
    fc_buf_init(&out, 1000);
    fc_status s = fc_clean_text(FC_CLEAN_KEEP_ACCENTS, text, sizeof text - 1, &out, NULL);
    if (!s) assert_string_equal(fc_buf_cstr(&out), "a \u1ed9 b x\u0323\u0323\u0302\u0302 c");
    fc_buf_fini(&out);
    return s;
}

static void test_clean_out_of_memory(void **state)
{
    (void)state;
    assert_true(fc_test_torture(clean_once, NULL) >= 5); /* word, NFC, marks, lower case, output */
}

static void test_pyfloat(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"1.5", 1.5},
        {" 1.5\t\v", 1.5},
        {"+.5", 0.5},
        {"-2.", -2},
        {"1e1", 10},
        {"1E-1_0", 1e-10},
        {"1_0.0_1", 10.01},
        {"00012", 12},
        {"1e-999", 0},
        {"0.1", 0.1},
        {"1e999", HUGE_VAL},
        {"-1e999", -HUGE_VAL},
        {"inf", HUGE_VAL},
        {"-Infinity", -HUGE_VAL},
        {"+iNF", HUGE_VAL},
        {"\u0661\u0662.\u0665", 12.5},
        {"\uff11e\uff12", 100},
        {"\u30001\u00a0", 1},
        {"\302\205"
         "1",
         1},
        {"nan", (double)NAN},
        {"-nAn", (double)NAN},
    };
    static const char *const bad[] = {"",
                                      " ",
                                      "+",
                                      ".",
                                      "e1",
                                      "1e",
                                      "1e+",
                                      "_1",
                                      "1_",
                                      "1__0",
                                      "1_.0",
                                      "1._0",
                                      "1e_1",
                                      "1_e1",
                                      "0x10",
                                      "1 2",
                                      "--1",
                                      "1f",
                                      "infinit",
                                      "nan1",
                                      "in_f",
                                      "\x1c"
                                      "1",
                                      "\u22121",
                                      "1\x7f",
                                      "\u00b2",
                                      "\xff",
                                      "1,5"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = 77;
        fc_status s = fc_pyfloat_parse(good[i].text, strlen(good[i].text), &value);
        bool same = value == good[i].value || (isnan(value) && isnan(good[i].value));
        if (s || !same) fail_msg("\"%s\": status %d, value %.17g", good[i].text, s, value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value;
        if (fc_pyfloat_parse(bad[i], strlen(bad[i]), &value) != FC_ARG)
            fail_msg("\"%s\" is taken as a number", bad[i]);
    }
    double value;
    assert_int_equal(fc_pyfloat_parse("1\0", 2, &value), FC_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lower),
        cmocka_unit_test(test_normal_forms),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_clean_bounds),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_pyfloat),
        cmocka_unit_test(test_clean_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

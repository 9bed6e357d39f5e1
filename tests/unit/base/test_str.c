/* base/str: UTF-8, strict numbers, helpers. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "support/support.h"

static void utf8_round_trip_of_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char bytes[4];
        uint32_t back = 0;
        bool surrogate = c >= 0xd800 && c <= 0xdfff;
        size_t n = fc_utf8_encode(c, bytes);
        if (fc_utf8_decode(bytes, n, &back) != n || back != (surrogate ? 0xfffd : c)) fail_msg("U+%X", c);
        if (!fc_utf8_valid(bytes, n)) fail_msg("U+%X is not valid", c);
        if (n > 1 && fc_utf8_valid(bytes, n - 1)) fail_msg("U+%X cut is valid", c);
    }
    char bytes[4];
    uint32_t back;
    assert_int_equal(fc_utf8_encode(0x110000, bytes), 3);
    assert_int_equal(fc_utf8_decode(bytes, 3, &back), 3);
    assert_int_equal(back, 0xfffd);
}

static void malformed_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xc3(",
                                      "\xe2\x82(",
                                      "\xf0\x9f\x98x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t c = 0;
        assert_false(fc_utf8_valid(bad[i], strlen(bad[i])));
        assert_int_equal(fc_utf8_decode(bad[i], strlen(bad[i]), &c), 1);
        assert_int_equal(c, 0xfffd);
    }
    assert_true(fc_utf8_valid("", 0));
    assert_true(fc_utf8_valid("a\0b", 3));
}

static void integers_are_strict(void **state)
{
    (void)state;
    int64_t i = 5;
    uint64_t u = 5;
    static const char *const bad[] = {
        "", "-", "+", " 1", "1 ", "0x10", "1.0", "1e3", "--1", "+-1", "9223372036854775808"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) assert_false(fc_parse_i64(bad[k], &i));
    assert_false(fc_parse_i64("-9223372036854775809", &i));
    assert_int_equal(i, 5);
    assert_true(fc_parse_i64("-9223372036854775808", &i) && i == INT64_MIN);
    assert_true(fc_parse_i64("9223372036854775807", &i) && i == INT64_MAX);
    assert_true(fc_parse_i64("+007", &i) && i == 7);
    assert_true(fc_parse_i64("-0", &i) && i == 0);
    assert_true(fc_parse_u64("18446744073709551615", &u) && u == UINT64_MAX);
    assert_false(fc_parse_u64("18446744073709551616", &u));
    assert_false(fc_parse_u64("99999999999999999999999", &u));
    assert_false(fc_parse_u64("+1", &u));
    assert_false(fc_parse_u64("-1", &u));
}

static void decimals_are_strict(void **state)
{
    (void)state;
    double d = 5.0;
    static const char *const bad[] = {"",    ".",     "-",     "+.",     "e5", "1e",
                                      "1e+", "inf",   "nan",   "0x1p3",  " 1", "1 ",
                                      "1,5", "1.5.2", "1e999", "-1e999", "1f", "infinity"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) assert_false(fc_parse_f64(bad[k], &d));
    assert_true(d == 5.0);
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0.0},      {"-1.5", -1.5}, {"+.5", 0.5}, {"2.", 2.0},
                {"1e3", 1000.0}, {"1E-3", 1e-3}, {"0.1", 0.1}, {"1e-999", 0.0}};
    for (size_t k = 0; k < sizeof good / sizeof *good; k++)
        assert_true(fc_parse_f64(good[k].text, &d) && d == good[k].value);
}

static void ends_and_cases(void **state)
{
    (void)state;
    assert_true(fc_str_eq_nocase("HeLLo", "hEllO") && fc_str_eq_nocase("", ""));
    assert_false(fc_str_eq_nocase("a", "ab") || fc_str_eq_nocase("ab", "a") ||
                 fc_str_eq_nocase("\xc3\x84", "\xc3\xa4"));
    assert_true(fc_str_starts("model.x", "model.") && fc_str_starts("x", ""));
    assert_false(fc_str_starts("mod", "model"));
    assert_true(fc_str_ends("a.png", ".png") && fc_str_ends_nocase("a.PNG", ".png"));
    assert_false(fc_str_ends("a.PNG", ".png") || fc_str_ends("g", ".png"));
}

static void closest_guesses_typing_errors(void **state)
{
    (void)state;
    static const char *const names[] = {"euler",    "euler_ancestral",  "heun",
                                        "dpmpp_2m", "dpmpp_2m_sde_gpu", "uni_pc"};
    static const struct {
        const char *wanted, *guess;
    } cases[] = {
        {"eluer", "euler"},  {"EULER", "euler"}, {"dpmp_2m", "dpmpp_2m"},
        {"unipc", "uni_pc"}, {"huen", "heun"},   {"completely", NULL},
        {"", NULL},          {"x", NULL},        {"euler_ancestal", "euler_ancestral"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *guess = fc_str_closest(cases[i].wanted, names, sizeof names / sizeof *names);
        if (!cases[i].guess)
            assert_null(guess);
        else
            assert_string_equal(guess, cases[i].guess);
    }
    char longest[1000];
    memset(longest, 'e', sizeof longest);
    longest[999] = '\0';
    const char *const one[] = {longest};
    assert_null(fc_str_closest(longest, names, 6));
    assert_null(fc_str_closest("eee", one, 1));
    assert_null(fc_str_closest("eee", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_round_trip_of_every_code_point),
        cmocka_unit_test(malformed_utf8_is_refused),
        cmocka_unit_test(integers_are_strict),
        cmocka_unit_test(decimals_are_strict),
        cmocka_unit_test(ends_and_cases),
        cmocka_unit_test(closest_guesses_typing_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

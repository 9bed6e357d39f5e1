/* Words that the text encoders cannot read are found in any script, and no others. */
#include "app/prompt/script_check.h"

#include <stdio.h>
#include <string.h>
#include "support/planning.h"

static void expect(const char *text, const char *script, const char *word)
{
    char got[80];
    const char *name = fc_text_unread_script(text, true, got, sizeof got);
    if (!script) {
        if (name) fail_msg("%s: %s", text, name);
        return;
    }
    if (!name || strcmp(name, script) != 0)
        fail_msg("%s: %s, wanted %s", text, name ? name : "nothing", script);
    assert_string_equal(got, word);
}

static void test_scripts(void **state)
{
    (void)state;
    expect("a red house by the sea, 8k", NULL, "");
    expect("caf\u00e9, na\u00efve, Stra\u00dfe, \u017c\u00f3\u0142w, \u0110\u1ebfn", NULL, "");
    expect("an \u03b1 and a \u03a9, 20 \u00b5m, \u2014 \U0001f600 \u2605", NULL, "");
    expect("\u043a\u0440\u0430\u0441\u043d\u044b\u0439 \u0434\u043e\u043c", "Cyrillic",
           "\u043a\u0440\u0430\u0441\u043d\u044b\u0439");
    expect("a house, \u732b", "Chinese", "\u732b");
    expect("\u7ea2\u8272\u7684\u623f\u5b50", "Chinese", "\u7ea2\u8272\u7684\u623f\u5b50");
    expect("\u8d64\u3044\u5bb6", "Japanese", "\u8d64\u3044\u5bb6");
    expect("\u30b3\u30fc\u30d2\u30fc", "Japanese", "\u30b3\u30fc\u30d2\u30fc");
    expect("(\uace0\uc591\uc774:1.2)", "Korean", "\uace0\uc591\uc774");
    expect("\u0628\u064a\u062a \u0623\u062d\u0645\u0631", "Arabic", "\u0628\u064a\u062a");
    expect("\u05d1\u05d9\u05ea", "Hebrew", "\u05d1\u05d9\u05ea");
    expect("\u0e1a\u0e49\u0e32\u0e19", "Thai", "\u0e1a\u0e49\u0e32\u0e19");
    expect("\u03ba\u03cc\u03ba\u03ba\u03b9\u03bd\u03bf", "Greek",
           "\u03ba\u03cc\u03ba\u03ba\u03b9\u03bd\u03bf");
}

static void test_long_words_are_cut_between_characters(void **state)
{
    (void)state;
    char got[8];
    const char *text = "\u7ea2\u8272\u7684\u623f\u5b50";
    assert_non_null(fc_text_unread_script(text, true, got, sizeof got));
    assert_string_equal(got, "\u7ea2\u8272");
    assert_null(fc_text_unread_script(text, false, got, sizeof got)); /* the glossary has taken care of it */
    assert_non_null(fc_text_unread_script("\u8d64\u3044\u5bb6", false, got, sizeof got));
}

/* In the plan: told once, whatever the recipe, raw or not. */
static void test_plans_tell_it(void **state)
{
    (void)state;
    static const char *const requests[] = {"{\"recipe\": \"1.0\", \"count\": 3, ",
                                           "{\"recipe\": \"2.5\", \"count\": 3, ", "{\"raw\": true, "};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        char request[300];
        fc_err err = {0};
        planned p;
        int told = 0;
        snprintf(request, sizeof request,
                 "%s\"prompt\": \"\u043a\u0440\u0430\u0441\u043d\u044b\u0439 \u0434\u043e\u043c\"}",
                 requests[i]);
        assert_ok(plan_json_request(&p, request, NULL, 1, &err), &err);
        for (int32_t k = 0; k < p.plan.warnings.count; k++)
            told += strstr(p.plan.warnings.items[k], "Cyrillic") != NULL;
        assert_int_equal(told, 1);
        planned_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_long_words_are_cut_between_characters),
        cmocka_unit_test(test_plans_tell_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

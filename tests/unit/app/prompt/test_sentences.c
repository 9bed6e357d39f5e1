/* app/prompt/sentences: what of a prompt line is translated, and what stays. The translator of this test
 * writes its sentence in angle quotes. */
#include "app/prompt/sentences.h"

#include <string.h>

#include "support/support.h"

static bool reads(void *user, const char *language)
{
    (void)user;
    return language != NULL;
}

static fc_status run(void *user, const char *language, const char *sentence, fc_arena *arena,
                     const char **english, fc_err *err)
{
    (void)language;
    if (user) return fc_fail(err, FC_FORMAT, "broken");
    *english = fc_arena_printf(arena, "\xc2\xab%s\xc2\xbb.", sentence);
    return FC_OK;
}

static void what_stays_and_what_is_translated(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a red house, (watercolor:1.2)", "a red house, (watercolor:1.2)"},
        {"红色的房子，水彩画", "«红色的房子，水彩画»"},
        {"(红色:1.3)的旗帜", "(«红色»:1.3) «的旗帜»"},
        {"（红色：1.3）旗帜", "(«红色»:1.3) «旗帜»"},
        {"城堡 <lora:水彩:0.7> 夜晚", "«城堡» <lora:水彩:0.7> «夜晚»"},
        {"猫, embedding:坏 , 狗", "«猫», embedding:坏 , «狗»"},
        {"一只猫。 two dogs", "«一只猫。». two dogs"},
        {"красный дом", "«красный дом»"},
        {"赤い家", "«赤い家»"},
        {"猫，(狗:1.2)、a dog", "«猫», («狗»:1.2), a dog"},
        {"[猫|狗]", "[«猫»|«狗»]"},
        {"猫\\(画\\)", "«猫»\\(«画»\\)"},
        {"猫\n狗", "«猫»\n«狗»"},
    };
    const fc_sentence_translator t = {NULL, reads, run};
    fc_arena arena;
    fc_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *english;
        fc_err err = {0};
        assert_ok(fc_line_translate(&t, cases[i][0], &arena, &english, &err), &err);
        assert_string_equal(english, cases[i][1]);
    }
    fc_arena_fini(&arena);
}

static void a_failure_is_handed_on(void **state)
{
    (void)state;
    const fc_sentence_translator t = {"", reads, run};
    const char *english;
    fc_arena arena;
    fc_err err = {0};
    fc_arena_init(&arena, 1 << 20);
    assert_fails(fc_line_translate(&t, "猫", &arena, &english, &err), FC_FORMAT, &err, "broken");
    fc_arena_fini(&arena);
}

static void letters_tell_the_language(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"红色", "zh"},    {"赤い家", "ja"},   {"고양이", "ko"},
                                           {"дом тут", "ru"}, {"بيت أحمر", "ar"}, {"σπίτι", "el"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(fc_text_language(cases[i][0]), cases[i][1]);
    assert_null(fc_text_language("ein rotes Haus, caf\xc3\xa9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_and_what_is_translated),
        cmocka_unit_test(a_failure_is_handed_on),
        cmocka_unit_test(letters_tell_the_language),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

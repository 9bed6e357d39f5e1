/* app/prompt/glossary: Chinese prompts in English. */
#include <string.h>

#include "app/common/app_data.h"
#include "app/prompt/glossary.h"
#include "base/file.h"
#include "base/str.h"
#include "support/app_cases.h"
#include "text/unicode.h"

static fc_arena arena;
static fc_glossary glossary;

static int open_glossary(void **state)
{
    (void)state;
    fc_err err = {0};
    fc_arena_init(&arena, 64 << 20);
    assert_ok(fc_glossary_open(&arena, &glossary, &err), &err);
    return 0;
}

static int close_glossary(void **state)
{
    (void)state;
    fc_arena_fini(&arena);
    return 0;
}

/* "| Chinese | English |" in docs/CHINESE.md, each read and found right. */
static void check_row(char *row)
{
    fc_glossary_text t;
    fc_err err = {0};
    char *english = strstr(row + 2, " | "), *end = english ? strstr(english + 3, " |") : NULL;
    if (!end) fail_msg("not a row of two: %s", row);
    *english = *end = '\0';
    assert_ok(fc_glossary_translate(&glossary, row + 2, &arena, &t, &err), &err);
    assert_string_equal(t.english, english + 3);
}

static void the_sentences_of_the_manual_come_out_as_it_says(void **state)
{
    (void)state;
    fc_err err = {0};
    fc_buf text;
    int rows = 0;
    fc_buf_init(&text, 1 << 20);
    assert_ok(fc_file_read(FC_SOURCE_DIR "/docs/CHINESE.md", &text, &err), &err);
    char *table = strstr(text.data, "|---|---|\n");
    assert_non_null(table);
    for (char *row = table + 10, *end; *row == '|'; row = end + 1, rows++) {
        end = strchr(row, '\n');
        assert_non_null(end);
        *end = '\0';
        check_row(row);
    }
    assert_true(rows >= 80);
    fc_buf_fini(&text);
}

static void words_without_english_are_named_once(void **state)
{
    (void)state;
    fc_glossary_text t;
    fc_err err = {0};
    assert_ok(fc_glossary_translate(&glossary, "舟子和猫，舟子", &arena, &t, &err), &err);
    assert_string_equal(t.english, "舟子 and cat, 舟子");
    assert_int_equal(t.unknown.count, 1);
    assert_string_equal(t.unknown.items[0], "舟子");
}

static void what_is_not_chinese_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "a (red:1.2) fox, [[a, b]] <lora:x:0.5>",
                                        "a  b ,c\n d",
                                        "caf\xc3\xa9",
                                        "(((",
                                        "\xd0\xba\xd0\xbe\xd1\x82",
                                        "\xe7\x8c x"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fc_glossary_text t;
        fc_err err = {0};
        assert_ok(fc_glossary_translate(&glossary, texts[i], &arena, &t, &err), &err);
        assert_string_equal(t.english, texts[i]);
        assert_int_equal(t.unknown.count, 0);
    }
}

static void chinese_is_told_from_its_neighbours(void **state)
{
    (void)state;
    assert_true(fc_text_is_chinese("a photo of 猫"));
    assert_true(fc_text_is_chinese("貓"));
    assert_false(fc_text_is_chinese("a cat, (red:1.2)"));
    assert_false(fc_text_is_chinese("猫の絵")); /* Japanese */
    assert_false(fc_text_is_chinese("고양이"));
    assert_false(fc_text_is_chinese("кот"));
}

static void a_long_text_is_refused(void **state)
{
    (void)state;
    fc_glossary_text t;
    fc_err err = {0};
    size_t size = (64 << 10) + 3;
    char *text = fc_arena_alloc(&arena, size + 1);
    for (size_t i = 0; i < size; i += 3) memcpy(text + i, "猫", 3);
    assert_fails(fc_glossary_translate(&glossary, text, &arena, &t, &err), FC_LIMIT, &err,
                 "can be translated");
}

/* Sentences of nothing but words that hold others inside do not go on for ever or nest without end. */
static void deep_sentences_end(void **state)
{
    (void)state;
    fc_glossary_text t;
    fc_err err = {0};
    fc_buf text;
    fc_buf_init(&text, 1 << 16);
    for (int i = 0; i < 500; i++) fc_buf_puts(&text, "戴着帽子的");
    fc_buf_puts(&text, "猫");
    assert_ok(fc_glossary_translate(&glossary, fc_buf_cstr(&text), &arena, &t, &err), &err);
    assert_non_null(strstr(t.english, "cat"));
    fc_buf_fini(&text);
}

static const char *const classes[] = {
    "[noun]",        "[adjective]",  "[verb]", "[number]", "[measure]",  "[place]",  "[preposition]",
    "[conjunction]", "[possessive]", "[have]", "[copula]", "[particle]", "[phrase]", "[time]"};

static void check_line(const char *name, const char *line, size_t size)
{
    if (size == 0 || *line == '#') return;
    if (*line == '[') {
        for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
            if (strlen(classes[i]) == size && !memcmp(classes[i], line, size)) return;
        fail_msg("%s: no such class: %.*s", name, (int)size, line);
    }
    const char *colon = memchr(line, ':', size);
    if (!colon || colon + 1 == line + size || colon[1] != ' ') fail_msg("%s: %.*s", name, (int)size, line);
    for (const char *s = line; s < colon; s++)
        if ((unsigned char)*s >= 128) fail_msg("%s: English in %.*s", name, (int)size, line);
}

/* The lists themselves: known classes, English of ASCII, Chinese words with a Chinese character, none twice
 * in a class. */
static void the_lists_are_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < fc_app_data.count; i++) {
        const fc_embedded_file *file = &fc_app_data.files[i];
        const char *at = file->data, *end = file->data + file->size;
        if (!fc_str_starts(file->name, "glossary/zh/") || strstr(file->name, "traditional")) continue;
        while (at < end) {
            const char *line = at;
            size_t size = fc_line_next(&at, end);
            check_line(file->name, line, size);
        }
    }
    assert_true(glossary.count >= 4700);
    assert_true(glossary.pairs >= 400);
    for (size_t i = 0; i < glossary.count; i++) {
        const fc_word *w = &glossary.words[i];
        if (!fc_text_is_chinese(w->chinese)) fail_msg("%s is not Chinese", w->chinese);
        if (i && !strcmp(w[-1].chinese, w->chinese) && w[-1].class == w->class)
            fail_msg("%s stands twice: %s, %s", w->chinese, w[-1].english, w->english);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sentences_of_the_manual_come_out_as_it_says),
        cmocka_unit_test(words_without_english_are_named_once),
        cmocka_unit_test(what_is_not_chinese_stays),
        cmocka_unit_test(chinese_is_told_from_its_neighbours),
        cmocka_unit_test(a_long_text_is_refused),
        cmocka_unit_test(deep_sentences_end),
        cmocka_unit_test(the_lists_are_in_order),
    };
    return cmocka_run_group_tests(tests, open_glossary, close_glossary);
}

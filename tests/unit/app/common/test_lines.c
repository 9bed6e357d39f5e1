/* app/lines: cutting and tidying prompts as Python does. */
#include <string.h>

#include "app/common/lines.h"
#include "support/app_cases.h"

static void prompts_are_split_as_by_the_reference(void **state)
{
    (void)state;
    json_t *cases = app_cases("prompt_lines"), *c;
    size_t i;
    json_array_foreach(cases, i, c)
    {
        const char *text = app_text(c, "in");
        const json_t *want = json_object_get(c, "out");
        fc_arena arena;
        fc_lines got;
        fc_arena_init(&arena, 1 << 20);
        fc_lines_init(&got, &arena);
        fc_prompt_split(&got, text, strlen(text));
        assert_int_equal(arena.status, FC_OK);
        if (got.count != json_array_size(want)) fail_msg("case %zu: %zu lines", i, got.count);
        for (size_t k = 0; k < got.count; k++)
            assert_string_equal(got.items[k], json_string_value(json_array_get(want, k)));
        fc_arena_fini(&arena);
    }
    assert_int_equal(i, 16);
    json_decref(cases);
}

static void check_split(const char *text, const char *const *want, size_t count)
{
    fc_arena arena;
    fc_lines got;
    fc_arena_init(&arena, 1 << 16);
    fc_lines_init(&got, &arena);
    fc_lines_split(&got, text, strlen(text));
    assert_int_equal(got.count, count);
    for (size_t i = 0; i < count; i++) assert_string_equal(got.items[i], want[i]);
    fc_arena_fini(&arena);
}

static void lines_end_where_python_ends_them(void **state)
{
    (void)state;
    check_split("", NULL, 0);
    check_split("\n", (const char *const[]){""}, 1);
    check_split("a\n", (const char *const[]){"a"}, 1);
    check_split("a\n\nb", (const char *const[]){"a", "", "b"}, 3);
    check_split("a\r\nb\rc\n\rd", (const char *const[]){"a", "b", "c", "", "d"}, 5);
    check_split("a\vb\fc\x1c"
                "d\x1d"
                "e\x1e"
                "f",
                (const char *const[]){"a", "b", "c", "d", "e", "f"}, 6);
    check_split("a\xc2\x85"
                "b\xe2\x80\xa8"
                "c\xe2\x80\xa9"
                "d",
                (const char *const[]){"a", "b", "c", "d"}, 4);
    check_split("a\x1f\xc2\xa0\xe2\x80\xa7z", (const char *const[]){"a\x1f\xc2\xa0\xe2\x80\xa7z"}, 1);
}

static void blanks_of_all_scripts_are_stripped(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {" \t\r\n", ""},
        {"  a b  ", "a b"},
        {"\xe3\x80\x80x\xc2\xa0", "x"},                             /* ideographic blank, no-break blank */
        {"\xe2\x80\x83 x \xe2\x80\xa8", "x"},                       /* em blank, line separator */
        {"\xe2\x80\x8bx\xe2\x80\x8b", "\xe2\x80\x8bx\xe2\x80\x8b"}, /* zero width is no white space */
        {"x\x80\x80 ", "x\x80\x80"},                                /* broken bytes stay */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i][0];
        size_t size = strlen(text);
        fc_text_strip(&text, &size);
        assert_int_equal(size, strlen(cases[i][1]));
        assert_memory_equal(text, cases[i][1], size);
    }
}

static fc_status split_once(void *user)
{
    (void)user;
    static const char text[] = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj";
    fc_arena arena;
    fc_lines l;
    fc_arena_init(&arena, 1 << 16);
    fc_lines_init(&l, &arena);
    fc_prompt_split(&l, text, sizeof text - 1);
    fc_status s = arena.status;
    if (!s) assert_int_equal(l.count, 10);
    fc_arena_fini(&arena);
    return s;
}

static void memory_failures_are_reported(void **state)
{
    (void)state;
    assert_true(fc_test_torture(split_once, NULL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_split_as_by_the_reference),
        cmocka_unit_test(lines_end_where_python_ends_them),
        cmocka_unit_test(blanks_of_all_scripts_are_stripped),
        cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

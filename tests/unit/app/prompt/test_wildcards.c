/* app/wildcards and app/arrays: words drawn as Python's random draws them, pictures counted through arrays.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/prompt/arrays.h"
#include "app/prompt/wildcards.h"
#include "base/str.h"
#include "support/app_cases.h"

/* Resolves text from a fresh stream; the result is a static buffer. */
static const char *resolve(fc_wildcards *w, const char *text, uint64_t seed, uint64_t image, bool in_order)
{
    static char result[70000];
    fc_pyrandom random;
    fc_buf out;
    fc_err err;
    fc_pyrandom_seed(&random, seed);
    fc_wildcard_draw draw = {.random = &random, .in_order = in_order, .image = image};
    fc_buf_init(&out, sizeof result - 1);
    assert_ok(fc_wildcards_apply(w, text, &draw, &out, &err), &err);
    snprintf(result, sizeof result, "%s", fc_buf_cstr(&out));
    fc_buf_fini(&out);
    return result;
}

static void words_are_those_of_the_reference(void **state)
{
    (void)state;
    json_t *root = app_cases("wildcards"), *content, *c;
    const char *name;
    char path[300];
    json_object_foreach(json_object_get(root, "files"), name, content)
    {
        snprintf(path, sizeof path, "reference/sub/%s.txt", name);
        app_write(path, json_string_value(content));
    }
    fc_wildcards *w;
    app_warnings warnings;
    fc_err err;
    assert_ok(
        fc_wildcards_open(&(const char *){fc_test_tmp_path("reference")}, 1, app_warn(&warnings), &w, &err),
        &err);
    size_t i;
    json_array_foreach(json_object_get(root, "cases"), i, c)
    {
        uint64_t seed;
        assert_true(fc_parse_u64(app_text(c, "seed"), &seed));
        const char *got =
            resolve(w, app_text(c, "in"), seed, (uint64_t)json_integer_value(json_object_get(c, "image")),
                    json_is_true(json_object_get(c, "in_order")));
        assert_string_equal(got, app_text(c, "out"));
    }
    assert_int_equal(i, 29 * 4);
    fc_wildcards_close(w);
    json_decref(root);
}

static void built_in_wildcards_work_without_files(void **state)
{
    (void)state;
    fc_wildcards *w;
    app_warnings warnings;
    fc_err err;
    assert_ok(fc_wildcards_open(NULL, 0, app_warn(&warnings), &w, &err), &err);
    assert_int_equal(fc_wildcards_count(w), 7);
    assert_string_equal(fc_wildcards_name(w, 0), "animal");
    assert_string_equal(fc_wildcards_name(w, 6), "nationality");
    assert_null(fc_wildcards_name(w, 7));
    assert_string_equal(resolve(w, "__animal__", 12345, 0, false),
                        "hamster"); /* line 54: choice(100) gives 53 */
    assert_string_equal(resolve(w, "__extended-color__", 0, 146, true), "yellow green");
    const char *nested = resolve(w, "__color_flower__", 1, 0, false);
    assert_null(strstr(nested, "_"));
    assert_non_null(strchr(nested, ' '));
    assert_int_equal(warnings.count, 0);
    fc_wildcards_close(w);
}

static void files_of_the_user_come_before_built_in_ones(void **state)
{
    (void)state;
    app_write("own/color.txt", "mauve\n");
    app_write("own/z/animal.TXT", "\xef\xbb\xbfhedgehog\n");
    app_write("own/z/notes.md", "no wildcard\n");
    app_write("own/bad.txt", "caf\xe9\n");
    app_write("own/nothing.txt", "\n\n");
    fc_wildcards *w;
    app_warnings warnings;
    fc_err err;
    assert_ok(fc_wildcards_open(&(const char *){fc_test_tmp_path("own")}, 1, app_warn(&warnings), &w, &err),
              &err);
    assert_int_equal(fc_wildcards_count(w), 9);
    assert_string_equal(resolve(w, "__color__ __animal__", 5, 0, false), "mauve hedgehog");
    assert_int_equal(warnings.count, 0);
    assert_string_equal(resolve(w, "__bad__ __nothing__ __notes__", 5, 0, false), "bad nothing notes");
    assert_non_null(strstr(warnings.text, "bad.txt: it is not UTF-8"));
    assert_non_null(strstr(warnings.text, "nothing has no lines"));
    assert_non_null(strstr(warnings.text, "notes.txt"));
    assert_int_equal(warnings.count, 3);
    resolve(w, "__bad__ __nothing__ __notes__ __notes__", 6, 1, false); /* told once is enough */
    assert_int_equal(warnings.count, 3);
    fc_wildcards_close(w);
}

static void names_cannot_leave_the_folder(void **state)
{
    (void)state;
    app_write("outside.txt", "secret\n");
    app_write("jail/inside.txt", "fine\n");
    fc_wildcards *w;
    app_warnings warnings;
    fc_err err;
    assert_ok(fc_wildcards_open(&(const char *){fc_test_tmp_path("jail")}, 1, app_warn(&warnings), &w, &err),
              &err);
    assert_string_equal(resolve(w, "__../outside__ __outside__ __/etc/passwd__", 1, 0, false),
                        "__../outside__ outside __/etc/passwd__");
    fc_wildcards_close(w);
}

static void growth_is_bounded(void **state)
{
    (void)state;
    app_write("bomb/bomb.txt", "__bomb__ __bomb__\n");
    app_write("bomb/loop.txt", "x __loop__\n");
    app_write("bomb/long.txt", "0123456789012345678901234567890123456789 __long__ __long__\n");
    fc_wildcards *w;
    app_warnings warnings;
    fc_pyrandom random;
    fc_buf out;
    fc_err err;
    fc_pyrandom_seed(&random, 1);
    fc_wildcard_draw draw = {.random = &random};
    fc_buf_init(&out, 1 << 20);
    assert_ok(fc_wildcards_open(&(const char *){fc_test_tmp_path("bomb")}, 1, app_warn(&warnings), &w, &err),
              &err);
    assert_fails(fc_wildcards_apply(w, "__bomb__", &draw, &out, &err), FC_LIMIT, &err, "circle");
    assert_int_equal(out.len, 0);
    assert_fails(fc_wildcards_apply(w, "__long__ __long__", &draw, &out, &err), FC_LIMIT, &err, NULL);
    assert_ok(fc_wildcards_apply(w, "__loop__", &draw, &out, &err), &err);
    assert_int_equal(out.len, 2 * FC_WILDCARD_MAX_PASSES + strlen("__loop__"));
    assert_non_null(strstr(warnings.text, "more than 64"));
    fc_buf_fini(&out);
    fc_wildcards_close(w);
}

static void circles_of_links_end(void **state)
{
    (void)state;
    app_write("circle/a/word.txt", "once\n");
    const char *link = fc_test_tmp_path("circle/a/back");
    assert_int_equal(symlink("..", link), 0);
    fc_wildcards *w;
    fc_err err;
    assert_ok(fc_wildcards_open(&(const char *){fc_test_tmp_path("circle")}, 1, (fc_warn){0}, &w, &err),
              &err);
    assert_int_equal(fc_wildcards_count(w), 8);
    fc_wildcards_close(w);
}

static void arrays_count_as_in_the_reference(void **state)
{
    (void)state;
    json_t *cases = app_cases("arrays"), *c, *want;
    size_t i, k;
    json_array_foreach(cases, i, c)
    {
        json_array_foreach(json_object_get(c, "out"), k, want)
        {
            fc_buf out;
            fc_buf_init(&out, 1000);
            fc_arrays_apply(app_text(c, "in"), k, &out);
            assert_string_equal(fc_buf_cstr(&out), json_string_value(want));
            fc_buf_fini(&out);
        }
    }
    assert_int_equal(i, 16);
    json_decref(cases);
}

static void arrays_know_their_combinations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t count;
    } cases[] = {{"", 1},     {"a", 1},    {"[[a]]", 1}, {"[[a,b]]", 2}, {"[[a,b]] [[c,d,e]]", 6},
                 {"[[]]", 1}, {"[[a,b", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(fc_arrays_count(cases[i].text), cases[i].count);
    fc_buf many, out;
    fc_buf_init(&many, 1 << 16);
    fc_buf_init(&out, 1 << 16);
    for (int i = 0; i < 64; i++) fc_buf_puts(&many, "[[a,b,c]]");
    assert_true(fc_arrays_count(fc_buf_cstr(&many)) == UINT64_MAX);
    fc_arrays_apply(fc_buf_cstr(&many), UINT64_MAX, &out);
    assert_int_equal(out.len, 64);
    fc_buf_fini(&many);
    fc_buf_fini(&out);
}

/* However a person writes a file's name and a file its lines; what is no wildcard stays, and is told. */
static void names_and_lines_of_every_kind(void **state)
{
    (void)state;
    app_write("field/sub/beast.txt", "a cat\n");
    app_write("field/other/beast.txt", "a dog\n");
    app_write("field/my own/two words.txt", "an owl\n");
    app_write("field/commented.txt", "# a comment\nred\n\n#blue\n");
    app_write("field/marked.txt", "\xef\xbb\xbfgreen\r\n");
    static const char *const cases[][2] = {
        {"a __sub/beast__", "a a cat"},
        {"a __sub\\beast__", "a a cat"},
        {"__sub/beast__/__other/beast__", "a cat/a dog"},
        {"__my own/two words__!", "an owl!"},
        {"__two words__", "an owl"},
        {"__commented__ __marked__", "red green"},
        {"a __sub/bird__ flies", "a __sub/bird__ flies"},
        {"snake__case and __ alone", "snake__case and __ alone"},
    };
    fc_wildcards *w;
    app_warnings warnings;
    fc_err err;
    const char *folder = fc_test_tmp_path("field");
    assert_ok(fc_wildcards_open(&folder, 1, app_warn(&warnings), &w, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(resolve(w, cases[i][0], 1, 0, false), cases[i][1]);
    assert_int_equal(warnings.count, 1);
    assert_non_null(strstr(warnings.text, "sub/bird"));
    fc_wildcards_close(w);
}

static fc_status apply_once(void *user)
{
    (void)user;
    fc_wildcards *w;
    fc_pyrandom random;
    fc_buf out;
    fc_pyrandom_seed(&random, 3);
    fc_wildcard_draw draw = {.random = &random};
    fc_buf_init(&out, 1000);
    fc_status s = fc_wildcards_open(&(const char *){fc_test_tmp_path("torture")}, 1, (fc_warn){0}, &w, NULL);
    if (!s) s = fc_wildcards_apply(w, "__color_flower__ __own__", &draw, &out, NULL);
    if (!s) assert_non_null(strstr(fc_buf_cstr(&out), " mine"));
    fc_wildcards_close(w);
    fc_buf_fini(&out);
    return s;
}

static void memory_failures_are_reported(void **state)
{
    (void)state;
    app_write("torture/own.txt", "mine\n");
    assert_true(fc_test_torture(apply_once, NULL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_those_of_the_reference),
        cmocka_unit_test(built_in_wildcards_work_without_files),
        cmocka_unit_test(files_of_the_user_come_before_built_in_ones),
        cmocka_unit_test(names_cannot_leave_the_folder),
        cmocka_unit_test(names_and_lines_of_every_kind),
        cmocka_unit_test(growth_is_bounded),
        cmocka_unit_test(circles_of_links_end),
        cmocka_unit_test(arrays_count_as_in_the_reference),
        cmocka_unit_test(arrays_know_their_combinations),
        cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

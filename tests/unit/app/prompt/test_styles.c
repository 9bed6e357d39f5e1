/* app/styles: the shipped set, files of the user, names in every spelling, composition of both versions. */
#include <stdio.h>
#include <string.h>

#include "app/prompt/styles.h"
#include "base/mem.h"
#include "support/app_cases.h"
#include "text/clip_bpe.h"

static fc_styles *open_styles(const char *folder, app_warnings *warnings)
{
    fc_styles *s;
    fc_err err;
    assert_ok(fc_styles_open(&folder, folder ? 1 : 0, app_warn(warnings), &s, &err), &err);
    return s;
}

static void the_shipped_set_is_complete(void **state)
{
    (void)state;
    app_warnings warnings;
    fc_styles *s = open_styles(NULL, &warnings);
    assert_int_equal(warnings.count, 0);
    assert_int_equal(fc_styles_count(s), 279); /* 277 with texts */
    assert_string_equal(fc_styles_at(s, 0)->name, "Fooocus V2");
    assert_int_equal(fc_styles_at(s, 0)->kind, FC_STYLE_EXPANSION);
    assert_string_equal(fc_styles_at(s, 1)->name, "Random Style");
    assert_int_equal(fc_styles_at(s, 1)->kind, FC_STYLE_RANDOM);
    assert_string_equal(fc_styles_at(s, 2)->name, "Fooocus Enhance");
    assert_string_equal(fc_styles_at(s, 10)->name, "SAI 3D Model");
    assert_string_equal(fc_styles_at(s, 278)->name, "Mk Shepard Fairey Style");
    assert_null(fc_styles_at(s, 279));
    int without_prompt = 0, without_negative = 0;
    for (size_t i = 2; i < fc_styles_count(s); i++) {
        const fc_style *style = fc_styles_at(s, i);
        without_prompt += !*style->prompt;
        without_negative += !*style->negative;
        assert_false(style->hidden);
        assert_ptr_equal(fc_styles_find(s, style->name), style);
    }
    assert_int_equal(without_prompt, 3);
    assert_int_equal(without_negative, 2);
    fc_styles_close(s);
}

static size_t count_tokens(const char *text)
{
    fc_clip_bpe bpe;
    fc_codes codes;
    fc_err err;
    fc_clip_bpe_init(&bpe, &fc_clip_vocab_builtin, FC_CLEAN_KEEP_ACCENTS);
    fc_codes_init(&codes, 1000);
    assert_ok(fc_clip_bpe_encode(&bpe, text, strlen(text), &codes, &err), &err);
    size_t count = codes.len;
    fc_clip_bpe_fini(&bpe);
    fc_codes_fini(&codes);
    return count;
}

/* A chunk has 75 tokens: a template should leave at least a third of them to the user. */
static void templates_leave_room_for_the_prompt(void **state)
{
    (void)state;
    app_warnings warnings;
    fc_styles *s = open_styles(NULL, &warnings);
    size_t longest = 0, longest_negative = 0;
    for (size_t i = 2; i < fc_styles_count(s); i++) {
        const fc_style *style = fc_styles_at(s, i);
        fc_buf positive, negative;
        fc_buf_init(&positive, 4000);
        fc_buf_init(&negative, 4000);
        fc_style_compose_v1(style, "", "", &positive, &negative);
        size_t n = count_tokens(fc_buf_cstr(&positive)), m = count_tokens(style->negative);
        longest = n > longest ? n : longest;
        longest_negative = m > longest_negative ? m : longest_negative;
        fc_buf_fini(&positive);
        fc_buf_fini(&negative);
    }
    assert_at_most("tokens of the longest template", (double)longest, 50);               /* 45 */
    assert_at_most("tokens of the longest negative text", (double)longest_negative, 60); /* 56 */
    fc_styles_close(s);
}

static void names_of_1_0_resolve(void **state)
{
    (void)state;
    app_warnings warnings;
    fc_styles *s = open_styles(NULL, &warnings);
    size_t count;
    const fc_style_v1 *v1 = fc_styles_v1(s, &count);
    assert_int_equal(count, 184);
    assert_string_equal(v1[0].name, "None");
    assert_string_equal(v1[1].name, "cinematic-default");
    assert_string_equal(v1[183].name, "Whimsical and Playful");
    int hidden = 0;
    for (size_t i = 0; i < count; i++) {
        const fc_style *found = fc_styles_find(s, v1[i].name);
        if (!found || found != v1[i].style) fail_msg("%s does not resolve", v1[i].name);
        hidden += found->hidden;
    }
    assert_int_equal(hidden, 2);
    fc_styles_close(s);
}

static void names_are_normalised(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"sai-3d-model", "SAI 3D Model"},
        {"SAI-3D-MODEL", "SAI 3D Model"},
        {"mre-sumi-e", "MRE Sumi E"},
        {"futuristic-sci-fi", "Futuristic Sci Fi"},
        {"DMT Art Style", "Dmt Art Style"},
        {"Flat 2D Art", "Flat 2d Art"},
        {"Glo-fi", "Glo Fi"},
        {"x (slow)", "X (Slow)"},
        {"a  b", "A  B"},
        {"-a", " A"},
        {"saigon", "SAIgon"}, /* as Fooocus has it */
        {"\xc3\xa9t\xc3\x89", "\xc3\x89t\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_buf out;
        fc_buf_init(&out, 100);
        fc_style_name_normalise(cases[i][0], &out);
        assert_string_equal(fc_buf_cstr(&out), cases[i][1]);
        fc_buf_fini(&out);
    }
}

static void old_and_loose_names_are_found(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Default (Slightly Cinematic)", "Fooocus Cinematic"},
        {"default (slightly cinematic)", "Fooocus Cinematic"},
        {"fooocus-anime", "Fooocus Masterpiece"},
        {"cinematic-default", "Cinematic Default"},
        {"none", "None"},
        {"NONE", "None"},
        {"sai_line_art", "SAI Line Art"},
        {"  sai   line-art ", "SAI Line Art"},
        {"fooocus v2", "Fooocus V2"},
        {"random-style", "Random Style"},
        {"ads-food photography", "Ads Food Photography"},
        {"Avant-garde", "Avant Garde"},
        {"DMT Art Style", "Dmt Art Style"},
    };
    app_warnings warnings;
    fc_styles *s = open_styles(NULL, &warnings);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fc_style *style = fc_styles_find(s, cases[i][0]);
        if (!style) fail_msg("%s is not found", cases[i][0]);
        assert_string_equal(style->name, cases[i][1]);
    }
    fc_styles_close(s);
}

static void wrong_names_get_a_suggestion(void **state)
{
    (void)state;
    char endless[5000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    app_warnings warnings;
    fc_styles *s = open_styles(NULL, &warnings);
    const fc_style *style;
    fc_err err;
    assert_fails(fc_styles_get(s, "sai-anmie", &style, &err), FC_ARG, &err, "did you mean \"SAI Anime\"");
    assert_fails(fc_styles_get(s, "watercolour", &style, &err), FC_ARG, &err,
                 "did you mean \"Watercolor 2\"");
    assert_fails(fc_styles_get(s, "qqqqqqqqqqqqqqqqqqqq", &style, &err), FC_ARG, &err, "there is no style");
    assert_fails(fc_styles_get(s, "", &style, &err), FC_ARG, &err, "there is no style");
    assert_fails(fc_styles_get(s, endless, &style, &err), FC_ARG, &err, "there is no style");
    assert_null(style);
    fc_styles_close(s);
}

static void files_of_the_user_load_first(void **state)
{
    (void)state;
    app_write("user/b.json",
              "[{\"name\": \"my-own\", \"prompt\": \"mine {prompt}\", \"negative_prompt\": \"theirs\"},"
              " {\"name\": \"sai anime\", \"prompt\": \"not used {prompt}\"},"
              " {\"name\": \"My Own\", \"prompt\": \"second {prompt}\"}]");
    app_write("user/sub/a.json", "[{\"name\": \"deep\", \"negative_prompt\": null}]");
    app_write("user/mre.json", "[{\"name\": \"MRE Anime\", \"prompt\": \"replaced {prompt}\"}]");
    app_warnings warnings;
    fc_styles *s = open_styles(fc_test_tmp_path("user"), &warnings);
    assert_int_equal(warnings.count, 0);
    assert_int_equal(fc_styles_count(s),
                     279 + 2 - 21); /* mre.json stands in for the built-in one and its 22 styles */
    assert_string_equal(fc_styles_at(s, 2)->name, "Deep");
    assert_string_equal(fc_styles_at(s, 3)->name, "My Own");
    assert_string_equal(fc_styles_at(s, 3)->prompt, "second {prompt}");
    assert_string_equal(fc_styles_at(s, 3)->negative, "");
    assert_string_equal(fc_styles_at(s, 4)->name, "SAI Anime"); /* keeps its place, gets the shipped text */
    assert_null(strstr(fc_styles_at(s, 4)->prompt, "not used"));
    assert_string_equal(fc_styles_find(s, "mre-anime")->prompt, "replaced {prompt}");
    assert_null(fc_styles_find(s, "MRE Comic"));
    fc_styles_close(s);
}

static void broken_files_are_left_out(void **state)
{
    (void)state;
    app_write("broken/1.json", "[\n{\"name\": \"half\",\n]");
    app_write("broken/2.json", "{\"name\": \"no array\"}");
    app_write(
        "broken/3.json",
        "[{\"name\": \"kept\"}, 5, {\"name\": 7}, {\"prompt\": \"x\"}, {\"name\": \"y\", \"prompt\": []},"
        " {\"name\": \"Fooocus V2\"}]");
    app_write("broken/4.json", "\xff");
    app_write("broken/5.json", "");
    app_warnings warnings;
    fc_styles *s = open_styles(fc_test_tmp_path("broken"), &warnings);
    assert_int_equal(fc_styles_count(s), 280);
    assert_string_equal(fc_styles_at(s, 2)->name, "Kept");
    assert_non_null(strstr(warnings.text, "broken/1.json: line 3"));
    assert_non_null(strstr(warnings.text, "broken/2.json: line 1: there must be a list"));
    for (int entry = 2; entry <= 5; entry++) {
        char part[40];
        snprintf(part, sizeof part, "broken/3.json: entry %d", entry);
        assert_non_null(strstr(warnings.text, part));
    }
    assert_non_null(strstr(warnings.text, "\"Fooocus V2\" has a meaning of its own"));
    assert_non_null(strstr(warnings.text, "broken/4.json: it is not UTF-8"));
    assert_non_null(strstr(warnings.text, "broken/5.json: line 1"));
    assert_int_equal(warnings.count, 9);
    fc_styles_close(s);
}

static void missing_folders_are_fine(void **state)
{
    (void)state;
    app_warnings warnings;
    fc_styles *s = open_styles(fc_test_tmp_path("not there"), &warnings);
    assert_int_equal(fc_styles_count(s), 279);
    assert_int_equal(warnings.count, 0);
    fc_styles_close(s);
}

/* Lines of both sides, joined by '|'. */
typedef struct composed {
    char positive[600], negative[600];
} composed;

static void join(char *out, size_t size, const fc_lines *l)
{
    *out = 0;
    for (size_t i = 0; i < l->count; i++) {
        size_t n = strlen(out);
        snprintf(out + n, size - n, "%s%s", i ? "|" : "", l->items[i]);
    }
}

static composed compose(const fc_style *const *chosen, size_t count, const char *prompt)
{
    composed c;
    fc_arena arena;
    fc_lines positive, negative;
    fc_arena_init(&arena, 1 << 20);
    fc_lines_init(&positive, &arena);
    fc_lines_init(&negative, &arena);
    fc_styles_compose(chosen, count, prompt, &positive, &negative);
    assert_int_equal(arena.status, FC_OK);
    join(c.positive, sizeof c.positive, &positive);
    join(c.negative, sizeof c.negative, &negative);
    fc_arena_fini(&arena);
    return c;
}

static void styles_become_texts(void **state)
{
    (void)state;
    const fc_style two = {.name = "", .prompt = "a {prompt} b\n{prompt}{prompt}", .negative = "n1\r\nn2"};
    const fc_style plain = {.name = "", .prompt = "no place", .negative = ""};
    const fc_style bad_only = {.name = "", .prompt = "", .negative = "bad"};
    const fc_style expansion = {.name = "", .prompt = "", .negative = "", .kind = FC_STYLE_EXPANSION};

    composed c = compose((const fc_style *[]){&two, &plain, &bad_only}, 3, "cat");
    assert_string_equal(c.positive, "a cat b|catcat|no place");
    assert_string_equal(c.negative, "n1|n2|bad");
    c = compose((const fc_style *[]){&plain, &bad_only}, 2, "cat");
    assert_string_equal(c.positive, "cat|no place");
    c = compose((const fc_style *[]){&bad_only, &expansion}, 2, "cat");
    assert_string_equal(c.positive, "cat");
    c = compose(NULL, 0, "cat");
    assert_string_equal(c.positive, "cat");
    assert_string_equal(c.negative, "");
    c = compose((const fc_style *[]){&two}, 1, "");
    assert_string_equal(c.positive, "a  b"); /* a line that becomes empty at the end is none */
    c = compose((const fc_style *[]){&two}, 1, "{prompt}");
    assert_string_equal(c.positive, "a {prompt} b|{prompt}{prompt}");
}

static void texts_of_1_0_are_joined(void **state)
{
    (void)state;
    app_warnings warnings;
    fc_styles *s = open_styles(NULL, &warnings);
    const fc_style two = {.name = "", .prompt = "a {prompt} b {prompt}", .negative = "n"};
    static const char *const cases[][4] = {{"cat", "dog", "a cat b cat", "n, dog"}, {"", "", "a  b ", "n, "}};
    fc_buf positive, negative;
    fc_buf_init(&positive, 1000);
    fc_buf_init(&negative, 1000);
    for (size_t i = 0; i < 2; i++) {
        fc_buf_reset(&positive);
        fc_buf_reset(&negative);
        fc_style_compose_v1(&two, cases[i][0], cases[i][1], &positive, &negative);
        assert_string_equal(fc_buf_cstr(&positive), cases[i][2]);
        assert_string_equal(fc_buf_cstr(&negative), cases[i][3]);
    }
    fc_buf_reset(&positive);
    fc_buf_reset(&negative);
    fc_style_compose_v1(fc_styles_find(s, "None"), "cat", "dog", &positive, &negative);
    assert_string_equal(fc_buf_cstr(&positive), "cat");
    assert_string_equal(fc_buf_cstr(&negative), ", dog");
    fc_buf_fini(&positive);
    fc_buf_fini(&negative);
    fc_styles_close(s);
}

static void random_styles_are_drawn_from_the_list(void **state)
{
    (void)state;
    app_warnings warnings;
    fc_styles *s = open_styles(NULL, &warnings);
    fc_pyrandom random;
    unsigned char seen[300] = {0};
    int different = 0;
    fc_pyrandom_seed(&random, 12345);
    /* random.Random(12345).choice(range(277)) */
    assert_ptr_equal(fc_styles_draw(s, &random), fc_styles_at(s, 2 + 213));
    for (int i = 0; i < 5000; i++) {
        const fc_style *style = fc_styles_draw(s, &random);
        assert_int_equal(style->kind, FC_STYLE_TEXT);
        assert_false(style->hidden);
        size_t k = (size_t)(style - fc_styles_at(s, 0));
        assert_true(k < 279);
        different += !seen[k];
        seen[k] = 1;
    }
    assert_int_equal(different, 277);
    fc_styles_close(s);
}

static fc_status open_once(void *user)
{
    fc_styles *s;
    const char *folder = user;
    fc_status status = fc_styles_open(&folder, 1, (fc_warn){0}, &s, NULL);
    if (!status) assert_int_equal(fc_styles_count(s), 280);
    fc_styles_close(s);
    return status;
}

static void memory_failures_are_reported(void **state)
{
    (void)state;
    char folder[1024];
    app_write("torture/own.json", "[{\"name\": \"own\"}]");
    snprintf(folder, sizeof folder, "%s", fc_test_tmp_path("torture"));
    assert_true(fc_test_torture(open_once, folder) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_set_is_complete),
        cmocka_unit_test(templates_leave_room_for_the_prompt),
        cmocka_unit_test(names_of_1_0_resolve),
        cmocka_unit_test(names_are_normalised),
        cmocka_unit_test(old_and_loose_names_are_found),
        cmocka_unit_test(wrong_names_get_a_suggestion),
        cmocka_unit_test(files_of_the_user_load_first),
        cmocka_unit_test(broken_files_are_left_out),
        cmocka_unit_test(missing_folders_are_fine),
        cmocka_unit_test(styles_become_texts),
        cmocka_unit_test(texts_of_1_0_are_joined),
        cmocka_unit_test(random_styles_are_drawn_from_the_list),
        cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* app/prompt/lora_tags: LoRAs named in prompts. */
#include <string.h>

#include "app/prompt/lora_tags.h"
#include "support/app_cases.h"

static void tags_are_found_as_by_the_reference(void **state)
{
    (void)state;
    json_t *cases = app_cases("lora_tags"), *c;
    size_t i;
    json_array_foreach(cases, i, c)
    {
        const json_t *want = json_object_get(c, "tags");
        fc_arena arena;
        fc_lora_tags got;
        fc_err err;
        fc_arena_init(&arena, 1 << 20);
        assert_ok(fc_lora_tags_parse(app_text(c, "in"), &arena, &got, &err), &err);
        assert_string_equal(got.prompt, app_text(c, "prompt"));
        if (got.count != json_array_size(want)) fail_msg("case %zu: %zu tags", i, got.count);
        for (size_t k = 0; k < got.count; k++) {
            const json_t *tag = json_array_get(want, k);
            assert_string_equal(got.items[k].name, json_string_value(json_array_get(tag, 0)));
            double weight = json_number_value(json_array_get(tag, 1));
            assert_true(got.items[k].weight >= weight && got.items[k].weight <= weight);
        }
        fc_arena_fini(&arena);
    }
    assert_int_equal(i, 34);
    json_decref(cases);
}

static void too_many_tags_are_refused(void **state)
{
    (void)state;
    fc_arena arena;
    fc_lora_tags got;
    fc_err err = {0};
    fc_buf line;
    fc_arena_init(&arena, 1 << 20);
    fc_buf_init(&line, 1 << 16);
    for (int i = 0; i < FC_LORA_MAX_TAGS; i++) fc_buf_puts(&line, "<lora:x:1>, ");
    assert_ok(fc_lora_tags_parse(fc_buf_cstr(&line), &arena, &got, &err), &err);
    assert_int_equal(got.count, FC_LORA_MAX_TAGS);
    fc_buf_puts(&line, "<lora:x:1>");
    assert_fails(fc_lora_tags_parse(fc_buf_cstr(&line), &arena, &got, &err), FC_LIMIT, &err, "LoRA tags");
    fc_buf_fini(&line);
    fc_arena_fini(&arena);
}

typedef struct merged {
    fc_arena arena;
    fc_lora_choice *items;
    size_t count;
    app_warnings warnings;
} merged;

static const char *const files[] = {
    "style/paint.safetensors", "paint.safetensors", "a.b.safetensors", "fast.safetensors", "None", ".hidden"};

/* line's tags merged with the user's two rows. */
static void merge(merged *m, const char *line, size_t limit)
{
    static const fc_lora_choice rows[] = {{"None", 1}, {"own.safetensors", 0.3}};
    fc_lora_merge with = {.chosen = rows,
                          .chosen_count = 2,
                          .files = files,
                          .file_count = sizeof files / sizeof *files,
                          .excluded = "fast.safetensors",
                          .limit = limit,
                          .warn = app_warn(&m->warnings)};
    fc_lora_tags tags;
    fc_err err;
    fc_arena_init(&m->arena, 1 << 20);
    assert_ok(fc_lora_tags_parse(line, &m->arena, &tags, &err), &err);
    assert_ok(fc_lora_tags_merge(&tags, &with, &m->arena, &m->items, &m->count, &err), &err);
    assert_string_equal(m->items[0].path,
                        "own.safetensors"); /* "None" rows are gone, the user's rows come first */
}

static void tags_become_files(void **state)
{
    (void)state;
    merged m;
    merge(&m, "<lora:paint:0.5> <lora:a.b:-1>", 5);
    assert_int_equal(m.count, 3);
    assert_string_equal(m.items[1].path, "style/paint.safetensors"); /* the first file with the stem */
    assert_true(m.items[1].weight > 0.49 && m.items[1].weight < 0.51);
    assert_string_equal(m.items[2].path, "a.b.safetensors");
    assert_int_equal(m.warnings.count, 0);
    fc_arena_fini(&m.arena);

    merge(&m, "<lora:paint.safetensors:1> <lora:style/paint:1> <lora:fast:1> <lora:own:2> <lora:hidden:1>",
          5);
    assert_int_equal(m.count, 3); /* the file of the performance mode and unknown ones are left out */
    assert_string_equal(m.items[1].path, "paint.safetensors");
    assert_string_equal(m.items[2].path, "style/paint.safetensors");
    assert_int_equal(m.warnings.count, 3);
    assert_non_null(strstr(m.warnings.text, "\"fast\""));
    fc_arena_fini(&m.arena);
}

static void repeated_tags_and_the_limit(void **state)
{
    (void)state;
    merged m;
    merge(&m, "<lora:paint:1> <lora:paint:1> <lora:paint:0.5>", 5);
    assert_int_equal(m.count, 3); /* another weight makes another entry, as in Fooocus */
    fc_arena_fini(&m.arena);
    merge(&m, "<lora:paint:1> <lora:a.b:1>", 2);
    assert_int_equal(m.count, 2);
    assert_int_equal(m.warnings.count, 1);
    assert_non_null(strstr(m.warnings.text, "first 2 of 3"));
    fc_arena_fini(&m.arena);
}

static void rows_of_the_user_win_over_tags(void **state)
{
    (void)state;
    static const fc_lora_choice rows[] = {{"style/paint.safetensors", 0.1}};
    fc_lora_merge with = {.chosen = rows, .chosen_count = 1, .files = files, .file_count = 2, .limit = 5};
    fc_lora_tags tags;
    fc_arena arena;
    fc_lora_choice *out;
    size_t count;
    fc_err err;
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_lora_tags_parse("<lora:paint:0.9>", &arena, &tags, &err), &err);
    assert_ok(fc_lora_tags_merge(&tags, &with, &arena, &out, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_true(out[0].weight < 0.2);
    fc_arena_fini(&arena);
}

static fc_status parse_once(void *user)
{
    (void)user;
    fc_arena arena;
    fc_lora_tags tags;
    fc_arena_init(&arena, 1 << 20);
    fc_status s = fc_lora_tags_parse("a <lora:x:1>, b <lora:y:2>,c", &arena, &tags, NULL);
    if (!s) assert_string_equal(tags.prompt, "a, b, c");
    fc_arena_fini(&arena);
    return s;
}

static void memory_failures_are_reported(void **state)
{
    (void)state;
    assert_true(fc_test_torture(parse_once, NULL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_found_as_by_the_reference),
        cmocka_unit_test(too_many_tags_are_refused),
        cmocka_unit_test(tags_become_files),
        cmocka_unit_test(repeated_tags_and_the_limit),
        cmocka_unit_test(rows_of_the_user_win_over_tags),
        cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

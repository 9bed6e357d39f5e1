/* What a person typed reaches the encoders whatever styles are chosen: every style there is, alone and with
 * others, in both recipes. */
#include "support/planning.h"

#include <stdio.h>
#include <string.h>

static const char sentence[] = "a brass owl on a red roof";
static const char *const recipes[] = {"1.0", "2.5"};

static bool reaches(const fc_text_list *list, const char *words)
{
    for (int32_t i = 0; i < list->count; i++)
        if (strstr(list->texts[i], words)) return true;
    return false;
}

/* styles: a JSON list; p: a planned request of the recipe, whose texts stay */
static void check(planned *p, const fc_styles *set, const char *recipe, const char *styles)
{
    char request[600];
    fc_err err = {0};
    fc_arena arena;
    fc_plan plan;
    snprintf(request, sizeof request, "{\"styles\": [%s]}", styles);
    assert_ok(fc_request_set_json(p->request, request, strlen(request), &err), &err);
    fc_arena_init(&arena, 16 << 20);
    assert_ok(fc_request_resolve(p->request, &arena, &p->params, &err), &err);
    const fc_plan_input input = {.params = &p->params,
                                 .request = p->request,
                                 .styles = set,
                                 .wildcards = p->wildcards,
                                 .files = &p->files,
                                 .random_seed = 1};
    assert_ok(fc_plan_make(&input, &arena, &plan, &err), &err);
    const fc_task *task = &plan.images[0].task;
    if (!reaches(&task->positive, sentence))
        fail_msg("recipe %s, styles %s: the sentence is lost", recipe, styles);
    if (!reaches(&task->negative, "fog"))
        fail_msg("recipe %s, styles %s: the negative is lost", recipe, styles);
    fc_arena_fini(&arena);
}

static void check_all(const fc_styles *set, const char *recipe)
{
    char text[600];
    planned p;
    fc_err err = {0};
    snprintf(text, sizeof text, "{\"recipe\": \"%s\", \"prompt\": \"%s\", \"negative_prompt\": \"fog\"}",
             recipe, sentence);
    assert_ok(plan_json_request(&p, text, NULL, 1, &err), &err);
    for (size_t i = 0; i < fc_styles_count(set); i++) {
        snprintf(text, sizeof text, "\"%s\"", fc_styles_at(set, i)->name);
        check(&p, set, recipe, text);
        snprintf(text, sizeof text, "\"%s\", \"Field Negative\"", fc_styles_at(set, i)->name);
        check(&p, set, recipe, text);
    }
    planned_fini(&p);
}

static void test_every_style(void **state)
{
    (void)state;
    const char *folder = fc_test_source_path("tests/data/field/styles");
    fc_styles *set;
    fc_err err = {0};
    assert_ok(fc_styles_open(&folder, 1, (fc_warn){0}, &set, &err), &err);
    assert_non_null(fc_styles_find(set, "Field Words"));
    for (int r = 0; r < 2; r++) check_all(set, recipes[r]);
    fc_styles_close(set);
}

static bool brings(const char *lora_path, const char *name)
{
    return strcmp(lora_path, "d/ink.safetensors") == 0 && strcmp(name, "star") == 0;
}

/* A textual inversion that a chosen LoRA brings along is found by its name, another is told. */
static void test_embedding_of_a_lora(void **state)
{
    (void)state;
    planned p;
    fc_err err = {0};
    fc_arena arena;
    fc_plan plan;
    json_t *files = json_pack("{s:[s]}", "loras", "d/ink.safetensors");
    assert_ok(plan_json_request(
                  &p, "{\"prompt\": \"a embedding:star over embedding:moon\", \"loras\": [\"ink:1\"]}", files,
                  1, &err),
              &err);
    const fc_plan_input input = {.params = &p.params,
                                 .request = p.request,
                                 .styles = p.styles,
                                 .wildcards = p.wildcards,
                                 .files = &p.files,
                                 .random_seed = 1,
                                 .brings = brings};
    fc_arena_init(&arena, 16 << 20);
    assert_ok(fc_plan_make(&input, &arena, &plan, &err), &err);
    assert_int_equal(plan.models.embedding_count, 1);
    assert_string_equal(plan.models.embeddings[0].name, "star");
    assert_string_equal(plan.models.embeddings[0].path, "d/ink.safetensors");
    assert_true(plan.models.embeddings[0].bundled);
    assert_int_equal(plan.warnings.count, 1);
    assert_non_null(strstr(plan.warnings.items[0], "moon"));
    fc_arena_fini(&arena);
    planned_fini(&p);
    json_decref(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_style),
                                       cmocka_unit_test(test_embedding_of_a_lora)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

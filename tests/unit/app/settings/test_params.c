/* The parameter table, requests from text and JSON, defaults by recipe, the written reference. */
#include "support/support.h"

#include <string.h>
#include "app/common/number_text.h"
#include "app/settings/request.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

static json_t *load_data(const char *name)
{
    json_error_t where;
    json_t *root = json_load_file(fc_test_source_path(name), 0, &where);
    if (!root) fail_msg("%s: %d: %s", name, where.line, where.text);
    return root;
}

/* Every member of `want` must stand in what the request resolves to. */
static void check_resolved(const fc_request *request, const json_t *want, const char *what)
{
    fc_arena arena;
    fc_params params;
    fc_err err = {0};
    const char *key;
    json_t *value;
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_request_resolve(request, &arena, &params, &err), &err);
    json_t *all = fc_params_to_json(&params);
    json_object_foreach((json_t *)(uintptr_t)want, key, value)
    {
        const json_t *got = json_object_get(all, key);
        if (json_equal(got, value)) continue;
        char *text = json_dumps(got, JSON_ENCODE_ANY);
        fail_msg("%s: %s is %s", what, key, text);
    }
    json_decref(all);
    fc_arena_fini(&arena);
}

static void test_set_text(void **state)
{
    (void)state;
    json_t *cases = load_data("tests/data/params_text.json"), *row;
    size_t i;
    json_array_foreach(cases, i, row)
    {
        const char *name = json_string_value(json_array_get(row, 0));
        const char *text = json_string_value(json_array_get(row, 1));
        const json_t *want = json_array_get(row, 2);
        fc_request *request = fc_request_new();
        fc_err err = {0};
        fc_status status = fc_request_set(request, name, text, &err);
        if (json_is_object(want)) {
            assert_ok(status, &err);
            check_resolved(request, want, text);
        } else {
            assert_fails(status, fc_status_from_name(json_string_value(want)), &err,
                         json_string_value(json_array_get(row, 3)));
        }
        fc_request_free(request);
    }
    assert_true(i > 50);
    json_decref(cases);
}

static void test_set_json(void **state)
{
    (void)state;
    json_t *cases = load_data("tests/data/params_json.json"), *row;
    size_t i;
    json_array_foreach(cases, i, row)
    {
        const char *text = json_string_value(json_array_get(row, 0));
        const json_t *want = json_array_get(row, 1);
        fc_request *request = fc_request_new();
        fc_err err = {0};
        fc_status status = fc_request_set_json(request, text, strlen(text), &err);
        if (json_is_object(want)) {
            assert_ok(status, &err);
            check_resolved(request, want, text);
        } else {
            assert_fails(status, fc_status_from_name(json_string_value(want)), &err,
                         json_string_value(json_array_get(row, 2)));
        }
        fc_request_free(request);
    }
    assert_true(i > 20);
    json_decref(cases);
}

static void test_wrong_json_changes_nothing(void **state)
{
    (void)state;
    static const char json[] = "{\"cfg\": 9, \"styles\": [\"x\"], \"loras\": [\"y\"], \"steps\": -5}";
    fc_request *request = fc_request_new();
    fc_err err = {0};
    assert_ok(fc_request_set(request, "cfg", "5", &err), &err);
    assert_ok(fc_request_set(request, "style", "a", &err), &err);
    assert_fails(fc_request_set_json(request, json, strlen(json), &err), FC_ARG, &err, "steps");
    json_t *want = json_pack("{s:f, s:[s], s:[]}", "cfg", 5.0, "styles", "a", "loras");
    check_resolved(request, want, "after the failure");
    assert_false(fc_request_is_set(request, FC_P_loras));
    json_decref(want);
    fc_request_free(request);
}

static void test_lists_grow_and_have_a_limit(void **state)
{
    (void)state;
    fc_request *request = fc_request_new();
    fc_err err = {0};
    for (int i = 0; i < 32; i++) assert_ok(fc_request_set(request, "style", "a", &err), &err);
    assert_fails(fc_request_set(request, "style", "a", &err), FC_LIMIT, &err, "more than 32");
    assert_ok(fc_request_set(request, "style", "none", &err), &err);
    assert_ok(fc_request_set(request, "style", "b", &err), &err);
    json_t *want = json_pack("{s:[s]}", "styles", "b");
    check_resolved(request, want, "after none");
    json_decref(want);
    fc_request_free(request);
}

static void test_private_fields_and_the_network(void **state)
{
    (void)state;
    static const char *const json[] = {"{\"output\": \"/tmp/x.png\"}", "{\"latent\": \"x\"}",
                                       "{\"home\": \"/\"}"};
    fc_request *request = fc_request_new();
    fc_err err = {0};
    for (size_t i = 0; i < 3; i++) {
        fc_status status =
            fc_request_set_json_from(request, json[i], strlen(json[i]), FC_ORIGIN_NETWORK, &err);
        assert_fails(status, FC_DENIED, &err, "over the network");
        assert_ok(fc_request_set_json(request, json[i], strlen(json[i]), &err), &err);
    }
    fc_request_free(request);
}

static void test_limits_of_texts(void **state)
{
    (void)state;
    fc_request *request = fc_request_new();
    fc_err err = {0};
    char *text = fc_alloc(70000);
    memset(text, 'a', 65537);
    text[65537] = '\0';
    assert_fails(fc_request_set(request, "prompt", text, &err), FC_LIMIT, &err, "at most 65536");
    text[65536] = '\0';
    assert_ok(fc_request_set(request, "prompt", text, &err), &err);
    assert_fails(fc_request_set(request, "model", text, &err), FC_LIMIT, &err, "at most 4095");
    assert_fails(fc_request_set(request, "prompt", "a\xff", &err), FC_ARG, &err, "not valid UTF-8");
    fc_free(text);
    fc_request_free(request);
    assert_fails(fc_request_set(NULL, "prompt", "a", &err), FC_ARG, &err, "NULL");
}

/* What fc_params_to_json writes, fc_request_set_json reads, and it resolves to the same. */
static void test_round_trip(void **state)
{
    (void)state;
    static const char json[] =
        "{\"prompt\": \"a \\\"fox\\\"\", \"seed\": \"9007199254740993\", \"cfg\": 3.3, \"recipe\": "
        "\"1.0\", \"loras\": [\"a:b:0.1\"], \"steps\": 7, \"log\": false}";
    fc_request *a = fc_request_new(), *b = fc_request_new();
    fc_err err = {0};
    fc_arena arena;
    fc_params params;
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_request_set_json(a, json, strlen(json), &err), &err);
    assert_ok(fc_request_resolve(a, &arena, &params, &err), &err);
    json_t *first = fc_params_to_json(&params);
    char *text = json_dumps(first, 0);
    assert_ok(fc_request_set_json(b, text, strlen(text), &err), &err);
    check_resolved(b, first, text);
    json_decref(first);
    free(text);
    fc_request_free(a);
    fc_request_free(b);
    fc_arena_fini(&arena);
}

/* Each default passes its own check, each help is a sentence, each name and flag stands once. */
static void test_table_is_sound(void **state)
{
    (void)state;
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        const fc_param *p = &fc_param_table[i];
        assert_ptr_equal(fc_param_find(p->name), p);
        if (p->flag) assert_ptr_equal(fc_param_find(p->flag), p);
        assert_null(fc_composite_find(p->name));
        assert_int_equal(p->help[strlen(p->help) - 1], '.');
        for (int recipe = 0; recipe < 2; recipe++) {
            const char *items[8];
            char scratch[256], *canonical;
            size_t n = fc_param_default_items(p, (fc_recipe_id)recipe, items, 8, scratch, sizeof scratch);
            for (size_t k = 0; k < n; k++) {
                fc_err err = {0};
                assert_ok(fc_param_canonical(p, items[k], &canonical, &err), &err);
                assert_string_equal(canonical, items[k]);
                fc_free(canonical);
            }
        }
    }
}

static void test_numbers_as_text(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *plain, *python;
    } cases[] = {
        {7, "7", "7.0"},          {0.3, "0.3", "0.3"},
        {100, "100", "100.0"},    {-0.5, "-0.5", "-0.5"},
        {1e-5, "1e-05", "1e-05"}, {1e15, "1000000000000000", "1000000000000000.0"},
        {0, "0", "0.0"},          {0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"},
        {1e16, "1e+16", "1e+16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FC_NUMTEXT_SIZE];
        fc_number_text(cases[i].value, text);
        assert_string_equal(text, cases[i].plain);
        fc_number_python(cases[i].value, text);
        assert_string_equal(text, cases[i].python);
    }
}

static void test_reference_is_fresh(void **state)
{
    (void)state;
    fc_buf now, kept;
    fc_err err = {0};
    fc_buf_init(&now, 1 << 20);
    fc_buf_init(&kept, 1 << 20);
    fc_params_markdown(&now);
    assert_ok(fc_file_read(fc_test_source_path("docs/PARAMETERS.md"), &kept, &err), &err);
    if (strcmp(fc_buf_cstr(&now), fc_buf_cstr(&kept)) != 0)
        fail_msg("docs/PARAMETERS.md is stale: run build/release/fooocus --settings > docs/PARAMETERS.md");
    fc_buf_fini(&now);
    fc_buf_fini(&kept);
}

static fc_status torture_request(void *user)
{
    static const char json[] =
        "{\"prompt\": \"p\", \"styles\": [\"a\"], \"loras\": [\"x:1\"], \"size\": \"64x64\"}";
    fc_arena arena;
    fc_params params;
    (void)user;
    fc_arena_init(&arena, 1 << 20);
    fc_request *request = fc_request_new();
    fc_status status = request ? FC_OK : FC_NOMEM;
    if (status == FC_OK) status = fc_request_set(request, "prompt", "a", NULL);
    if (status == FC_OK) status = fc_request_set_json(request, json, strlen(json), NULL);
    if (status == FC_OK) status = fc_request_resolve(request, &arena, &params, NULL);
    fc_request_free(request);
    fc_arena_fini(&arena);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(fc_test_torture(torture_request, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_text),
        cmocka_unit_test(test_set_json),
        cmocka_unit_test(test_wrong_json_changes_nothing),
        cmocka_unit_test(test_lists_grow_and_have_a_limit),
        cmocka_unit_test(test_private_fields_and_the_network),
        cmocka_unit_test(test_limits_of_texts),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_numbers_as_text),
        cmocka_unit_test(test_reference_is_fresh),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

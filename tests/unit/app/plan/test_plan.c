/* From requests to tasks, driven by tests/data/plan.json: "want" names what must hold, other members may be
 * anything. */
#include "support/planning.h"

#include <stdio.h>
#include <string.h>
#include "base/str.h"

static json_t *load_cases(void)
{
    json_error_t where;
    json_t *root = json_load_file(fc_test_source_path("tests/data/plan.json"), 0, &where);
    if (!root) fail_msg("plan.json: %d: %s", where.line, where.text);
    return root;
}

/* ---- comparing ---- */

static void check_part(const char *name, const char *key, const json_t *want, const json_t *got);

static void check_members(const char *name, const json_t *want, const json_t *got)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)want, key, value)
        check_part(name, key, value, json_object_get(got, key));
}

static void check_part(const char *name, const char *key, const json_t *want, const json_t *got)
{
    if (strcmp(key, "images") == 0 && json_is_array(want)) {
        assert_int_equal(json_array_size(got), json_array_size(want));
        for (size_t i = 0; i < json_array_size(want); i++)
            check_members(name, json_array_get(want, i), json_array_get(got, i));
        return;
    }
    if (json_equal(want, got)) return;
    fail_msg("%s: %s is %s, wanted %s", name, key, json_dumps(got, JSON_ENCODE_ANY),
             json_dumps(want, JSON_ENCODE_ANY));
}

/* Each wanted warning came, and no other. */
static void check_warnings(const char *name, const json_t *want, const fc_plan *plan)
{
    for (int32_t i = 0; i < plan->warnings.count; i++) {
        bool known = false;
        for (size_t k = 0; k < json_array_size(want); k++)
            if (strstr(plan->warnings.items[i], json_string_value(json_array_get(want, k)))) known = true;
        if (!known) fail_msg("%s: unexpected warning: %s", name, plan->warnings.items[i]);
    }
    if ((size_t)plan->warnings.count != json_array_size(want))
        fail_msg("%s: %d warnings, wanted %zu", name, plan->warnings.count, json_array_size(want));
}

/* ---- running a case ---- */

static void run_case(const json_t *c)
{
    const char *name = json_string_value(json_object_get(c, "name"));
    const json_t *error = json_object_get(c, "error"), *random = json_object_get(c, "random");
    char *request = json_dumps(json_object_get(c, "request"), 0);
    planned p;
    fc_err err = {0};
    uint64_t random_seed = 5;
    if (random) assert_true(fc_parse_u64(json_string_value(random), &random_seed));
    fc_status status = plan_json_request(&p, request, json_object_get(c, "files"), random_seed, &err);
    if (error) {
        fc_status wanted = fc_status_from_name(json_string_value(json_array_get(error, 0)));
        if (status != wanted) fail_msg("%s: %s: %s", name, fc_status_name(status), err.message);
        assert_fails(status, wanted, &err, json_string_value(json_array_get(error, 1)));
    } else {
        if (status != FC_OK) fail_msg("%s: %s", name, err.message);
        json_t *got = planned_json(&p.plan);
        check_members(name, json_object_get(c, "want"), got);
        check_warnings(name, json_object_get(c, "warnings"), &p.plan);
        json_decref(got);
    }
    free(request);
    planned_fini(&p);
}

static void test_cases(void **state)
{
    (void)state;
    json_t *cases = load_cases(), *c;
    size_t i;
    json_array_foreach(cases, i, c) run_case(c);
    assert_true(i > 60);
    json_decref(cases);
}

static fc_status plan_in(const planned *p, size_t memory, fc_err *err)
{
    fc_arena arena;
    fc_plan plan;
    fc_arena_init(&arena, memory);
    const fc_plan_input input = {.params = &p->params,
                                 .request = p->request,
                                 .styles = p->styles,
                                 .wildcards = p->wildcards,
                                 .files = &p->files,
                                 .random_seed = 1};
    fc_status status = fc_plan_make(&input, &arena, &plan, err);
    fc_arena_fini(&arena);
    return status;
}

/* A plan that does not fit its arena is an error with a hint, not a crash. */
static void test_too_many_pictures(void **state)
{
    (void)state;
    fc_err err = {0};
    planned p;
    char request[2000];
    snprintf(request, sizeof request,
             "{\"recipe\": \"1.0\", \"count\": 1000, \"styles\": [], \"prompt\": \"%01500d\"}", 7);
    assert_ok(plan_json_request(&p, request, NULL, 1, &err), &err);
    assert_fails(plan_in(&p, 1 << 20, &err), FC_LIMIT, &err, "make fewer at once");
    planned_fini(&p);
}

static planned tortured;

static fc_status torture_plan(void *user)
{
    (void)user;
    return plan_in(&tortured, 8 << 20, NULL);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    fc_err err = {0};
    static const char request[] =
        "{\"prompt\": \"a __beast__ [[x, y]], (b:1.2)\\nc\", \"count\": 2, \"styles\": [\"Test A\"]}";
    assert_ok(plan_json_request(&tortured, request, NULL, 1, &err), &err);
    assert_true(fc_test_torture(torture_plan, NULL) > 5);
    planned_fini(&tortured);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_too_many_pictures),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The test helpers themselves: golden look-up, loading, errors that must be seen. */
#include "support/support.h"

#include <math.h>
#include <string.h>

static void golden_tensor_loads(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_test_golden_open(&st, "rng.safetensors");
    assert_true(st.count > 0);
    for (size_t i = 0; i < st.count; i++) {
        fc_test_array a = fc_test_array_load(&st, st.tensors[i].name);
        assert_int_equal(a.count, st.tensors[i].count);
        fc_test_array_free(&a);
    }
    assert_false(fc_test_has(&st, "no such tensor"));
    fc_safetensors_close(&st);
}

static void golden_json_loads(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("schedules.json");
    assert_true(json_is_object(root));
    json_decref(root);
}

static void absent_golden_is_null(void **state)
{
    (void)state;
    assert_null(fc_test_golden("there is no such file"));
}

static void errors_are_measured(void **state)
{
    (void)state;
    const float want[2] = {3.0f, 4.0f}, got[2] = {3.0f, 4.5f}, broken[2] = {NAN, 4.0f};
    assert_true(fabs(fc_test_rel_error(got, want, 2) - 0.1) < 1e-12);
    assert_true(fabs(fc_test_abs_error(got, want, 2) - 0.5) < 1e-12);
    assert_true(isnan(fc_test_rel_error(broken, want, 2)));
    assert_true(isnan(fc_test_abs_error(broken, want, 2)));
    assert_abs_error("equal arrays", want, want, 2, 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_tensor_loads),
        cmocka_unit_test(golden_json_loads),
        cmocka_unit_test(absent_golden_is_null),
        cmocka_unit_test(errors_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

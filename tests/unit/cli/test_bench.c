/* fooocus bench and FC_PROFILE=1, run as people run them on a tiny model. No times are tested, only what
 * stands beside them: the list of operations, their arithmetic, the form of the JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "support/program.h"
#include "support/support.h"
#include "support/synth.h"

#define SMALL "--size", "64x64", "--repeat", "1", "--threads", "1", "--json"

static const char *model(void)
{
    return fc_test_synth("tiny_base");
}

/* Runs fooocus bench with these arguments and the model; its JSON. */
static json_t *bench(const char *const *args)
{
    const char *all[40] = {"bench", "--model", model()};
    program p = {0};
    json_error_t where;
    size_t n = 3;
    while (*args) all[n++] = *args++;
    program_run(&p, "fooocus", all);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    json_t *out = json_loads(p.out, 0, &where);
    if (!out) fail_msg("%d: %s in: %s", where.line, where.text, p.out);
    program_free(&p);
    return out;
}

/* "step.kinds" of nested objects. */
static json_t *at(const json_t *o, const char *path)
{
    char copy[100];
    snprintf(copy, sizeof copy, "%s", path);
    json_t *value = NULL;
    for (char *word = strtok(copy, "."); word; word = strtok(NULL, ".")) {
        value = json_object_get(o, word);
        if (!value) fail_msg("there is no %s", path);
        o = value;
    }
    return value;
}

static double number(const json_t *o, const char *path)
{
    const json_t *value = at(o, path);
    if (!json_is_number(value)) fail_msg("%s is no number", path);
    return json_number_value(value);
}

static void check_positive(const json_t *o, const char *path)
{
    double value = number(o, path);
    if (!(value > 0) || isinf(value)) fail_msg("%s is %g", path, value);
}

static const char *text(const json_t *o, const char *path)
{
    const char *value = json_string_value(at(o, path));
    if (!value) fail_msg("%s is no text", path);
    return value;
}

static double sum(const json_t *list, const char *name)
{
    double total = 0;
    size_t i;
    const json_t *row;
    json_array_foreach(list, i, row) total += number(row, name);
    return total;
}

static void test_head(void **state)
{
    (void)state;
    json_t *o = bench((const char *[]){"ops", "--only", "text attention", SMALL, "--precision", "f32", NULL});
    assert_non_null(strchr(text(o, "version"), '.'));
    assert_string_equal(text(o, "model"), model());
    assert_string_equal(text(o, "size"), "64x64");
    assert_string_equal(text(o, "precision"), "f32");
    assert_string_equal(text(o, "clock"), "wall");
    assert_string_equal(text(o, "memory"), "auto");
    assert_true(strlen(text(o, "cpu")) > 0);
    assert_true(strlen(text(o, "isa")) > 0);
    assert_non_null(strstr(text(o, "library"), "oneDNN"));
    assert_int_equal(number(o, "threads"), 1);
    assert_int_equal(number(o, "repeat"), 1);
    check_positive(o, "peak.f32_gflop_per_s");
    check_positive(o, "peak.copy_gb_per_s");
    json_decref(o);
}

static void test_ops(void **state)
{
    (void)state;
    json_t *o = bench((const char *[]){"--only", "linear", SMALL, "--cpu-time", NULL});
    const json_t *ops = at(o, "ops"), *row;
    size_t i;
    int both = 0;
    assert_string_equal(text(o, "clock"), "processor");
    assert_true(json_array_size(ops) > 10);
    json_array_foreach(ops, i, row)
    {
        assert_non_null(strstr(text(row, "name"), "linear"));
        assert_string_equal(text(row, "kind"), "linear");
        check_positive(row, "calls");
        check_positive(row, "ms");
        check_positive(row, "gflop_per_s");
        check_positive(row, "share_of_peak");
        const char *way = text(row, "products");
        check_positive(row, strcmp(way, "own") == 0 ? "own_ms" : "library_ms");
        both += json_object_get(row, "library_over_own") != NULL;
    }
    print_message("%d of %zu by both ways\n", both, i);
    check_positive(o, "ops_together.step.calls");
    check_positive(o, "ops_together.text.calls");
    check_positive(o, "ops_together.decode.calls");
    assert_null(json_object_get(o, "step"));
    json_decref(o);
}

/* The listed operations are those that a real step makes. */
static void test_ops_are_those_of_a_step(void **state)
{
    (void)state;
    json_t *o = bench((const char *[]){"ops", "step", "--only", "step", SMALL, NULL});
    const json_t *kinds = at(o, "step.kinds"), *row;
    size_t i;
    double packs = 0;
    json_array_foreach(kinds, i, row) if (strcmp(text(row, "name"), "pack weights") == 0) packs =
        number(row, "calls");
    assert_true(fabs(number(o, "ops_together.step.calls") - (sum(kinds, "calls") - packs)) < 0.5);
    assert_true(fabs(number(o, "ops_together.step.tflop") / number(o, "step.tflop") - 1) < 1e-9);
    json_decref(o);
}

static void test_step(void **state)
{
    (void)state;
    json_t *o = bench((const char *[]){"step", SMALL, "--repeat", "3", "--memory", "fast", NULL});
    const json_t *blocks = at(o, "step.blocks"), *row;
    size_t i;
    int found = 0;
    check_positive(o, "step.open_ms");
    check_positive(o, "step.median_ms");
    check_positive(o, "step.gflop_per_s");
    check_positive(o, "step.share_of_peak");
    check_positive(o, "step.packed_bytes");
    check_positive(o, "step.activation_peak_bytes");
    assert_int_equal(json_array_size(at(o, "step.sorted_ms")), 3);
    assert_true(number(o, "step.median_ms") == json_number_value(json_array_get(at(o, "step.sorted_ms"), 1)));
    /* prepared weights are anonymous memory, mapped files are not */
    assert_true(number(o, "step.anonymous_peak_bytes") >= number(o, "step.packed_bytes"));
    assert_true(number(o, "step.resident_peak_bytes") >= number(o, "step.anonymous_peak_bytes"));
    json_array_foreach(blocks, i, row) found += strcmp(text(row, "name"), "unet/input_blocks.4") == 0;
    assert_int_equal(found, 1);
    double kinds = sum(at(o, "step.kinds"), "gflop"), by_block = sum(blocks, "gflop");
    assert_true(fabs(kinds / by_block - 1) < 1e-9);
    assert_true(fabs(number(o, "step.tflop") * 1e3 / kinds - 1) < 1e-9);
    json_decref(o);
}

static void test_other_parts(void **state)
{
    (void)state;
    json_t *o = bench((const char *[]){"text", "vae", "load", "e2e", SMALL, "--steps", "2",
                                       "--preview-decoder", fc_test_synth("taesd_decoder"), NULL});
    static const char *const fields[] = {"text.cold_ms",        "text.median_ms",
                                         "text.packed_bytes",   "vae.whole.median_ms",

                                         "vae.taesd.median_ms", "vae.whole.activation_peak_bytes",
                                         "load.open_ms",        "load.packed_bytes",
                                         "e2e.total_ms"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) check_positive(o, fields[i]);
    assert_null(json_object_get(at(o, "vae"), "tiled")); /* it is so small that there is but one tile */
    assert_int_equal(number(o, "e2e.steps"), 2);
    const json_t *phases = at(o, "e2e.phases");
    assert_true(json_array_size(phases) >= 3);
    assert_true(sum(phases, "ms") <= number(o, "e2e.total_ms"));
    assert_string_equal(text(json_array_get(phases, 0), "phase"), "Loading the model");
    json_decref(o);
}

/* A backend without peaks and with one way of computing products. */
static void test_reference_backend(void **state)
{
    (void)state;
    json_t *o = bench((const char *[]){"ops", "--only", "context linear", SMALL, "--backend", "ref", NULL});
    const json_t *row;
    size_t i;
    assert_null(json_object_get(at(o, "peak"), "f32_gflop_per_s"));
    json_array_foreach(at(o, "ops"), i, row)
    {
        check_positive(row, "gflop_per_s");
        assert_null(json_object_get(row, "share_of_peak"));
        assert_null(json_object_get(row, "products"));
    }
    assert_true(i > 0);
    json_decref(o);
}

static void test_tables(void **state)
{
    (void)state;
    const char *args[] = {"bench",          "ops",    "step",  "text",     "--model", model(), "--only",
                          "step attention", "--size", "64x64", "--repeat", "1",       NULL};
    static const char *const parts[] = {"peak: f32 ", "step attention 2x", "together",     "A step of 64x64",
                                        "group norm", "unet/middle_block", "Text encoders"};
    program p = {0};
    program_run(&p, "fooocus", args);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(p.out, parts[i])) fail_msg("no '%s' in: %s", parts[i], p.out);
    program_free(&p);
}

static void test_profile_of_a_picture(void **state)
{
    (void)state;
    const char *args[] = {"generate", "a fox", "--model", model(), "--size", "64x64",
                          "--steps",  "1",     "-o",      "p.png", NULL};
    program p = {0};
    program_run(&p, "fooocus", args);
    assert_int_equal(p.code, 0);
    assert_null(strstr(p.err, "pack weights"));
    program_free(&p);
    setenv("FC_PROFILE", "1", 1);
    program_run(&p, "fooocus", args);
    unsetenv("FC_PROFILE");
    assert_int_equal(p.code, 0);
    assert_non_null(strstr(p.err, "pack weights"));
    assert_non_null(strstr(p.err, "unet/output_blocks.0"));
    assert_null(strstr(p.out, "pack weights"));
    program_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_ops),
        cmocka_unit_test(test_ops_are_those_of_a_step),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_other_parts),
        cmocka_unit_test(test_reference_backend),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_profile_of_a_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Prompts -> tokens against the reference (tests/golden/tokens.json, tokens_parts.json), and what must hold
 * for any prompt. */
#include "support/support.h"

#include <math.h>
#include <string.h>
#include "base/mem.h"
#include "text/chunks.h"
#include "text/clean.h"
#include "text/emphasis.h"

enum { START = 49406, END = 49407 };

/* ---- golden
 * ------------------------------------------------------------------------------------------------------------
 */

/* A number, or "nan" / "inf" for what JSON cannot say. */
static double golden_number(const json_t *value)
{
    return json_is_string(value) ? strtod(json_string_value(value), NULL) : json_number_value(value);
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_chunks(const char *what, const json_t *text, const json_t *want, fc_clean_rule rule,
                         fc_clip_pad pad)
{
    fc_err err = {0};
    fc_clip_chunks got;
    fc_clip_chunk_opts opts = {.rule = rule, .pad = pad};
    assert_ok(fc_clip_chunks_make(&got, &fc_clip_vocab_builtin, json_string_value(text),
                                  json_string_length(text), &opts, &err),
              &err);
    if (got.count != json_array_size(want))
        fail_msg("%s of \"%s\": %u chunks, want %zu", what, json_string_value(text), got.count,
                 json_array_size(want));
    for (uint32_t k = 0; k < got.count; k++) {
        const json_t *chunk = json_array_get(want, k);
        assert_int_equal(json_array_size(chunk), FC_CLIP_CHUNK);
        for (uint32_t i = 0; i < FC_CLIP_CHUNK; i++) {
            const json_t *position = json_array_get(chunk, i);
            json_int_t id = json_integer_value(json_array_get(position, 0));
            double weight = golden_number(json_array_get(position, 1));
            if (got.ids[k][i] != id || !same_number(got.weights[k][i], weight))
                fail_msg("%s of \"%s\", chunk %u position %u: token %d weight %.17g, want %d and %.17g", what,
                         json_string_value(text), k, i, got.ids[k][i], got.weights[k][i], (int)id, weight);
        }
    }
    fc_clip_chunks_fini(&got);
}

static void test_golden_tokens(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("tokens.json"), *item;
    size_t i;
    json_array_foreach(json_object_get(root, "items"), i, item)
    {
        const json_t *text = json_object_get(item, "text");
        const json_t *l = json_object_get(item, "l"), *g = json_object_get(item, "g");
        const json_t *l_431 = json_object_get(item, "l_431"), *g_431 = json_object_get(item, "g_431");
        check_chunks("l", text, l, FC_CLEAN_STRIP_ACCENTS, FC_CLIP_PAD_END);
        check_chunks("g", text, g, FC_CLEAN_STRIP_ACCENTS, FC_CLIP_PAD_ZERO);
        check_chunks("l_431", text, l_431 ? l_431 : l, FC_CLEAN_KEEP_ACCENTS, FC_CLIP_PAD_END);
        check_chunks("g_431", text, g_431 ? g_431 : g, FC_CLEAN_KEEP_ACCENTS, FC_CLIP_PAD_ZERO);
    }
    assert_int_equal(i, 194);
    json_decref(root);
}

static void check_clean(const json_t *item, const char *key, fc_clean_rule rule)
{
    const json_t *text = json_object_get(item, "text"), *want = json_object_get(item, key);
    fc_err err = {0};
    fc_buf got;
    fc_buf_init(&got, json_string_length(text) * FC_CLEAN_GROWTH);
    assert_ok(fc_clean_text(rule, json_string_value(text), json_string_length(text), &got, &err), &err);
    assert_string_equal(fc_buf_cstr(&got), json_string_value(want));
    assert_int_equal(got.len, json_string_length(want));
    fc_buf_fini(&got);
}

static void check_segments(const json_t *item)
{
    const json_t *text = json_object_get(item, "text"), *want = json_object_get(item, "segments");
    fc_err err = {0};
    fc_emphasis got;
    assert_ok(fc_emphasis_parse(&got, json_string_value(text), json_string_length(text), &err), &err);
    if (got.count != json_array_size(want))
        fail_msg("\"%s\": %zu segments, want %zu", json_string_value(text), got.count, json_array_size(want));
    for (size_t i = 0; i < got.count; i++) {
        const json_t *part = json_array_get(json_array_get(want, i), 0);
        assert_int_equal(got.segments[i].size, json_string_length(part));
        assert_memory_equal(got.segments[i].text, json_string_value(part), json_string_length(part));
        assert_true(
            same_number(got.segments[i].weight, golden_number(json_array_get(json_array_get(want, i), 1))));
    }
    fc_emphasis_fini(&got);
}

static void test_golden_parts(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("tokens_parts.json"), *item;
    size_t i;
    json_array_foreach(json_object_get(root, "items"), i, item)
    {
        check_clean(item, "clean_430", FC_CLEAN_STRIP_ACCENTS);
        check_clean(item, "clean_431", FC_CLEAN_KEEP_ACCENTS);
        check_segments(item);
    }
    assert_int_equal(i, 194);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_tokens),
        cmocka_unit_test(test_golden_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

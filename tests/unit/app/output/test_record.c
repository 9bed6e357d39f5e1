/* The table of what pictures carry (record.def): it is without contradiction, no parameter is forgotten, and
 * whatever a request asks for comes back out of a picture's settings. */
#include "support/planning.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/output/metadata.h"
#include "app/output/record.h"
#include "base/str.h"
#include "support/app_cases.h"

enum { TRIALS = 80 };

/* ---- the table ---- */

static void test_names_are_told_apart(void **state)
{
    (void)state;
    for (int i = 0; i < FC_RECORD_COUNT; i++) {
        const fc_record_row *a = &fc_record_table[i];
        assert_false(fc_record_is_lora_key(a->key));
        assert_true(!a->plain || a->plain_place > 0);
        for (int k = 0; k < i; k++) {
            const fc_record_row *b = &fc_record_table[k];
            if (strcmp(a->key, b->key) == 0) fail_msg("two rows have the key %s", a->key);
            if (a->label && b->label && fc_str_eq_nocase(a->label, b->label))
                fail_msg("two rows have the label %s", a->label);
            if (a->plain && b->plain && fc_str_eq_nocase(a->plain, b->plain))
                fail_msg("two rows are %s in the plain text", a->plain);
            if (a->plain && b->plain && a->plain_place == b->plain_place && a->plain_place != FC_RECORD_LAST)
                fail_msg("%s and %s have one place in the plain text", a->key, b->key);
        }
    }
}

/* A parameter is carried by one row, or named here as one that makes no other picture. */
static void test_every_parameter_is_carried(void **state)
{
    (void)state;
    static const fc_param_id not_carried[] = {
        FC_P_translate,
        FC_P_translator, /* the prompt is carried as it was drawn */
        FC_P_count,
        FC_P_same_seed,
        FC_P_wildcards_in_order, /* each picture carries its own seed and words */
        FC_P_home,
        FC_P_output,
        FC_P_format,
        FC_P_metadata,
        FC_P_log,
        FC_P_latent,
        FC_P_preview_decoder};
    int rows[FC_PARAM_COUNT] = {0};
    for (int i = 0; i < FC_RECORD_COUNT; i++)
        for (int k = 0; k < fc_record_table[i].part_count; k++) rows[fc_record_table[i].parts[k]]++;
    for (size_t i = 0; i < sizeof not_carried / sizeof not_carried[0]; i++) rows[not_carried[i]]++;
    for (int i = 0; i < FC_PARAM_COUNT; i++)
        if (rows[i] != 1) fail_msg("%s has %d rows in record.def", fc_param_table[i].name, rows[i]);
}

/* ---- random requests ---- */

static uint32_t random_state = 1;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

static const char *draw_text(void)
{
    static const char *const texts[] = {"a fox",
                                        "x, y: \"quoted\", 'it''s'",
                                        " leading and trailing ",
                                        "line\nand line: two",
                                        "caf\u00e9, \\ and [brackets], (1.5)",
                                        "Steps: 3, Seed: 4",
                                        "{\"a\": 1}",
                                        "Negative prompt: x"};
    return texts[draw(sizeof texts / sizeof texts[0])];
}

static json_t *draw_number(const fc_param *p)
{
    int steps = (int)((p->highest - p->lowest) / p->step + 0.5);
    double value = p->lowest + draw((uint32_t)steps + 1) * p->step;
    if (p->kind == FC_KIND_INT) return json_integer((json_int_t)value);
    char text[40];
    snprintf(text, sizeof text, "%.6g", value); /* a decimal, as people write them */
    return json_real(strtod(text, NULL));
}

static json_t *draw_styles(void)
{
    json_t *list = json_array();
    if (draw(2)) json_array_append_new(list, json_string("Test A"));
    if (draw(2)) json_array_append_new(list, json_string("Test B"));
    return list;
}

/* A value of the parameter that requests take; the texts that are read further down need one of their own. */
static json_t *draw_value(fc_param_id id)
{
    const fc_param *p = &fc_param_table[id];
    size_t choices = 0;
    switch (p->kind) {
    case FC_KIND_BOOL:
        return json_boolean(draw(2));
    case FC_KIND_INT:
    case FC_KIND_NUM:
        return draw_number(p);
    case FC_KIND_ENUM:
        while (p->choice(choices)) choices++;
        return json_string(p->choice(draw((uint32_t)choices)));
    case FC_KIND_LIST:
        return draw_styles();
    case FC_KIND_LORAS:
        return draw(2) ? json_pack("[s, s]", "l1:0.3", "l2:-1.25") : json_array();
    case FC_KIND_GUIDES:
        return json_pack(
            "[s, s]", "x1=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:0.3:0.75",
            id == FC_P_controls ? "x2.bin=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee"
                                : "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee:1.5");
    case FC_KIND_SEED:
        return json_sprintf("%" PRIu32 "%06" PRIu32, draw(1u << 23), draw(1000000));
    case FC_KIND_IMAGE:
        return json_string("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    case FC_KIND_TEXT:
        if (id == FC_P_freeu) return json_string("1.01,1.02,0.99,0.95");
        if (id == FC_P_outpaint) return json_string("left=64,top=30%");
        if (p->marks & FC_MARK_MODEL) return json_string("x1");
        return json_string(draw_text());
    }
    return NULL;
}

/* Every parameter of the table, by chance; one thing at most is done with a picture. */
static json_t *draw_request(bool pictures)
{
    json_t *request = json_object();
    fc_param_id doing[] = {FC_P_vary, FC_P_upscale, FC_P_mask, FC_P_outpaint};
    fc_param_id done = doing[draw(4)];
    for (int i = 0; i < FC_RECORD_COUNT; i++)
        for (int k = 0; k < fc_record_table[i].part_count; k++) {
            fc_param_id id = fc_record_table[i].parts[k];
            bool other = id != done && (id == FC_P_vary || id == FC_P_upscale || id == FC_P_mask ||
                                        id == FC_P_outpaint || id == FC_P_image);
            bool wanted = fc_param_table[id].group == FC_GROUP_PICTURE ? pictures && !other : draw(3);
            if (wanted) json_object_set_new(request, fc_param_table[id].name, draw_value(id));
        }
    json_object_set_new(request, "prompt", draw_value(FC_P_prompt)); /* one without is warned about */
    if (pictures) json_object_set_new(request, "image", draw_value(FC_P_image));
    return request;
}

static json_t *draw_files(const json_t *request, bool pictures)
{
    json_t *files = json_pack("{s:s, s:s}", "preview_decoder", "t", "performance_lora", "fast.safetensors");
    if (draw(2)) json_object_set_new(files, "refiner", json_string("r.safetensors"));
    if (draw(2)) json_object_set_new(files, "vae", json_string("v.safetensors"));
    if (json_array_size(json_object_get(request, "loras")))
        json_object_set_new(files, "loras", json_pack("[s, s]", "l1.safetensors", "l2.safetensors"));
    if (pictures) json_object_set_new(files, "picture", json_pack("[i, i]", 512, 384));
    return files;
}

/* ---- there and back ---- */

static json_t *record_of(const planned *p)
{
    json_t *record = fc_record_make(&p->plan, 0, NULL);
    assert_non_null(record);
    return record;
}

/* What the plain text shows of the sampler does not tell the _gpu ones apart, which compute the same. */
static bool same_member(const fc_record_row *row, const json_t *a, const json_t *b)
{
    if (row->shape != FC_SHAPE_SAMPLER || !a || !b) return a == b || json_equal(a, b);
    const char *x = json_string_value(a), *y = json_string_value(b);
    size_t n = strlen(x) < strlen(y) ? strlen(x) : strlen(y);
    return strncmp(x, y, n) == 0 && (!x[n] || strcmp(x + n, "_gpu") == 0) &&
           (!y[n] || strcmp(y + n, "_gpu") == 0);
}

/* Whether the scheme carries the row in a picture with this record. */
static bool is_carried(const fc_record_row *row, const json_t *record, bool plain)
{
    bool of_refiner = row->when == FC_RECORD_REFINED || row->when == FC_RECORD_REFINED_CHANGED;
    bool refined =
        strcmp(json_string_value(json_object_get(record, FC_RECORD_KEY(refiner_model))), "None") != 0;
    if (!row->part_count) return false;
    if (!plain || row->shape == FC_SHAPE_LORAS) return true;
    return row->plain && (refined || !of_refiner);
}

static void check_same(const json_t *first, const json_t *again, bool plain, const char *text, int seen[])
{
    for (int i = 0; i < FC_RECORD_COUNT; i++) {
        const fc_record_row *row = &fc_record_table[i];
        const json_t *a = json_object_get(first, row->key), *b = json_object_get(again, row->key);
        if (!is_carried(row, first, plain)) continue;
        seen[i] += a != NULL;
        if (!same_member(row, a, b))
            fail_msg("%s: %s became %s, read from\n%s", row->key,
                     a ? json_dumps(a, JSON_ENCODE_ANY) : "nothing",
                     b ? json_dumps(b, JSON_ENCODE_ANY) : "nothing", text);
    }
}

/* False when the drawn settings cannot be planned together. */
static bool there_and_back(const char *scheme, bool pictures, int seen[])
{
    json_t *asked = draw_request(pictures), *files = draw_files(asked, pictures), *read;
    char *text = json_dumps(asked, 0);
    planned first, again;
    app_warnings warnings;
    fc_err err = {0};
    fc_buf settings;
    bool plain = strcmp(scheme, "a1111") == 0;
    bool fits = plan_json_request(&first, text, files, 5, &err) == FC_OK;
    fc_buf_init(&settings, 1 << 16);
    if (fits) {
        json_t *record = record_of(&first);
        fc_metadata_write(record, scheme, &settings);
        assert_ok(fc_metadata_parse(fc_buf_cstr(&settings), &read, &err), &err);
        fc_request *request = fc_request_new();
        assert_ok(fc_record_apply(read, request, app_warn(&warnings), &err), &err);
        if (warnings.count) fail_msg("%s: %s", fc_buf_cstr(&settings), warnings.text);
        assert_ok(plan_request(&again, request, files, 6, &err), &err);
        json_t *second = record_of(&again);
        check_same(record, second, plain, fc_buf_cstr(&settings), seen);
        planned_fini(&again);
        json_decref(record);
        json_decref(second);
        json_decref(read);
    }
    planned_fini(&first);
    fc_buf_fini(&settings);
    json_decref(asked);
    json_decref(files);
    free(text);
    return fits;
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    static const char *const schemes[] = {"fooocus", "a1111"};
    for (int s = 0; s < 2; s++) {
        int seen[FC_RECORD_COUNT] = {0}, fitting = 0;
        for (int i = 0; i < TRIALS; i++) fitting += there_and_back(schemes[s], i % 2, seen);
        if (fitting < TRIALS / 2) fail_msg("only %d of %d requests could be planned", fitting, TRIALS);
        for (int i = 0; i < FC_RECORD_COUNT; i++) {
            const fc_record_row *row = &fc_record_table[i];
            bool wanted = row->part_count && (s == 0 || row->plain);
            if (wanted && seen[i] < 3) fail_msg("%s: %s was written %d times", schemes[s], row->key, seen[i]);
        }
    }
}

/* Fooocus writes FreeU's factors as a tuple. */
static void test_factors_as_a_tuple(void **state)
{
    (void)state;
    json_t *record =
        json_pack("{s:s, s:s, s:s}", "prompt", "x", "styles", "[]", "freeu", "(1.01, 1.02, 0.99, 0.95)");
    fc_request *request = fc_request_new();
    fc_arena arena;
    fc_params params;
    app_warnings warnings;
    fc_err err = {0};
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_record_apply(record, request, app_warn(&warnings), &err), &err);
    assert_ok(fc_request_resolve(request, &arena, &params, &err), &err);
    assert_string_equal(params.freeu, "1.01,1.02,0.99,0.95");
    fc_request_free(request);
    fc_arena_fini(&arena);
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_told_apart),
        cmocka_unit_test(test_every_parameter_is_carried),
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_factors_as_a_tuple),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

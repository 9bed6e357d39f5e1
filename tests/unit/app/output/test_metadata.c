/* Settings in pictures: what is written can be read back into the same plan; what others wrote is understood;
 * what strangers wrote does no harm. */
#include "support/planning.h"

#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/common/python_literal.h"
#include "app/output/a1111.h"
#include "app/output/metadata.h"
#include "app/output/record.h"
#include "base/file.h"
#include "support/app_cases.h"

/* ---- Python literals ---- */

static void check_literal(const char *text, const char *want)
{
    json_t *value = fc_pyliteral_read(text);
    fc_buf got;
    fc_buf_init(&got, 4096);
    if (value) fc_json_write(value, JSON_COMPACT, &got);
    if (!want && value) fail_msg("'%s' was read as %s", text, fc_buf_cstr(&got));
    if (want && strcmp(fc_buf_cstr(&got), want) != 0)
        fail_msg("'%s': %s, wanted %s", text, fc_buf_cstr(&got), want);
    fc_buf_fini(&got);
    json_decref(value);
}

static void test_literals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* NULL: refused */
    } cases[] = {
        {"['Fooocus V2', \"it's\"]", "[\"Fooocus V2\",\"it's\"]"},
        {"(1.5, 0.8, 0.3)", "[1.5,0.8,0.3]"},
        {"(1152, 896)", "[1152,896]"},
        {" ( 1 , ) ", "[1]"},
        {"()", "[]"},
        {"[]", "[]"},
        {"[True, False, None]", "[true,false,null]"},
        {"[(1, 'a'), [-2.5e3]]", "[[1,\"a\"],[-2500.0]]"},
        {"'a\\'b\\n\\x41\\u00e9\\q'", "\"a'b\\nA\u00e9\\\\q\""},
        {"", NULL},
        {"[", NULL},
        {"[1", NULL},
        {"[1,,2]", NULL},
        {"[1 2]", NULL},
        {"(1, 2", NULL},
        {"[1)", NULL},
        {"'abc", NULL},
        {"'abc\\", NULL},
        {"'\\x4'", NULL},
        {"'\\x00'", NULL},
        {"1 + 1", NULL},
        {"__import__('os')", NULL},
        {"[__import__('os').system('x')]", NULL},
        {"{'a': 1}", NULL},
        {"Truex", NULL},
        {"nan", NULL},
        {"[[[[[[[[[1]]]]]]]]]", NULL},
        {"[[[[[[[[1]]]]]]]]", "[[[[[[[[1]]]]]]]]"},
        {"'\xff'", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_literal(cases[i].text, cases[i].want);
}

static void test_literal_writing(void **state)
{
    (void)state;
    json_t *list = json_pack("[s,s,s,s]", "a", "it's", "both ' and \"", "line\n\x01\\");
    fc_buf text;
    fc_buf_init(&text, 4096);
    fc_pyliteral_write_strings(list, &text);
    assert_string_equal(fc_buf_cstr(&text), "['a', \"it's\", 'both \\' and \"', 'line\\n\\x01\\\\']");
    json_t *back = fc_pyliteral_read(fc_buf_cstr(&text));
    assert_true(json_equal(back, list));
    json_decref(list);
    json_decref(back);
    fc_buf_fini(&text);
}

/* ---- round trips ---- */

/* Each with the LoRA paths that stand for its LoRAs. */
static const struct {
    const char *request, *files;
} round_trips[] = {
    {"{\"prompt\": \"a fox\", \"seed\": \"9223372036854775807\"}", "{}"},
    {"{\"prompt\": \"a __beast__, b\\nline, two: \\\"q\\\"\", \"negative_prompt\": \"n: x, y\\nz\", "
     "\"styles\": [\"Test A\", "
     "\"Random Style\"], \"seed\": \"7\", \"cfg\": 9.25, \"sharpness\": 0.001, \"adm\": \"1.25,0.9,0.5\", "
     "\"size\": "
     "\"640x1024\", \"steps\": 12, \"adaptive_cfg\": 3.5, \"clip_skip\": 1}",
     "{}"},
    {"{\"prompt\": \"x\", \"styles\": [], \"refiner\": \"r\", \"refiner_switch\": 0.4, \"switch_step\": 5, "
     "\"swap_method\": "
     "\"separate\", \"vae\": \"v\", \"performance\": \"quality\"}",
     "{\"refiner\": \"r.safetensors\", \"vae\": \"v.safetensors\"}"},
    {"{\"prompt\": \"x\", \"styles\": [], \"loras\": [\"l1:0.3\", \"l2:-1\"]}",
     "{\"loras\": [\"l1.safetensors\", \"l2.safetensors\"]}"},
    {"{\"recipe\": \"1.0\", \"prompt\": \"x, y.\", \"negative_prompt\": \"n\", \"styles\": [\"sai-anime\"], "
     "\"seed\": 77}",
     "{}"},
    {"{\"recipe\": \"1.0\", \"prompt\": \"x\", \"styles\": [\"none\"], \"sampler\": \"euler\", "
     "\"scheduler\": \"normal\"}",
     "{}"},
    {"{\"raw\": true, \"prompt\": \" as is,, \", \"negative_prompt\": \" . \", \"fast_vae\": true}",
     "{\"preview_decoder\": \"t\"}"},
    {"{\"prompt\": \"x\", \"styles\": [], \"performance\": \"lightning\", \"steps\": 8}",
     "{\"performance_lora\": \"light.safetensors\"}"},
};

static json_t *only(const json_t *object, size_t index)
{
    json_t *copy = json_deep_copy(json_array_get(json_object_get(object, "images"), index));
    json_object_del(copy, "image"); /* the repeated one is alone in its job */
    json_object_del(copy, "images");
    json_object_del(copy, "steps_before");
    json_object_del(copy, "steps_total");
    return copy;
}

/* _gpu and plain names are one method, and the a1111 scheme keeps the plain one. */
static void forget_gpu(json_t *image)
{
    const char *name = json_string_value(json_object_get(image, "sampler"));
    char plain[64];
    snprintf(plain, sizeof plain, "%s", name);
    if (strlen(plain) > 4 && strcmp(plain + strlen(plain) - 4, "_gpu") == 0) plain[strlen(plain) - 4] = '\0';
    json_object_set_new(image, "sampler", json_string(plain));
}

static void check_same(const planned *first, const planned *again)
{
    json_t *a = planned_json(&first->plan), *b = planned_json(&again->plan);
    json_t *image_a = only(a, (size_t)first->plan.count - 1), *image_b = only(b, 0);
    forget_gpu(image_a);
    forget_gpu(image_b);
    if (!json_equal(image_a, image_b))
        fail_msg("\n%s\n%s", json_dumps(image_a, JSON_SORT_KEYS), json_dumps(image_b, JSON_SORT_KEYS));
    assert_true(json_equal(json_object_get(a, "refiner"), json_object_get(b, "refiner")));
    assert_true(json_equal(json_object_get(a, "loras"), json_object_get(b, "loras")));
    json_decref(a);
    json_decref(b);
    json_decref(image_a);
    json_decref(image_b);
}

/* Through a picture file and back into a plan. */
static void round_trip(const char *request_text, const char *files_text, const char *scheme,
                       fc_image_format format)
{
    json_t *files = json_loads(files_text, 0, NULL), *record, *read;
    planned first, again;
    fc_err err = {0};
    fc_arena arena;
    fc_image_notes notes;
    uint8_t pixels[8 * 8 * 3] = {0};
    const fc_image image = {pixels, 8, 8};
    fc_buf file;
    app_warnings warnings;
    fc_arena_init(&arena, 1 << 20);
    fc_buf_init(&file, 1 << 20);
    assert_ok(plan_json_request(&first, request_text, files, 5, &err), &err);
    record = fc_record_make(&first.plan, first.plan.count - 1, NULL);
    assert_ok(fc_metadata_notes(record, scheme, &arena, &notes, &err), &err);
    assert_ok(fc_image_encode(&file, &image, format, &notes, &err), &err);
    const char *path = fc_test_tmp_path("round.bin");
    assert_ok(fc_file_write_atomic(path, file.data, file.len, &err), &err);
    assert_ok(fc_metadata_read_file(path, &read, &err), &err);
    fc_request *request = fc_request_new();
    assert_ok(fc_record_apply(read, request, app_warn(&warnings), &err), &err);
    if (warnings.count) fail_msg("%s: %s", scheme, warnings.text);
    assert_ok(plan_request(&again, request, files, 6, &err), &err);
    check_same(&first, &again);
    planned_fini(&first);
    planned_fini(&again);
    json_decref(record);
    json_decref(read);
    json_decref(files);
    fc_buf_fini(&file);
    fc_arena_fini(&arena);
}

static void test_round_trips(void **state)
{
    (void)state;
    static const char *const schemes[] = {"fooocus", "a1111"};
    for (size_t i = 0; i < sizeof round_trips / sizeof round_trips[0]; i++)
        for (int s = 0; s < 2; s++)
            for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++)
                round_trip(round_trips[i].request, round_trips[i].files, schemes[s], (fc_image_format)f);
}

/* ---- the written form, as other programs expect it ---- */

static void test_written_form(void **state)
{
    (void)state;
    static const char request[] =
        "{\"prompt\": \"a fox, red\", \"negative_prompt\": \"blur\", \"styles\": [\"Test B\"], \"seed\": 5, "
        "\"loras\": [\"d/l1.safetensors:0.5\"], \"recipe\": \"2.5\"}";
    json_t *files = json_pack("{s:[s]}", "loras", "d/l1.safetensors");
    planned p;
    fc_err err = {0};
    fc_buf text;
    fc_buf_init(&text, 1 << 16);
    assert_ok(plan_json_request(&p, request, files, 5, &err), &err);
    const char *hashes[] = {"0123456789"};
    json_t *record = fc_record_make(&p.plan, 0, &(fc_record_hashes){.base = "aaaaaaaaaa", .loras = hashes});
    fc_metadata_write(record, "fooocus", &text);
    assert_string_equal(
        fc_buf_cstr(&text),
        "{\"adm_guidance\": \"(1.5, 0.8, 0.3)\", \"base_model\": \"b\", \"base_model_hash\": \"aaaaaaaaaa\", "
        "\"clip_skip\": 2, "
        "\"full_negative_prompt\": [\"blur\", \"blur\"], \"full_prompt\": [\"a fox, red\"], "
        "\"guidance_scale\": 4, "
        "\"lora_combined_1\": \"l1 : 0.5\", \"loras\": [[\"l1\", 0.5, \"0123456789\"]], \"metadata_scheme\": "
        "false, "
        "\"negative_prompt\": \"blur\", \"performance\": \"Speed\", \"prompt\": \"a fox, red\", \"recipe\": "
        "\"2.5\", "
        "\"refiner_model\": \"None\", \"refiner_switch\": 0.8, \"resolution\": \"(1152, 896)\", \"sampler\": "
        "\"dpmpp_2m_sde_gpu\", \"scheduler\": \"karras\", \"seed\": \"5\", \"sharpness\": 2, \"steps\": 30, "
        "\"styles\": "
        "\"['Test B']\", \"vae\": \"Default (model)\", \"version\": \"Fooocus in C 0.1.0\"}");
    fc_buf_reset(&text);
    fc_metadata_write(record, "a1111", &text);
    assert_string_equal(fc_buf_cstr(&text), "a fox, red\nNegative prompt: blur, blur\nSteps: 30, Sampler: "
                                            "DPM++ 2M SDE Karras, Seed: 5, Size: 1152x896, CFG scale: "
                                            "4, Sharpness: 2, ADM Guidance: \"(1.5, 0.8, 0.3)\", Model: b, "
                                            "Model hash: aaaaaaaaaa, Performance: Speed, Scheduler: "
                                            "karras, VAE: Default (model), Raw prompt: \"a fox, red\", Raw "
                                            "negative prompt: blur, Styles: ['Test B'], Clip skip: 2, "
                                            "Recipe: 2.5, Lora hashes: \"l1: 0123456789\", Lora weights: "
                                            "\"l1: 0.5\", Version: Fooocus in C 0.1.0");
    json_decref(record);
    json_decref(files);
    planned_fini(&p);
    fc_buf_fini(&text);
}

/* ---- what others wrote: tests/data/metadata_read.json: [name, text, want {...}, warnings [...]] ---- */

static void check_foreign(const json_t *c)
{
    const char *name = json_string_value(json_array_get(c, 0)), *key;
    const json_t *want = json_array_get(c, 2), *expected = json_array_get(c, 3);
    json_t *record, *value;
    app_warnings warnings;
    fc_err err = {0};
    fc_arena arena;
    fc_params params;
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_metadata_parse(json_string_value(json_array_get(c, 1)), &record, &err), &err);
    fc_request *request = fc_request_new();
    assert_ok(fc_record_apply(record, request, app_warn(&warnings), &err), &err);
    if ((size_t)warnings.count != json_array_size(expected)) fail_msg("%s: %s", name, warnings.text);
    for (size_t i = 0; i < json_array_size(expected); i++)
        if (!strstr(warnings.text, json_string_value(json_array_get(expected, i))))
            fail_msg("%s: %s", name, warnings.text);
    assert_ok(fc_request_resolve(request, &arena, &params, &err), &err);
    json_t *all = fc_params_to_json(&params);
    json_object_foreach((json_t *)(uintptr_t)want, key, value)
    {
        if (!json_equal(json_object_get(all, key), value))
            fail_msg("%s: %s is %s", name, key, json_dumps(json_object_get(all, key), JSON_ENCODE_ANY));
    }
    json_decref(all);
    json_decref(record);
    fc_request_free(request);
    fc_arena_fini(&arena);
}

static void test_foreign_settings(void **state)
{
    (void)state;
    json_error_t where;
    json_t *cases = json_load_file(fc_test_source_path("tests/data/metadata_read.json"), 0, &where), *c;
    size_t i;
    if (!cases) fail_msg("%d: %s", where.line, where.text);
    json_array_foreach(cases, i, c) check_foreign(c);
    assert_true(i >= 8);
    json_decref(cases);
}

static void test_no_settings(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "a fox",
                                        "[1, 2]",
                                        "{\"a\": ",
                                        "Steps: 1, Seed: 2",
                                        "{}",
                                        "{\"a\": 1, \"b\": 2, \"c\": 3, \"d\": 4}",
                                        "{\"prompt\": \"x\"}",
                                        "{\"prompt\": \"x\", \"seed\": 1, \"other\": 3}"};
    uint8_t pixels[3] = {0};
    json_t *record;
    fc_err err = {0};
    fc_buf file;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_fails(fc_metadata_parse(texts[i], &record, &err), FC_FORMAT, &err, "kind not known");
        assert_null(record);
    }
    fc_buf_init(&file, 1 << 16);
    assert_ok(fc_image_encode(&file, &(fc_image){pixels, 1, 1}, FC_PNG, NULL, &err), &err);
    const char *path = fc_test_tmp_path("bare.png");
    assert_ok(fc_file_write_atomic(path, file.data, file.len, &err), &err);
    assert_fails(fc_metadata_read_file(path, &record, &err), FC_NOT_FOUND, &err, "bare.png");
    assert_ok(fc_file_write_atomic(path, "hello", 5, &err), &err);
    assert_int_not_equal(fc_metadata_read_file(path, &record, &err), FC_OK);
    assert_non_null(strstr(err.message, "bare.png"));
    assert_fails(fc_metadata_read_file(fc_test_tmp_path("none.png"), &record, &err), FC_NOT_FOUND, &err,
                 "none.png");
    fc_buf_fini(&file);
}

/* What is a workflow and cannot be read is told as one. */
static void test_workflows_that_are_not_read(void **state)
{
    (void)state;
#define SAMPLER                                                                                              \
    "{\"class_type\": \"KSampler\", \"inputs\": {\"positive\": [\"2\", 0], \"negative\": [\"2\", 0]}}"
    static const char *const texts[] = {
        "{\"1\": " SAMPLER ", \"3\": " SAMPLER
        ", \"2\": {\"class_type\": \"CLIPTextEncode\", \"inputs\": {\"text\": \"x\"}}}",
        "{\"1\": " SAMPLER ", \"2\": {\"class_type\": \"ConditioningCombine\", \"inputs\": {}}}",
        "{\"1\": " SAMPLER
        ", \"2\": {\"class_type\": \"CLIPTextEncode\", \"inputs\": {\"text\": [\"2\", 0]}}}",
        "{\"1\": " SAMPLER "}",
        "{\"1\": {\"class_type\": \"A\", \"inputs\": {}}}",
        "{\"nodes\": [], \"links\": [], \"version\": 0.4}"};
#undef SAMPLER
    fc_err err = {0};
    json_t *record;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_fails(fc_metadata_parse(texts[i], &record, &err), FC_UNSUPPORTED, &err, "ComfyUI workflow");
        assert_null(record);
    }
}

/* Pictures as those programs write them. */
static void test_pictures_of_others(void **state)
{
    (void)state;
    static const char *const names[] = {"swarm", "comfyui", "a1111_schedule_type"};
    static const char *const kinds[] = {"swarmui", "comfyui", "a1111"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[100];
        json_t *record;
        fc_buf data, text;
        fc_err err = {0};
        fc_buf_init(&data, 1 << 20);
        fc_buf_init(&text, 1 << 20);
        snprintf(path, sizeof path, "tests/data/field/pictures/%s.png", names[i]);
        assert_ok(fc_file_read(fc_test_source_path(path), &data, &err), &err);
        assert_ok(fc_metadata_read(data.data, data.len, &record, &text, &err), &err);
        assert_string_equal(json_string_value(json_object_get(record, "prompt")), "a blue boat");
        assert_string_equal(json_string_value(json_object_get(record, "negative_prompt")), "night");
        assert_string_equal(fc_metadata_kind(fc_buf_cstr(&text)), kinds[i]);
        json_decref(record);
        fc_buf_fini(&data);
        fc_buf_fini(&text);
    }
}

static planned tortured;

static fc_status torture_metadata(void *user)
{
    (void)user;
    json_t *record = fc_record_make(&tortured.plan, 0, NULL), *read = NULL;
    fc_arena arena;
    fc_image_notes notes;
    fc_status status = record ? FC_OK : FC_NOMEM;
    fc_arena_init(&arena, 1 << 20);
    if (status == FC_OK) status = fc_metadata_notes(record, "a1111", &arena, &notes, NULL);
    if (status == FC_OK) status = fc_metadata_parse(notes.texts[0].value, &read, NULL);
    fc_request *request = fc_request_new();
    if (status == FC_OK) status = request ? fc_record_apply(read, request, (fc_warn){0}, NULL) : FC_NOMEM;
    fc_request_free(request);
    fc_arena_fini(&arena);
    json_decref(record);
    json_decref(read);
    return status;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    fc_err err = {0};
    assert_ok(plan_json_request(&tortured, "{\"prompt\": \"a, b\", \"seed\": 3}", NULL, 1, &err), &err);
    assert_true(fc_test_torture(torture_metadata, NULL) > 10);
    planned_fini(&tortured);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_literal_writing),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_written_form),
        cmocka_unit_test(test_foreign_settings),
        cmocka_unit_test(test_no_settings),
        cmocka_unit_test(test_workflows_that_are_not_read),
        cmocka_unit_test(test_pictures_of_others),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* BLIP's captioner: transformers' own captions by the synthetic checkpoint, greedy and by beams, under both
 * spellings of the file; the engine's captioner with a vocabulary; other files; failing allocations. */
#include "model/blip.h"

#include <string.h>

#include "base/file.h"
#include "engine/captioner.h"
#include "format/json.h"
#include "support/networks.h"

enum { WORDS = 60, SIDE = 32, VALUES = SIDE * SIDE * 3, MAX_IDS = 32 };

static uint8_t picture[VALUES];

static void make_picture(void)
{
    for (uint32_t i = 0; i < VALUES; i++) picture[i] = (uint8_t)(i * i * 7 + i * 31 + i / 96 * 57);
}

static int32_t read_ids(const json_t *list, int32_t ids[MAX_IDS])
{
    size_t n = json_array_size(list);
    assert_true(n <= MAX_IDS);
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return (int32_t)n;
}

static int32_t whole(const json_t *run, const char *name)
{
    return (int32_t)json_integer_value(json_object_get(run, name));
}

static void check_run(fc_rig *rig, const fc_blip *net, const json_t *run)
{
    int32_t prompt[MAX_IDS], wanted[MAX_IDS], made[MAX_IDS], written;
    fc_err err = {0};
    const fc_beam_opts opts = {.beams = whole(run, "beams"),
                               .max_length = whole(run, "max_length"),
                               .min_length = whole(run, "min_length"),
                               .end = whole(run, "end"),
                               .length_penalty =
                                   (float)json_number_value(json_object_get(run, "length_penalty"))};
    int32_t prompt_count = read_ids(json_object_get(run, "prompt"), prompt);
    int32_t count = read_ids(json_object_get(run, "tokens"), wanted);
    assert_ok(fc_blip_describe(&rig->cx, net, picture, prompt, prompt_count, &opts, made, &written, &err),
              &err);
    if (written != count || memcmp(made, wanted, (size_t)count * sizeof *wanted) != 0)
        fail_msg("%s, %d beams: other tokens", rig->label, (int)opts.beams);
}

static void check_kind(const char *kind, const char *backend)
{
    fc_rig rig;
    fc_blip *net;
    json_t *root, *run;
    size_t i;
    fc_err err = {0};
    fc_weights *w = net_weights(kind);
    assert_ok(fc_blip_open(&net, w, &err), &err);
    assert_int_equal(fc_blip_size(net), SIDE);
    assert_int_equal(fc_blip_words(net), WORDS);
    assert_ok(
        fc_json_read_file(FC_SOURCE_DIR "/tests/data/blip/tokens.json", 1 << 20, FC_JSON_ARRAY, &root, &err),
        &err);
    assert_int_equal(json_array_size(root), 6);
    assert_true(fc_rig_open(&rig, backend, FC_F32, 1));
    json_array_foreach(root, i, run)
    {
        check_run(&rig, net, run);
    }
    fc_rig_close(&rig);
    json_decref(root);
    fc_blip_close(net);
    fc_weights_close(w);
}

static void the_references_captions(void **state)
{
    (void)state;
    check_kind("blip_tiny", "ref");
    check_kind("blip_tiny", "cpu");
    check_kind("blip_tiny_hf", "cpu");
}

static const char *write_vocabulary(const char *end)
{
    fc_buf b;
    fc_err err = {0};
    const char *path = fc_test_tmp_path("vocab.txt");
    fc_buf_init(&b, 1 << 12);
    fc_buf_printf(&b, "[PAD]\n[UNK]\n%s\na\npicture\nof\n##s\n,\n-\n[DEC]\n", end);
    for (int i = 10; i < WORDS; i++) fc_buf_printf(&b, i % 9 ? "w%d\n" : "##x%d\r\n", i);
    assert_ok(fc_file_write_atomic(path, b.data, b.len, &err), &err);
    fc_buf_fini(&b);
    return path;
}

static void a_picture_is_described(void **state)
{
    (void)state;
    fc_captioner *c;
    fc_arena arena;
    const char *first, *again;
    uint8_t large[2 * VALUES];
    fc_err err = {0};
    fc_arena_init(&arena, 1 << 16);
    memcpy(large, picture, VALUES);
    memcpy(large + VALUES, picture, VALUES);
    const fc_pixels rgb = {large, SIDE, 2 * SIDE, 3};
    assert_ok(fc_captioner_open(&c, fc_test_synth("blip_tiny"), write_vocabulary("[SEP]"), &err), &err);
    assert_ok(fc_captioner_run(c, &rgb, NULL, &arena, &first, &err), &err);
    assert_ok(fc_captioner_run(c, &rgb, NULL, &arena, &again, &err), &err);
    assert_true(strlen(first) > 10);
    assert_null(strstr(first, "##"));
    assert_null(strchr(first, '['));
    assert_string_equal(first, again);
    fc_captioner_close(c);
    assert_fails(fc_captioner_open(&c, fc_test_synth("blip_tiny"), write_vocabulary("end"), &err), FC_FORMAT,
                 &err, "[SEP]");
    assert_fails(fc_captioner_open(&c, fc_test_synth("marian_tiny"), write_vocabulary("[SEP]"), &err),
                 FC_UNSUPPORTED, &err, "no BLIP captioner");
    fc_arena_fini(&arena);
}

static void refuse(const fc_synth *s, fc_status wanted, const char *part)
{
    fc_blip *b;
    fc_err err = {0};
    fc_weights *w = net_weights_of("other.safetensors", s);
    assert_fails(fc_blip_open(&b, w, &err), wanted, &err, part);
    fc_weights_close(w);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    fc_synth s;
    fc_err err = {0};
    assert_ok(fc_synth_build(&s, "taesd_decoder", &err), &err);
    refuse(&s, FC_UNSUPPORTED, "no BLIP captioner");
    fc_synth_fini(&s);
    assert_ok(fc_synth_build(&s, "blip_tiny", &err), &err);
    net_tensor(&s, "text_decoder.bert.encoder.layer.1.output.dense.weight")->shape[1] = 47;
    refuse(&s, FC_FORMAT, "layer.1.output.dense.weight");
    net_tensor(&s, "visual_encoder.pos_embed")->shape[1] = 16;
    refuse(&s, FC_FORMAT, "impossible sizes");
    fc_synth_fini(&s);
}

static fc_status open_and_run(fc_rig *rig, fc_weights *w, void *user)
{
    (void)user;
    fc_blip *net;
    const int32_t prompt = 57;
    int32_t made[6], written;
    const fc_beam_opts opts = {.beams = 2, .max_length = 6, .end = 2, .length_penalty = 1};
    fc_status status = fc_blip_open(&net, w, NULL);
    if (status) return status;
    status = fc_blip_describe(&rig->cx, net, picture, &prompt, 1, &opts, made, &written, NULL);
    fc_blip_close(net);
    return status;
}

static void memory_may_end_at_any_call(void **state)
{
    (void)state;
    const net_run t = {"cpu", fc_test_synth("blip_tiny"), FC_F32, open_and_run, NULL};
    assert_true(net_torture(&t) > 20);
}

int main(void)
{
    make_picture();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_references_captions),
        cmocka_unit_test(a_picture_is_described),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(memory_may_end_at_any_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

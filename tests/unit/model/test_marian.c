/* Marian translation networks: transformers' own translations by the synthetic checkpoint, greedy and by
 * beams, on ref and cpu; other files; failing allocations. */
#include "model/marian.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "format/json.h"
#include "support/rig.h"
#include "support/synth.h"

enum { WORDS = 97, MAX_IDS = 64 };
static const fc_marian_config config = {.reader_heads = 4,
                                        .writer_heads = 4,
                                        .context = 64,
                                        .act = FC_ACT_SILU,
                                        .scale = true,
                                        .pad = 96,
                                        .end = 0,
                                        .start = 96};
static const int32_t pad = 96;

struct fixture {
    fc_weights *weights;
    fc_marian *net;
    json_t *golden;
};

static void fixture_open(struct fixture *f)
{
    fc_err err = {0};
    assert_ok(fc_json_read_file(FC_SOURCE_DIR "/tests/data/marian/tokens.json", 1 << 20, FC_JSON_ARRAY,
                                &f->golden, &err),
              &err);
    assert_ok(fc_weights_open(&f->weights, fc_test_synth("marian_tiny"), &err), &err);
    assert_ok(fc_marian_open(&f->net, f->weights, &config, &err), &err);
    assert_int_equal(fc_marian_words(f->net), WORDS);
}

static void fixture_close(struct fixture *f)
{
    json_decref(f->golden);
    fc_marian_close(f->net);
    fc_weights_close(f->weights);
}

static int32_t read_ids(const json_t *list, int32_t ids[MAX_IDS])
{
    size_t i, n = json_array_size(list);
    assert_true(n <= MAX_IDS);
    for (i = 0; i < n; i++) ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return (int32_t)n;
}

static fc_beam_opts options(const json_t *run)
{
    return (fc_beam_opts){.beams = (int32_t)json_integer_value(json_object_get(run, "beams")),
                          .max_length = (int32_t)json_integer_value(json_object_get(run, "max_length")),
                          .length_penalty = (float)json_number_value(json_object_get(run, "length_penalty")),
                          .renormalise = json_is_true(json_object_get(run, "renormalise")),
                          .forced_end = true,
                          .end = (int32_t)json_integer_value(json_object_get(run, "end")),
                          .banned = &pad,
                          .banned_count = 1};
}

static void check_run(fc_rig *rig, const struct fixture *f, const json_t *source, const json_t *run)
{
    int32_t ids[MAX_IDS], wanted[MAX_IDS];
    int32_t made[MAX_IDS], written = 0;
    fc_err err = {0};
    fc_beam_opts opts = options(run);
    int32_t count = read_ids(source, ids), tokens = read_ids(json_object_get(run, "tokens"), wanted);
    assert_ok(fc_marian_translate(&rig->cx, f->net, ids, count, &opts, made, &written, &err), &err);
    if (written != tokens || memcmp(made, wanted, (size_t)tokens * sizeof *wanted) != 0)
        fail_msg("%s: %d beams, sentence of %d tokens: other tokens", rig->label, (int)opts.beams,
                 (int)count);
}

static void check_golden(fc_rig *rig, const struct fixture *f)
{
    json_t *c, *run;
    size_t i, k;
    json_array_foreach(f->golden, i, c)
    {
        json_array_foreach(json_object_get(c, "runs"), k, run)
        {
            check_run(rig, f, json_object_get(c, "source"), run);
        }
    }
}

static void the_references_translations(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    assert_int_equal(json_array_size(f.golden), 4);
    for (int i = 0; i < 2; i++) { /* float32 whatever the activations are */
        fc_rig rig;
        assert_true(fc_rig_open(&rig, i ? "ref" : "cpu", FC_F32, 1));
        check_golden(&rig, &f);
        fc_rig_close(&rig);
    }
    fixture_close(&f);
}

static void refuse(const fc_synth *s, const fc_marian_config *c, fc_status wanted, const char *part)
{
    fc_weights *w;
    fc_marian *m;
    fc_err err = {0};
    const char *path = fc_test_tmp_path("other.safetensors");
    assert_ok(fc_synth_write(path, s, FC_F16, &err), &err);
    assert_ok(fc_weights_open(&w, path, &err), &err);
    assert_fails(fc_marian_open(&m, w, c, &err), wanted, &err, part);
    fc_weights_close(w);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    fc_synth s;
    fc_err err = {0};
    fc_marian_config other = config;
    assert_ok(fc_synth_build(&s, "taesd_decoder", &err), &err);
    refuse(&s, &config, FC_UNSUPPORTED, "no Marian translation network");
    fc_synth_fini(&s);
    assert_ok(fc_synth_build(&s, "marian_tiny", &err), &err);
    other.writer_heads = 5;
    refuse(&s, &other, FC_FORMAT, "do not fit its config.json");
    other = config;
    other.start = WORDS;
    refuse(&s, &other, FC_FORMAT, "do not fit its config.json");
    for (size_t i = 0; i < s.count; i++)
        if (strcmp(s.tensors[i].name, "model.decoder.layers.1.fc2.weight") == 0) s.tensors[i].shape[0] = 31;
    refuse(&s, &config, FC_FORMAT, "decoder.layers.1.fc2.weight");
    fc_synth_fini(&s);
}

static void impossible_sentences_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    fc_rig rig;
    fc_err err = {0};
    int32_t ids[80] = {0}, made[8], written;
    const fc_beam_opts opts = {.beams = 2, .max_length = 8, .length_penalty = 1};
    fixture_open(&f);
    assert_true(fc_rig_open(&rig, "cpu", FC_F32, 1));
    assert_fails(fc_marian_translate(&rig.cx, f.net, ids, 65, &opts, made, &written, &err), FC_LIMIT, &err,
                 "too long");
    ids[0] = WORDS;
    assert_fails(fc_marian_translate(&rig.cx, f.net, ids, 2, &opts, made, &written, &err), FC_ARG, &err,
                 "word table");
    fc_rig_close(&rig);
    fixture_close(&f);
}

static fc_status open_and_translate(void *user)
{
    static const int32_t ids[] = {5, 17, 0};
    const fc_beam_opts opts = {.beams = 3, .max_length = 6, .length_penalty = 1};
    fc_rig rig = {0};
    fc_weights *w = NULL;
    fc_marian *net = NULL;
    int32_t made[8], written;
    fc_status status = fc_rig_try_open(&rig, "cpu", FC_F32, 1, NULL);
    if (!status) status = fc_weights_open(&w, user, NULL);
    if (!status) status = fc_marian_open(&net, w, &config, NULL);
    if (!status) status = fc_marian_translate(&rig.cx, net, ids, 3, &opts, made, &written, NULL);
    fc_marian_close(net);
    fc_weights_close(w);
    fc_rig_close(&rig);
    return status;
}

static void memory_may_end_at_any_call(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s", fc_test_synth("marian_tiny"));
    assert_true(fc_test_torture(open_and_translate, path) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_references_translations),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(impossible_sentences_are_refused),
        cmocka_unit_test(memory_may_end_at_any_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

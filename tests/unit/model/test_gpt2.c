/* GPT-2: golden data of the reference's network, one token at a time against all at once, other files. */
#include "model/gpt2.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/networks.h"

enum { WIDTH = 64, WORDS = 50257, MAX_IDS = 64 };
/* Measured: 5.6e-7 */
static const double F32 = 1.6e-6;

struct fixture {
    fc_weights *weights;
    fc_gpt2 *net;
    fc_safetensors golden;
    int32_t ids[MAX_IDS], count;
    float *logits;
};

static void fixture_open(struct fixture *f)
{
    fc_err err = {0};
    fc_test_golden_open_full(&f->golden, "v25_expansion.safetensors");
    f->weights = net_weights("gpt2_tiny");
    assert_ok(fc_gpt2_open(&f->net, f->weights, &err), &err);
    const fc_st_tensor *ids = fc_safetensors_find(&f->golden, "ids");
    assert_non_null(ids);
    f->count = (int32_t)ids->count;
    for (int32_t i = 0; i < f->count; i++) {
        int64_t id;
        memcpy(&id, (const char *)ids->data + (size_t)i * sizeof id, sizeof id);
        f->ids[i] = (int32_t)id;
    }
    f->logits = fc_calloc(WORDS, sizeof *f->logits);
}

static void fixture_close(struct fixture *f)
{
    fc_free(f->logits);
    fc_gpt2_close(f->net);
    fc_weights_close(f->weights);
    fc_safetensors_close(&f->golden);
}

struct seen {
    const fc_safetensors *golden;
    const char *label;
};

static void compare_hidden(void *user, const char *path, const float *data, int32_t n, int32_t h, int32_t w,
                           int32_t c)
{
    const struct seen *s = user;
    if (strcmp(path, "gpt2/hidden") != 0) return;
    fc_test_array want = fc_test_array_load(s->golden, "hidden");
    assert_int_equal(want.count, n * h * w * c);
    assert_rel_error(s->label, data, want.data, want.count, F32);
    fc_test_array_free(&want);
}

/* Reads the golden tokens, `first` at once and then one by one. */
static void read_all(fc_rig *rig, struct fixture *f, int32_t first)
{
    fc_gpt2_text text;
    fc_arena arena;
    fc_arena_init(&arena, 1 << 16);
    fc_mark m = fc_enter(&rig->cx, NULL);
    fc_gpt2_begin(&rig->cx, f->net, f->count, &arena, &text);
    fc_gpt2_read(&rig->cx, f->net, &text, f->ids, first, f->logits);
    for (int32_t i = first; i < f->count; i++)
        fc_gpt2_read(&rig->cx, f->net, &text, &f->ids[i], 1, f->logits);
    fc_leave(&rig->cx, m);
    fc_rig_check(rig);
    fc_arena_fini(&arena);
}

static void check_network(fc_rig *rig, void *user)
{
    struct fixture *f = user;
    struct seen seen = {&f->golden, rig->label};
    fc_test_array want = fc_test_array_load(&f->golden, "logits_last");
    rig->cx.probe = compare_hidden;
    rig->cx.probe_user = &seen;
    read_all(rig, f, f->count);
    rig->cx.probe = NULL;
    assert_rel_error("logits", f->logits, want.data, want.count, F32);
    read_all(rig, f, 1); /* what was read before is kept as it was */
    assert_rel_error("logits, one by one", f->logits, want.data, want.count, F32);
    fc_test_array_free(&want);
}

static void test_network(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    assert_int_equal(fc_gpt2_words(f.net), WORDS);
    assert_int_equal(fc_gpt2_width(f.net), WIDTH);
    assert_int_equal(fc_gpt2_context(f.net), 1024);
    fc_rig_each(check_network, &f); /* float32 whatever the activations are */
    fixture_close(&f);
}

static void refuse(const fc_synth *s, fc_status wanted, const char *part)
{
    fc_gpt2 *g;
    fc_err err = {0};
    fc_weights *w = net_weights_of("other.safetensors", s);
    assert_fails(fc_gpt2_open(&g, w, &err), wanted, &err, part);
    fc_weights_close(w);
}

static void test_other_files(void **state)
{
    (void)state;
    struct fixture f;
    fc_synth s;
    fc_rig rig;
    fc_err err = {0};
    assert_ok(fc_synth_build(&s, "taesd_decoder", &err), &err);
    refuse(&s, FC_UNSUPPORTED, "no GPT-2");
    fc_synth_fini(&s);
    assert_ok(fc_synth_build(&s, "gpt2_tiny", &err), &err);
    for (size_t i = 0; i < s.count; i++)
        if (strcmp(s.tensors[i].name, "transformer.h.1.mlp.c_fc.weight") == 0) s.tensors[i].shape[0] = 32;
    refuse(&s, FC_FORMAT, "h.1.mlp.c_fc.weight");
    s.tensors[0].shape[1] = 62; /* the word table */
    refuse(&s, FC_FORMAT, "impossible sizes");
    fc_synth_fini(&s);

    fixture_open(&f); /* a token that it does not have */
    assert_true(fc_rig_open(&rig, "cpu", FC_F32, 0));
    f.ids[0] = WORDS;
    fc_gpt2_text text;
    fc_arena arena;
    fc_arena_init(&arena, 1 << 16);
    fc_gpt2_begin(&rig.cx, f.net, 4, &arena, &text);
    fc_gpt2_read(&rig.cx, f.net, &text, f.ids, 1, f.logits);
    assert_fails(fc_cx_status(&rig.cx, &err), FC_ARG, &err, "word table");
    fc_arena_fini(&arena);
    fc_rig_close(&rig);
    fixture_close(&f);
}

static fc_status open_and_run(fc_rig *rig, fc_weights *w, void *logits)
{
    fc_gpt2 *net;
    fc_gpt2_text text;
    fc_arena arena;
    const int32_t ids[] = {64, 3797};
    fc_status status = fc_gpt2_open(&net, w, NULL);
    if (status != FC_OK) return status;
    fc_arena_init(&arena, 1 << 16);
    fc_gpt2_begin(&rig->cx, net, 3, &arena, &text);
    fc_gpt2_read(&rig->cx, net, &text, ids, 2, logits);
    fc_gpt2_close(net);
    fc_arena_fini(&arena);
    return fc_cx_status(&rig->cx, NULL);
}

static void test_torture(void **state)
{
    (void)state;
    static float logits[WORDS];
    const net_run t = {.backend = "cpu",
                       .act = FC_F32,
                       .path = fc_test_synth("gpt2_tiny"),
                       .run = open_and_run,
                       .user = logits};
    assert_true(net_torture(&t) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Prompt expansion: every prompt of the reference on the tiny model, the list of words, texts that are too
 * long, models that fail. */
#include "app/prompt/expansion.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/gpt2.h"
#include "support/rig.h"
#include "support/synth.h"

enum { WORDS = 50257 };

/* A model on a device, which begins anew when it is asked for more than one token. */
struct reader {
    fc_rig rig;
    fc_weights *weights;
    fc_gpt2 *net;
    fc_gpt2_text text;
    fc_arena arena;
};

static fc_status read_tokens(void *user, const int32_t *ids, int32_t n, float *logits, fc_err *err)
{
    struct reader *r = user;
    if (r->text.length == 0) fc_gpt2_begin(&r->rig.cx, r->net, fc_gpt2_context(r->net), &r->arena, &r->text);
    fc_gpt2_read(&r->rig.cx, r->net, &r->text, ids, n, logits);
    return fc_cx_status(&r->rig.cx, err);
}

static void reader_open(struct reader *r)
{
    fc_err err = {0};
    *r = (struct reader){0};
    fc_arena_init(&r->arena, 1 << 20);
    assert_true(fc_rig_open(&r->rig, "cpu", FC_F32, 0));
    assert_ok(fc_weights_open(&r->weights, fc_test_synth("gpt2_tiny"), &err), &err);
    assert_ok(fc_gpt2_open(&r->net, r->weights, &err), &err);
}

static void reader_close(struct reader *r)
{
    fc_gpt2_close(r->net);
    fc_weights_close(r->weights);
    fc_rig_close(&r->rig);
    fc_arena_fini(&r->arena);
}

static uint8_t *allowed_words(fc_byte_bpe *bpe, json_t *root)
{
    fc_buf list;
    fc_err err = {0};
    size_t i;
    json_t *word;
    uint8_t *allowed = fc_calloc(WORDS, 1);
    fc_buf_init(&list, 1 << 16);
    json_array_foreach(json_object_get(root, "words"), i, word)
        fc_buf_printf(&list, "%s\r\n", json_string_value(word));
    fc_buf_puts(&list, "certainlynotasingletoken\n\n");
    assert_ok(fc_expansion_words(bpe, list.data, list.len, allowed, WORDS, &err), &err);
    int count = 0;
    for (i = 0; i < WORDS; i++) count += allowed[i];
    assert_int_equal(count, json_array_size(json_object_get(root, "words")));
    fc_buf_fini(&list);
    return allowed;
}

static void test_reference(void **state)
{
    (void)state;
    struct reader r;
    fc_byte_bpe bpe;
    fc_err err = {0};
    json_t *root = fc_test_golden_json("v25_expansion.json"), *p;
    size_t i;
    assert_ok(fc_byte_bpe_init(&bpe, &fc_gpt2_vocab_builtin, &err), &err);
    uint8_t *allowed = allowed_words(&bpe, root);
    reader_open(&r);
    const fc_expansion_model model = {&r, fc_gpt2_words(r.net), fc_gpt2_context(r.net), read_tokens};
    json_array_foreach(json_object_get(root, "prompts"), i, p)
    {
        fc_buf out;
        uint64_t seed;
        fc_buf_init(&out, 1 << 16);
        assert_true(fc_parse_u64(json_string_value(json_object_get(p, "seed")), &seed));
        fc_mark m = fc_enter(&r.rig.cx, NULL);
        r.text.length = 0;
        assert_ok(fc_expansion_run(&bpe, &model, allowed, json_string_value(json_object_get(p, "prompt")),
                                   seed, &out, &err),
                  &err);
        fc_leave(&r.rig.cx, m);
        assert_string_equal(fc_buf_cstr(&out), json_string_value(json_object_get(p, "result")));
        fc_buf_fini(&out);
    }
    assert_int_equal(json_array_size(json_object_get(root, "prompts")), 22);
    reader_close(&r);
    fc_free(allowed);
    fc_byte_bpe_fini(&bpe);
    json_decref(root);
}

static fc_status fail_to_read(void *user, const int32_t *ids, int32_t n, float *logits, fc_err *err)
{
    (void)user, (void)ids, (void)n, (void)logits;
    return fc_fail(err, FC_CANCELLED, "stopped");
}

static void test_failures(void **state)
{
    (void)state;
    fc_byte_bpe bpe;
    fc_buf out;
    fc_err err = {0};
    const fc_expansion_model model = {NULL, WORDS, 1024, fail_to_read};
    uint8_t *allowed = fc_calloc(WORDS, 1);
    assert_ok(fc_byte_bpe_init(&bpe, &fc_gpt2_vocab_builtin, &err), &err);
    assert_fails(fc_expansion_words(&bpe, "\n\n", 2, allowed, WORDS, &err), FC_FORMAT, &err, "positive.txt");
    fc_buf_init(&out, 1 << 16);
    assert_fails(fc_expansion_run(&bpe, &model, allowed, "a cat", 1, &out, &err), FC_CANCELLED, &err,
                 "stopped");
    fc_buf prompt;
    fc_buf_init(&prompt, 1 << 16);
    for (int i = 0; i < 1000; i++) fc_buf_puts(&prompt, "word ");
    assert_fails(fc_expansion_run(&bpe, &model, allowed, prompt.data, 1, &out, &err), FC_LIMIT, &err,
                 "too long");
    fc_buf_fini(&prompt);
    fc_buf_fini(&out);
    fc_free(allowed);
    fc_byte_bpe_fini(&bpe);
}

/* All words are equally likely. */
static fc_status likes_all(void *user, const int32_t *ids, int32_t n, float *logits, fc_err *err)
{
    (void)user, (void)ids, (void)n, (void)err;
    memset(logits, 0, WORDS * sizeof *logits);
    return FC_OK;
}

static fc_status expand_once(void *user)
{
    fc_byte_bpe bpe;
    fc_buf out;
    const fc_expansion_model model = {NULL, WORDS, 1024, likes_all};
    fc_buf_init(&out, 1 << 16);
    fc_status status = fc_byte_bpe_init(&bpe, &fc_gpt2_vocab_builtin, NULL);
    if (!status) status = fc_expansion_run(&bpe, &model, user, "a cat", 1, &out, NULL);
    fc_buf_fini(&out);
    fc_byte_bpe_fini(&bpe);
    return status;
}

static void test_torture(void **state)
{
    (void)state;
    uint8_t *allowed = fc_calloc(WORDS, 1);
    assert_true(fc_test_torture(expand_once, allowed) > 5);
    fc_free(allowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

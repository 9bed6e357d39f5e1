/* GPT-2's tokenizer: the texts of the reference, back to text, hostile bytes, failing allocations. */
#include "text/byte_bpe.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/support.h"

static void check_text(fc_byte_bpe *b, const char *text, size_t size, json_t *ids)
{
    fc_codes codes;
    fc_buf back;
    fc_err err = {0};
    fc_codes_init(&codes, 1 << 16);
    fc_buf_init(&back, 1 << 20);
    assert_ok(fc_byte_bpe_encode(b, text, size, &codes, &err), &err);
    bool same = codes.len == json_array_size(ids);
    for (size_t i = 0; i < codes.len && same; i++)
        same = (json_int_t)codes.data[i] == json_integer_value(json_array_get(ids, i));
    if (ids && !same) fail_msg("\"%s\": other tokens", text);
    fc_byte_bpe_decode(b, codes.data, codes.len, &back);
    assert_int_equal(back.status, FC_OK);
    assert_int_equal(back.len, size);
    assert_memory_equal(fc_buf_cstr(&back), text, size);
    fc_buf_fini(&back);
    fc_codes_fini(&codes);
}

static void test_reference(void **state)
{
    (void)state;
    fc_byte_bpe b;
    fc_err err = {0};
    json_t *root = fc_test_golden_json("v25_expansion.json"), *tokens = json_object_get(root, "tokens"), *t;
    size_t i;
    assert_ok(fc_byte_bpe_init(&b, &fc_gpt2_vocab_builtin, &err), &err);
    assert_int_equal(fc_gpt2_vocab_builtin.merge_count, 50000);
    json_array_foreach(tokens, i, t)
    {
        json_t *text = json_object_get(t, "text");
        check_text(&b, json_string_value(text), json_string_length(text), json_object_get(t, "ids"));
    }
    assert_int_equal(json_array_size(tokens), 113);
    json_decref(root);
    fc_byte_bpe_fini(&b);
}

/* Any bytes come back as they were. */
static void test_any_bytes(void **state)
{
    (void)state;
    char bytes[3000];
    fc_byte_bpe b;
    fc_buf none;
    fc_err err = {0};
    const uint32_t beyond[] = {50256, 50257, UINT32_MAX};
    assert_ok(fc_byte_bpe_init(&b, &fc_gpt2_vocab_builtin, &err), &err);
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)((x = x * 1664525u + 1013904223u) >> 24);
    fc_codes codes;
    fc_buf back;
    fc_codes_init(&codes, 1 << 16);
    fc_buf_init(&back, 1 << 20);
    assert_ok(fc_byte_bpe_encode(&b, bytes, sizeof bytes, &codes, &err), &err);
    fc_byte_bpe_decode(&b, codes.data, codes.len, &back);
    assert_int_equal(back.len, sizeof bytes);
    assert_memory_equal(fc_buf_cstr(&back), bytes, sizeof bytes);
    fc_buf_init(&none, 100);
    fc_byte_bpe_decode(&b, beyond, 3, &none); /* ids that are no text */
    assert_int_equal(none.len, 0);
    fc_buf_fini(&none);
    fc_buf_fini(&back);
    fc_codes_fini(&codes);
    char *long_text = fc_calloc(FC_CLIP_MAX_TEXT + 1, 1);
    fc_codes_init(&codes, 1 << 20);
    memset(long_text, 'a', FC_CLIP_MAX_TEXT + 1);
    assert_fails(fc_byte_bpe_encode(&b, long_text, FC_CLIP_MAX_TEXT + 1, &codes, &err), FC_LIMIT, &err,
                 "limit");
    assert_ok(fc_byte_bpe_encode(&b, long_text, FC_CLIP_MAX_TEXT, &codes, &err), &err);
    fc_free(long_text);
    fc_codes_fini(&codes);
    fc_byte_bpe_fini(&b);
}

/* Merges of another kind are refused, instead of looked up where nothing is. */
static void test_clips_merges(void **state)
{
    (void)state;
    static const char *const merges[] = {"a b</w>\n", "a</w> b\n", "a b\nab c</w>\n"};
    for (size_t i = 0; i < 3; i++) {
        fc_clip_vocab vocab;
        fc_byte_bpe b;
        fc_err err = {0};
        assert_ok(fc_clip_vocab_init(&vocab, merges[i], strlen(merges[i]), &err), &err);
        assert_fails(fc_byte_bpe_init(&b, &vocab, &err), FC_FORMAT, &err, "not GPT-2's");
        fc_clip_vocab_fini(&vocab);
    }
}

static fc_status encode_once(void *user)
{
    fc_byte_bpe b;
    fc_codes codes;
    fc_codes_init(&codes, 100);
    fc_status status = fc_byte_bpe_init(&b, &fc_gpt2_vocab_builtin, NULL);
    if (!status) status = fc_byte_bpe_encode(&b, user, strlen(user), &codes, NULL);
    fc_codes_fini(&codes);
    fc_byte_bpe_fini(&b);
    return status;
}

static void test_torture(void **state)
{
    (void)state;
    char text[] = "a red fox, highly detailed";
    assert_true(fc_test_torture(encode_once, text) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_clips_merges),
        cmocka_unit_test(test_torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

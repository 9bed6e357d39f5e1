/* Prompts -> tokens against the reference (tests/golden/tokens.json, tokens_parts.json), and what must hold
 * for any prompt. */
#include "support/support.h"

#include <math.h>
#include <string.h>
#include "base/buf.h"
#include "base/hash.h"
#include "text/chunks.h"
#include "text/clean.h"
#include "text/emphasis.h"

enum { START = 49406, END = 49407 };

/* ---- golden -------------------------------------------------------------------------------------------- */

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

/* ---- what must hold for any prompt -----------------------------------------------------------------------
 */

static fc_clip_chunks make(const char *prompt, size_t size, fc_clip_chunk_opts opts)
{
    fc_err err = {0};
    fc_clip_chunks chunks;
    assert_ok(fc_clip_chunks_make(&chunks, &fc_clip_vocab_builtin, prompt, size, &opts, &err), &err);
    return chunks;
}

/* Both encoders see the same tokens; they end with the end token, behind which there is only padding of
 * weight 1. */
static void check_shape(const fc_clip_chunks *l, const fc_clip_chunks *g)
{
    assert_int_equal(l->count, g->count);
    for (uint32_t k = 0; k < l->count; k++) {
        assert_int_equal(l->ids[k][0], START);
        assert_true(l->weights[k][0] == 1.0);
        int end = FC_CLIP_CHUNK - 1; /* of the text: the last position where the encoders agree */
        while (l->ids[k][end] == END && g->ids[k][end] == 0 && l->weights[k][end] == 1.0) end--;
        assert_true(end >= 1);
        assert_int_equal(l->ids[k][end], END);
        assert_true(l->weights[k][end] == 1.0);
        assert_memory_equal(l->ids[k], g->ids[k], (size_t)(end + 1) * sizeof(int32_t));
        assert_memory_equal(l->weights[k], g->weights[k], sizeof l->weights[k]);
        for (int i = 0; i < FC_CLIP_CHUNK; i++) {
            assert_in_range(l->ids[k][i], 0, END);
            assert_int_equal(l->vectors[k][i].handle, 0);
        }
    }
}

static void test_any_bytes(void **state)
{
    (void)state;
    static const char *const parts[] = {"a ",
                                        "(",
                                        ")",
                                        ":1.2)",
                                        "\\(",
                                        "\n",
                                        "caf\xc3\xa9 ",
                                        "!",
                                        "it's",
                                        "\xff",
                                        "\t",
                                        ",",
                                        "12345",
                                        ":",
                                        "\xe6\x97\xa5",
                                        "\xed\xa0\x80",
                                        "<|endoftext|>",
                                        "\xcd\x85",
                                        "word ",
                                        "<|",
                                        "\xc4\xb0",
                                        "''ll",
                                        ":nan)",
                                        "embedding:x"};
    uint64_t random = 1;
    for (int round = 0; round < 2000; round++) {
        char text[1024];
        size_t size = 0;
        for (random = fc_splitmix64(random); size < 300 && random % 41 != 0; random = fc_splitmix64(random)) {
            const char *part = parts[random % (sizeof parts / sizeof *parts)];
            memcpy(text + size, part, strlen(part));
            size += strlen(part);
            if (random % 29 == 0) text[size++] = (char)(random >> 8);
        }
        for (fc_clean_rule rule = FC_CLEAN_STRIP_ACCENTS; rule <= FC_CLEAN_KEEP_ACCENTS; rule++) {
            fc_clip_chunks l = make(text, size, (fc_clip_chunk_opts){.rule = rule, .pad = FC_CLIP_PAD_END});
            fc_clip_chunks g = make(text, size, (fc_clip_chunk_opts){.rule = rule, .pad = FC_CLIP_PAD_ZERO});
            check_shape(&l, &g);
            fc_clip_chunks_fini(&l);
            fc_clip_chunks_fini(&g);
        }
    }
}

static void test_weighted_flag(void **state)
{
    (void)state;
    static const struct {
        const char *prompt;
        bool weighted;
    } cases[] = {{"", false},       {"a cat", false},  {"(a cat:1.0)", false},
                 {"a (cat)", true}, {"( :2)a", false}, {"(a:nan)", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_clip_chunks chunks = make(cases[i].prompt, strlen(cases[i].prompt), (fc_clip_chunk_opts){0});
        if (chunks.weighted != cases[i].weighted)
            fail_msg("\"%s\": weighted %d", cases[i].prompt, chunks.weighted);
        fc_clip_chunks_fini(&chunks);
    }
}

/* ---- embeddings ------------------------------------------------------------------------------------------
 */

enum { HANDLE_FIVE = 7, HANDLE_BIG = 8, COMMA = 267, CAT = 2368, E_WORD = 324 };

static bool find_embedding(void *user, const char *name, size_t size, uint32_t *handle, uint32_t *rows)
{
    (void)user;
    bool five = size == 4 && memcmp(name, "five", 4) == 0, big = size == 3 && memcmp(name, "big", 3) == 0;
    *handle = five ? HANDLE_FIVE : HANDLE_BIG;
    *rows = five ? 5 : 100;
    return five || big;
}

static void note_missing(void *user, const char *name, size_t size)
{
    fc_buf_append(user, name, size);
    fc_buf_putc(user, ';');
}

static void check_embeddings(const char *prompt, const int32_t *ids, size_t count, uint32_t vectors,
                             const char *missing)
{
    fc_buf names;
    fc_buf_init(&names, 1000);
    const fc_clip_embeddings embeddings = {.user = &names, .find = find_embedding, .missing = note_missing};
    fc_clip_chunks chunks = make(prompt, strlen(prompt), (fc_clip_chunk_opts){.embeddings = &embeddings});
    for (size_t i = 0; i < count; i++)
        if (chunks.ids[0][i + 1] != ids[i])
            fail_msg("\"%s\" position %zu: %d, want %d", prompt, i + 1, chunks.ids[0][i + 1], ids[i]);
    assert_int_equal(chunks.ids[0][count + 1], END);
    assert_int_equal(chunks.vector_count, vectors);
    assert_string_equal(fc_buf_cstr(&names), missing);
    fc_clip_chunks_fini(&chunks);
    fc_buf_fini(&names);
}

static void test_embedding_words(void **state)
{
    (void)state;
    const int32_t placeholders[] = {0, 0, 0, 0, 0, COMMA}, cat[] = {CAT}, comma[] = {COMMA};
    const int32_t leading_comma[] = {0, 0, 0, 0, 0, E_WORD};
    check_embeddings("embedding:five", placeholders, 5, 5, "");
    check_embeddings("embedding:five,", placeholders, 6, 5, "");
    check_embeddings("embedding:,five", leading_comma, 6, 5,
                     ""); /* the reference's miscount of what is left over */
    check_embeddings("embedding:none cat", cat, 1, 0, "none;");
    check_embeddings("embedding:none,", comma, 1, 0, "none;");
    check_embeddings("embedding:", NULL, 0, 0, ";");
}

static void test_embedding_rows(void **state)
{
    (void)state;
    const char prompt[] = "cat (embedding:five:1.3) embedding:big";
    const fc_clip_embeddings embeddings = {.find = find_embedding};
    fc_clip_chunks chunks = make(prompt, strlen(prompt), (fc_clip_chunk_opts){.embeddings = &embeddings});
    assert_int_equal(chunks.count, 2);
    assert_int_equal(chunks.vector_count, 105);
    assert_int_equal(chunks.vectors[0][1].handle, 0);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(chunks.vectors[0][2 + i].handle, HANDLE_FIVE);
        assert_int_equal(chunks.vectors[0][2 + i].row, i);
        assert_true(chunks.weights[0][2 + i] == 1.3);
    }
    for (uint32_t i = 0; i < 100; i++) { /* 69 rows fill the first chunk, 31 go to the second */
        fc_clip_vector v = i < 69 ? chunks.vectors[0][7 + i] : chunks.vectors[1][1 + i - 69];
        assert_int_equal(v.handle, HANDLE_BIG);
        assert_int_equal(v.row, i);
    }
    assert_int_equal(chunks.ids[0][76], END);
    assert_int_equal(chunks.ids[1][32], END);
    fc_clip_chunks_fini(&chunks);
}

static void test_short_embedding_moves_whole(void **state)
{
    (void)state;
    char prompt[500] = "";
    for (int i = 0; i < 71; i++) strcat(prompt, "cat ");
    strcat(prompt, "embedding:five");
    const fc_clip_embeddings embeddings = {.find = find_embedding};
    fc_clip_chunks chunks = make(prompt, strlen(prompt), (fc_clip_chunk_opts){.embeddings = &embeddings});
    assert_int_equal(chunks.count, 2);
    assert_int_equal(chunks.ids[0][71], CAT);
    assert_int_equal(chunks.ids[0][72], END);
    assert_int_equal(chunks.vectors[1][1].handle, HANDLE_FIVE);
    fc_clip_chunks_fini(&chunks);
}

/* ---- limits and failures ---------------------------------------------------------------------------------
 */

static fc_status make_repeated(const char *part, size_t times, fc_clean_rule rule, fc_err *err)
{
    fc_buf prompt;
    fc_buf_init(&prompt, strlen(part) * times);
    for (size_t i = 0; i < times; i++) fc_buf_puts(&prompt, part);
    fc_clip_chunks chunks;
    fc_clip_chunk_opts opts = {.rule = rule};
    fc_status s = fc_clip_chunks_make(&chunks, &fc_clip_vocab_builtin, prompt.data, prompt.len, &opts, err);
    fc_clip_chunks_fini(&chunks);
    fc_buf_fini(&prompt);
    return s;
}

static void test_limits(void **state)
{
    (void)state;
    fc_err err = {0};
    assert_fails(make_repeated("x", FC_CLIP_MAX_TEXT + 1, 0, &err), FC_LIMIT, &err, "65537 bytes");
    assert_fails(make_repeated("!", FC_CLIP_MAX_TEXT, FC_CLEAN_STRIP_ACCENTS, &err), FC_LIMIT, &err,
                 "chunks");
    size_t fitting = FC_CLIP_MAX_CHUNKS * 75u;
    assert_ok(make_repeated("!", fitting, FC_CLEAN_STRIP_ACCENTS, &err), &err);
    assert_fails(make_repeated("!", fitting + 1, FC_CLEAN_STRIP_ACCENTS, &err), FC_LIMIT, &err, "chunks");
    assert_ok(make_repeated("\xcc\x82\xcc\xa3", FC_CLIP_MAX_TEXT / 4, FC_CLEAN_STRIP_ACCENTS, &err), &err);
}

static void test_nesting(void **state)
{
    (void)state;
    fc_err err = {0};
    assert_ok(make_repeated("(", 64, FC_CLEAN_KEEP_ACCENTS, &err), &err);
    for (int depth = FC_EMPHASIS_MAX_DEPTH; depth <= FC_EMPHASIS_MAX_DEPTH + 1; depth++) {
        char prompt[2 * FC_EMPHASIS_MAX_DEPTH + 3];
        memset(prompt, '(', (size_t)depth);
        prompt[depth] = 'a';
        memset(prompt + depth + 1, ')', (size_t)depth);
        fc_emphasis parsed;
        fc_status s = fc_emphasis_parse(&parsed, prompt, 2 * (size_t)depth + 1, &err);
        if (depth > FC_EMPHASIS_MAX_DEPTH) {
            assert_fails(s, FC_LIMIT, &err, "nests");
            continue;
        }
        assert_ok(s, &err);
        assert_int_equal(parsed.count, 1);
        double weight = 1.0;
        for (int i = 0; i < depth; i++) weight *= 1.1;
        assert_true(parsed.segments[0].weight == weight);
        fc_emphasis_fini(&parsed);
    }
}

static fc_status make_once(void *user)
{
    (void)user;
    static const char prompt[] = "a (caf\xc3\xa9:1_2) embedding:five, \xce\xa3!! (((x))) "
                                 "supercalifragilisticexpialidocious embedding:big";
    const fc_clip_embeddings embeddings = {.find = find_embedding};
    fc_clip_chunk_opts opts = {.rule = FC_CLEAN_KEEP_ACCENTS, .embeddings = &embeddings};
    fc_clip_chunks chunks;
    fc_status s =
        fc_clip_chunks_make(&chunks, &fc_clip_vocab_builtin, prompt, sizeof prompt - 1, &opts, NULL);
    if (!s) {
        assert_int_equal(chunks.count, 2);
        assert_true(chunks.weights[0][2] == 12.0);
    }
    fc_clip_chunks_fini(&chunks);
    return s;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_true(fc_test_torture(make_once, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_tokens),
        cmocka_unit_test(test_golden_parts),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_weighted_flag),
        cmocka_unit_test(test_embedding_words),
        cmocka_unit_test(test_embedding_rows),
        cmocka_unit_test(test_short_embedding_moves_whole),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

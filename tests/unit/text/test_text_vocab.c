/* Vocabularies and byte-pair merging: reading merges.txt, and merging against a plain implementation of the
 * definition. */
#include "support/support.h"

#include <string.h>
#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/clip_bpe.h"

static fc_clip_vocab load(const char *merges)
{
    fc_err err = {0};
    fc_clip_vocab v;
    assert_ok(fc_clip_vocab_init(&v, merges, strlen(merges), &err), &err);
    return v;
}

/* ---- spelling of tokens, the inverse of the reader --------------------------------------------------------
 */

/* pairs by rank, for walking back from a token to its bytes */
static uint32_t *pairs_by_rank(const fc_clip_vocab *v)
{
    uint32_t *pairs = fc_calloc(v->merge_count, sizeof *pairs);
    assert_non_null(pairs);
    for (uint32_t i = 0; i < v->merge_count; i++) pairs[v->ranks[i]] = v->pairs[i];
    return pairs;
}

/* Appends the token in CLIP's alphabet: printable Latin-1 bytes as themselves, the others as U+0100, U+0101
 * ... */
static void spell(const uint32_t *pairs, uint32_t id, fc_buf *out)
{
    if (id >= FC_CLIP_FIRST_MERGED) {
        spell(pairs, pairs[id - FC_CLIP_FIRST_MERGED] >> 16, out);
        spell(pairs, pairs[id - FC_CLIP_FIRST_MERGED] & 0xffff, out);
        return;
    }
    uint32_t base = id % 256;
    uint32_t code = base < 94    ? base + 33
                    : base < 106 ? base - 94 + 161
                    : base < 188 ? base - 106 + 174
                                 : base - 188 + 256;
    char bytes[4];
    fc_buf_append(out, bytes, fc_utf8_encode(code, bytes));
    if (id >= 256) fc_buf_puts(out, "</w>");
}

/* The built-in table, written out as merges.txt and read again, is itself: the reader agrees with the
 * generator's result on CLIP's real data. */
static void test_builtin_round_trip(void **state)
{
    (void)state;
    const fc_clip_vocab *v = &fc_clip_vocab_builtin;
    assert_int_equal(v->merge_count, 48894);
    uint32_t *pairs = pairs_by_rank(v);
    fc_buf text;
    fc_buf_init(&text, FC_CLIP_MAX_MERGES_TEXT);
    fc_buf_puts(&text, "#version: 0.2\n");
    for (uint32_t k = 0; k < v->merge_count; k++) {
        spell(pairs, pairs[k] >> 16, &text);
        fc_buf_putc(&text, ' ');
        spell(pairs, pairs[k] & 0xffff, &text);
        fc_buf_putc(&text, '\n');
    }
    fc_clip_vocab again = load(fc_buf_cstr(&text));
    assert_int_equal(again.merge_count, v->merge_count);
    assert_memory_equal(again.pairs, v->pairs, v->merge_count * sizeof *v->pairs);
    assert_memory_equal(again.ranks, v->ranks, v->merge_count * sizeof *v->ranks);
    fc_clip_vocab_fini(&again);
    fc_buf_fini(&text);
    fc_free(pairs);
}

/* Facts of CLIP's published vocabulary. */
static void test_builtin_tokens(void **state)
{
    (void)state;
    uint32_t *pairs = pairs_by_rank(&fc_clip_vocab_builtin);
    static const struct {
        uint32_t id;
        const char *spelling;
    } known[] = {{0, "!"},    {256, "!</w>"},    {255, "\xc5\x83"}, {320, "a</w>"},
                 {512, "in"}, {2368, "cat</w>"}, {267, ",</w>"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fc_buf got;
        fc_buf_init(&got, 100);
        spell(pairs, known[i].id, &got);
        assert_string_equal(fc_buf_cstr(&got), known[i].spelling);
        fc_buf_fini(&got);
    }
    fc_free(pairs);
}

/* ---- merges.txt -------------------------------------------------------------------------------------------
 */

static void test_reads_merges(void **state)
{
    (void)state;
    static const char *const same[] = {"a b\nab c</w>\n", "#version: 0.2\na b\nab c</w>",
                                       "a b\r\n\r\nab c</w>\r\n"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        fc_clip_vocab v = load(same[i]);
        uint32_t a = fc_clip_byte_id('a'), b = fc_clip_byte_id('b'), c_end = fc_clip_byte_id('c') + 256;
        assert_int_equal(v.merge_count, 2);
        assert_int_equal(fc_clip_vocab_merge(&v, a, b), 512);
        assert_int_equal(fc_clip_vocab_merge(&v, 512, c_end), 513);
        assert_int_equal(fc_clip_vocab_merge(&v, b, a), FC_CLIP_NO_TOKEN);
        assert_int_equal(fc_clip_vocab_start(&v), 514);
        assert_int_equal(fc_clip_vocab_end(&v), 515);
        fc_clip_vocab_fini(&v);
    }
}

static void test_refuses_broken_merges(void **state)
{
    (void)state;
    static const struct {
        const char *merges, *message;
    } cases[] = {
        {"", "not one merge"},
        {"#version: 0.2\n", "not one merge"},
        {"ab\n", "line 1: want two tokens"},
        {"a b\nab  c\n", "line 2: the right token"},
        {"a b c\n", "line 1: the right token"},
        {" b\n", "line 1: the left token"},
        {"a \n", "line 1: the right token"},
        {"ab c\na b\n", "line 1: the left token"},
        {"a b\na b\n", "line 2: makes a token that exists"},
        {"a b\nb c\nab c\na bc\n", "line 4: makes a token that exists"},
        {"a <\na< /\na</ w\na</w >\n",
         "line 4: makes a token that exists"}, /* "a</w>" is a byte at a word's end */
        {"a \xff\n", "line 1: the right token"},
        {"a \xe2\x82\xac\n", "line 1: the right token"}, /* not in the alphabet of bytes */
        {"a \x7f\n", "line 1: the right token"},
        {"a b\n#version x\n", "line 2: the left token"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_err err = {0};
        fc_clip_vocab v;
        assert_fails(fc_clip_vocab_init(&v, cases[i].merges, strlen(cases[i].merges), &err), FC_FORMAT, &err,
                     cases[i].message);
        fc_clip_vocab_fini(&v);
    }
}

static void test_too_many_merges(void **state)
{
    (void)state;
    fc_buf text; /* every pair of the 256 bytes is a legal merge */
    fc_buf_init(&text, FC_CLIP_MAX_MERGES_TEXT);
    const uint32_t no_pairs = 0;
    for (uint32_t k = 0; k < FC_CLIP_MAX_MERGES + 1; k++) {
        spell(&no_pairs, k >> 8, &text);
        fc_buf_putc(&text, ' ');
        spell(&no_pairs, k & 255, &text);
        fc_buf_putc(&text, '\n');
    }
    fc_err err = {0};
    fc_clip_vocab v;
    assert_fails(fc_clip_vocab_init(&v, text.data, text.len, &err), FC_LIMIT, &err, "line 65023");
    text.len = (size_t)((char *)memrchr(text.data, '\n', text.len - 1) - text.data);
    assert_ok(fc_clip_vocab_init(&v, text.data, text.len, &err), &err);
    assert_int_equal(fc_clip_vocab_end(&v), 65535);
    fc_clip_vocab_fini(&v);
    fc_buf_fini(&text);
    assert_fails(fc_clip_vocab_init(&v, "", FC_CLIP_MAX_MERGES_TEXT + 1, &err), FC_LIMIT, &err, "bytes");
}

static fc_status load_once(void *user)
{
    fc_clip_vocab v;
    fc_status s = fc_clip_vocab_init(&v, user, strlen(user), NULL);
    fc_clip_vocab_fini(&v);
    return s;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    char merges[] = "a b\nab c\nabc d</w>\n";
    assert_true(fc_test_torture(load_once, merges) >= 4); /* names, merges, map, table */
}

/* ---- merging ----------------------------------------------------------------------------------------------
 */

/* The definition: as long as some neighbours merge, merge all pairs of the lowest rank from left to right. */
static size_t merge_plainly(const fc_clip_vocab *v, uint32_t *ids, size_t count)
{
    for (;;) {
        uint32_t best = FC_CLIP_NO_TOKEN;
        for (size_t i = 0; i + 1 < count; i++) {
            uint32_t merged = fc_clip_vocab_merge(v, ids[i], ids[i + 1]);
            if (merged < best) best = merged;
        }
        if (best == FC_CLIP_NO_TOKEN) return count;
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            bool merges = i + 1 < count && fc_clip_vocab_merge(v, ids[i], ids[i + 1]) == best;
            ids[kept++] = merges ? best : ids[i];
            if (merges) i++;
        }
        count = kept;
    }
}

/* A vocabulary over the letters a, b, c: every merge joins two earlier tokens. */
static fc_clip_vocab random_vocab(uint64_t *random, unsigned lines)
{
    char names[64][96] = {"a", "b", "c", "a</w>", "b</w>", "c</w>"};
    unsigned count = 6;
    fc_buf text;
    fc_buf_init(&text, 10000);
    for (unsigned tries = 0; tries < 10 * lines && count < 6 + lines; tries++) {
        *random = fc_splitmix64(*random);
        const char *left = names[*random % count], *right = names[(*random >> 32) % count];
        if (strchr(left, '<') || strlen(left) + strlen(right) > 40) continue;
        char name[96];
        snprintf(name, sizeof name, "%.40s%.40s", left, right);
        bool known = false;
        for (unsigned i = 0; i < count; i++) known = known || strcmp(names[i], name) == 0;
        if (known) continue;
        fc_buf_printf(&text, "%s %s\n", left, right);
        memcpy(names[count++], name, sizeof name);
    }
    fc_clip_vocab v = load(fc_buf_cstr(&text));
    fc_buf_fini(&text);
    return v;
}

static void check_merging(const fc_clip_vocab *v, const char *word, size_t size)
{
    fc_err err = {0};
    uint32_t want[400];
    for (size_t i = 0; i < size; i++) want[i] = fc_clip_byte_id((uint8_t)word[i]) + (i + 1 == size ? 256 : 0);
    size_t count = merge_plainly(v, want, size);
    fc_clip_bpe bpe;
    fc_codes got;
    fc_clip_bpe_init(&bpe, v, FC_CLEAN_KEEP_ACCENTS);
    fc_codes_init(&got, 400);
    assert_ok(fc_clip_bpe_encode(&bpe, word, size, &got, &err), &err);
    assert_int_equal(got.len, count);
    assert_memory_equal(got.data, want, count * sizeof *want);
    fc_codes_fini(&got);
    fc_clip_bpe_fini(&bpe);
}

static void test_merges_as_defined(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int round = 0; round < 300; round++) {
        fc_clip_vocab v = random_vocab(&random, 1 + (unsigned)round % 50);
        for (int k = 0; k < 10; k++) {
            char word[400];
            random = fc_splitmix64(random);
            size_t size = 1 + random % (k < 8 ? 12 : sizeof word);
            for (size_t i = 0; i < size; i++) word[i] = (char)('a' + (random = fc_splitmix64(random)) % 3);
            check_merging(&v, word, size);
        }
        fc_clip_vocab_fini(&v);
    }
}

/* The tokens of a text, spelled one after the other, are the text without its spaces. */
static void test_tokens_spell_the_text(void **state)
{
    (void)state;
    fc_err err = {0};
    json_t *root = fc_test_golden_json("tokens_parts.json"), *item;
    uint32_t *pairs = pairs_by_rank(&fc_clip_vocab_builtin);
    fc_clip_bpe bpe;
    fc_clip_bpe_init(&bpe, &fc_clip_vocab_builtin, FC_CLEAN_KEEP_ACCENTS);
    size_t index;
    json_array_foreach(json_object_get(root, "items"), index, item)
    {
        const char *text = json_string_value(json_object_get(item, "clean_431"));
        if (strstr(text, "<|")) continue;
        fc_codes ids;
        fc_buf want, got;
        fc_codes_init(&ids, 100000);
        fc_buf_init(&want, 100000);
        fc_buf_init(&got, 100000);
        for (const char *s = text; *s; s++)
            if (*s != ' ') spell(pairs, fc_clip_byte_id((uint8_t)*s), &want);
        assert_ok(fc_clip_bpe_encode(&bpe, text, strlen(text), &ids, &err), &err);
        for (size_t i = 0; i < ids.len; i++) {
            spell(pairs, ids.data[i], &got);
            if (fc_str_ends(fc_buf_cstr(&got), "</w>")) got.len -= 4;
        }
        assert_int_equal(got.len, want.len);
        if (want.len) assert_memory_equal(got.data, want.data, want.len);
        fc_codes_fini(&ids);
        fc_buf_fini(&want);
        fc_buf_fini(&got);
    }
    fc_clip_bpe_fini(&bpe);
    fc_free(pairs);
    json_decref(root);
}

/* ---- pieces -----------------------------------------------------------------------------------------------
 */

static void check_ids(const char *text, fc_clean_rule rule, const uint32_t *want, size_t count)
{
    fc_err err = {0};
    fc_clip_bpe bpe;
    fc_codes got;
    fc_clip_bpe_init(&bpe, &fc_clip_vocab_builtin, rule);
    fc_codes_init(&got, 100);
    assert_ok(fc_clip_bpe_encode(&bpe, text, strlen(text), &got, &err), &err);
    if (got.len != count || memcmp(got.data, want, count * sizeof *want) != 0)
        fail_msg("\"%s\": wrong tokens", text);
    fc_codes_fini(&got);
    fc_clip_bpe_fini(&bpe);
}

/* Corners that the golden prompts do not reach; ids computed with the reference's own regular expression. */
static void test_pieces(void **state)
{
    (void)state;
    const uint32_t a_b[] = {320, 321}, quote_long_s[] = {6, 129, 379}, start_a[] = {49406, 320};
    check_ids("a\xcd\x85"
              "b",
              FC_CLEAN_KEEP_ACCENTS, a_b, 2);                       /* U+0345 vanishes and cuts */
    check_ids("'\xc5\xbf", FC_CLEAN_KEEP_ACCENTS, quote_long_s, 3); /* 's with a long s is a contraction */
    check_ids("<|startoftext|>a", FC_CLEAN_STRIP_ACCENTS, start_a, 2);
    check_ids("<|STARTOFTEXT|>a", FC_CLEAN_KEEP_ACCENTS, start_a, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin_round_trip),
        cmocka_unit_test(test_builtin_tokens),
        cmocka_unit_test(test_reads_merges),
        cmocka_unit_test(test_refuses_broken_merges),
        cmocka_unit_test(test_too_many_merges),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_merges_as_defined),
        cmocka_unit_test(test_tokens_spell_the_text),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

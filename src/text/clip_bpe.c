/* CLIP's byte-pair tokenizer:
 *  1. "<|startoftext|>" and "<|endoftext|>", spelled exactly so, are single tokens and cut the text;
 *  2. what lies between is cleaned (clean.h) and cut into pieces: contractions ('s 't 're 've 'm 'll 'd),
 * runs of letters, single numbers, runs of anything else;
 *  3. each piece is merged: of all neighbouring pairs the one with the lowest rank first, leftmost first. */
#include "text/clip_bpe.h"

#include <stdbool.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "text/unicode.h"

static const char start_text[] = "<|startoftext|>", end_text[] = "<|endoftext|>";
enum { START_SIZE = sizeof start_text - 1, END_SIZE = sizeof end_text - 1 };

void fc_clip_bpe_init(fc_clip_bpe *b, const fc_clip_vocab *vocab, fc_clean_rule rule)
{
    *b = (fc_clip_bpe){.vocab = vocab, .rule = rule};
    fc_buf_init(&b->clean, FC_CLIP_MAX_TEXT * FC_CLEAN_GROWTH);
}

void fc_clip_bpe_fini(fc_clip_bpe *b)
{
    fc_buf_fini(&b->clean);
    fc_free(b->symbols);
    fc_free(b->heap);
    *b = (fc_clip_bpe){0};
}

/* ---- merging one piece --------------------------------------------------------------------------------- */

/* The piece is a linked list of symbols; a heap holds the merges that are possible, so that hostile words of
 * any length take n log n. */

#define NONE UINT32_MAX

struct fc_clip_symbol {
    uint32_t id, previous, next;
    uint32_t merged; /* the token that this symbol and the next would make, FC_CLIP_NO_TOKEN if none */
};

/* Room for a piece of n bytes; the heap sees one entry per pair at the start and two per merge. */
static fc_status reserve(fc_clip_bpe *b, size_t n)
{
    if (n <= b->room) return FC_OK;
    fc_free(b->symbols);
    fc_free(b->heap);
    b->symbols = fc_calloc(n, sizeof *b->symbols);
    b->heap = fc_calloc(n, 3 * sizeof *b->heap);
    b->room = b->symbols && b->heap ? n : 0;
    return b->room ? FC_OK : FC_NOMEM;
}

static void heap_push(fc_clip_bpe *b, uint64_t key)
{
    size_t i = b->heap_len++;
    for (; i > 0 && b->heap[(i - 1) / 2] > key; i = (i - 1) / 2) b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = key;
}

static uint64_t heap_pop(fc_clip_bpe *b)
{
    uint64_t top = b->heap[0], last = b->heap[--b->heap_len];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < b->heap_len; i = child) {
        if (child + 1 < b->heap_len && b->heap[child + 1] < b->heap[child]) child++;
        if (last <= b->heap[child]) break;
        b->heap[i] = b->heap[child];
    }
    b->heap[i] = last;
    return top;
}

/* Looks up what symbol i and its neighbour make, and queues it under (rank, position). */
static void watch(fc_clip_bpe *b, uint32_t i)
{
    struct fc_clip_symbol *s = &b->symbols[i];
    s->merged =
        s->next == NONE ? FC_CLIP_NO_TOKEN : fc_clip_vocab_merge(b->vocab, s->id, b->symbols[s->next].id);
    if (s->merged != FC_CLIP_NO_TOKEN) heap_push(b, (uint64_t)s->merged << 32 | i);
}

static void merge_at(fc_clip_bpe *b, uint32_t i)
{
    struct fc_clip_symbol *s = &b->symbols[i], *eaten = &b->symbols[s->next];
    s->id = s->merged;
    s->next = eaten->next;
    if (s->next != NONE) b->symbols[s->next].previous = i;
    eaten->merged = FC_CLIP_NO_TOKEN;
    watch(b, i);
    if (s->previous != NONE) watch(b, s->previous);
}

void fc_clip_bpe_merge(fc_clip_bpe *b, const char *bytes, size_t size, bool word, fc_codes *out)
{
    uint32_t n = (uint32_t)size;
    fc_status status = reserve(b, n);
    if (status) {
        if (!out->status) out->status = status;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        bool last = i + 1 == n;
        b->symbols[i] =
            (struct fc_clip_symbol){.id = fc_clip_byte_id((uint8_t)bytes[i]) + (last && word ? 256 : 0),
                                    .previous = i ? i - 1 : NONE,
                                    .next = last ? NONE : i + 1};
    }
    b->heap_len = 0;
    for (uint32_t i = 0; i < n; i++) watch(b, i);
    while (b->heap_len > 0) {
        uint64_t key = heap_pop(b);
        uint32_t i = (uint32_t)key;
        if (b->symbols[i].merged == key >> 32) merge_at(b, i); /* else: a neighbour was merged away since */
    }
    for (uint32_t i = 0; i != NONE; i = b->symbols[i].next) fc_codes_push(out, b->symbols[i].id);
}

/* ---- cutting cleaned text into pieces ------------------------------------------------------------------ */

/* Length of `pattern` (lower-case ASCII) at the start of text, 0 if it is not there. The reference compares
 * without regard to case; after lower-casing, the only letter left that this concerns is the long s (U+017F).
 */
static size_t match_nocase(const char *text, size_t size, const char *pattern)
{
    size_t i = 0;
    for (; *pattern; pattern++) {
        if (i < size && text[i] == *pattern)
            i++;
        else if (*pattern == 's' && size - i >= 2 && memcmp(text + i, "\xc5\xbf", 2) == 0)
            i += 2;
        else
            return 0;
    }
    return i;
}

static size_t match_contraction(const char *text, size_t size)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t matched = match_nocase(text, size, endings[i]);
        if (matched) return matched;
    }
    return 0;
}

enum code_class { CLASS_NONE, CLASS_LETTER, CLASS_NUMBER, CLASS_OTHER };

/* CLASS_NONE: in no piece, only ends one. That is the space, and U+0345, a combining mark whose capital is a
 * letter: the reference's expression, being blind to case, counts it neither as a letter nor as anything
 * else. */
static enum code_class class_at(const char *text, size_t size, size_t *length)
{
    uint32_t c;
    *length = fc_utf8_decode(text, size, &c);
    if (c == ' ' || c == 0x345) return CLASS_NONE;
    return fc_unicode_is_letter(c) ? CLASS_LETTER : fc_unicode_is_number(c) ? CLASS_NUMBER : CLASS_OTHER;
}

/* Encodes the piece at the start of text and returns its length. */
static size_t encode_piece(fc_clip_bpe *b, const char *text, size_t size, fc_codes *out)
{
    size_t length = match_nocase(text, size, start_text), next;
    bool is_start = length == START_SIZE; /* longer with a long s: then it is a word like any other */
    bool is_end = !length && (length = match_nocase(text, size, end_text)) > 0;
    if (is_start || is_end) {
        fc_codes_push(out, is_start ? fc_clip_vocab_start(b->vocab) : fc_clip_vocab_end(b->vocab));
        return length;
    }
    if (!length) length = match_contraction(text, size);
    if (!length) {
        enum code_class first = class_at(text, size, &length);
        if (first == CLASS_NONE) return length;
        if (first != CLASS_NUMBER)
            while (length < size && class_at(text + length, size - length, &next) == first) length += next;
    }
    fc_clip_bpe_merge(b, text, length, true, out);
    return length;
}

static void encode_cleaned(fc_clip_bpe *b, const char *text, size_t size, fc_codes *out)
{
    for (size_t i = 0; i < size;) i += encode_piece(b, text + i, size - i, out);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

/* Where the next exactly spelled special token starts; size if there is none. */
static size_t find_special(const char *text, size_t size)
{
    const char *start = memmem(text, size, start_text, START_SIZE),
               *end = memmem(text, size, end_text, END_SIZE);
    size_t at_start = start ? (size_t)(start - text) : size, at_end = end ? (size_t)(end - text) : size;
    return at_start < at_end ? at_start : at_end;
}

fc_status fc_clip_bpe_encode(fc_clip_bpe *b, const char *text, size_t size, fc_codes *out, fc_err *err)
{
    if (size > FC_CLIP_MAX_TEXT)
        return fc_fail(err, FC_LIMIT, "a text of %zu bytes is over the limit of %zu", size, FC_CLIP_MAX_TEXT);
    const size_t total = size;
    while (size > 0) {
        size_t plain = find_special(text, size);
        fc_status status = fc_clean_text(b->rule, text, plain, &b->clean, err);
        if (status) return status;
        encode_cleaned(b, fc_buf_cstr(&b->clean), b->clean.len, out);
        text += plain;
        size -= plain;
        if (size == 0) break;
        bool is_start = text[2] == start_text[2];
        fc_codes_push(out, is_start ? fc_clip_vocab_start(b->vocab) : fc_clip_vocab_end(b->vocab));
        text += is_start ? START_SIZE : END_SIZE;
        size -= is_start ? START_SIZE : END_SIZE;
    }
    if (!out->status) return FC_OK;
    return fc_fail(err, out->status, "tokenizing a text of %zu bytes: %s", total,
                   out->status == FC_LIMIT ? "it is too long" : "out of memory");
}

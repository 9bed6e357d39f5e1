/* See expansion.h. Must match Fooocus 2.5's expansion with PyTorch's multinomial on a CPU. */
#include "app/prompt/expansion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/mt19937.h"
#include "base/str.h"

enum { CHUNK = 75, TOP = 100, COMMA = 11, MAX_TEXT = 1 << 20, MAX_TOKENS = 1 << 16 };

/* ---- texts ---- */

/* b with every `from` replaced, from left to right. */
static void replace_all(fc_buf *b, const char *from, const char *to)
{
    size_t n = strlen(from), m = strlen(to), at = 0;
    for (size_t i = 0; i < b->len;) {
        bool here = b->len - i >= n && memcmp(b->data + i, from, n) == 0;
        memmove(b->data + at, here ? to : b->data + i, here ? m : 1); /* never longer than what it replaces */
        at += here ? m : 1;
        i += here ? n : 1;
    }
    if (b->data) b->data[b->len = at] = '\0';
}

/* Runs of spaces become one, and what is at the ends goes. */
static void tidy(fc_buf *b)
{
    static const char ends[] = ",. \r\n";
    for (int i = 0; i < 16; i++) replace_all(b, "  ", " ");
    size_t first = 0, last = b->len;
    while (first < last && strchr(ends, b->data[first]) && b->data[first]) first++;
    while (last > first && strchr(ends, b->data[last - 1]) && b->data[last - 1]) last--;
    if (!b->data) return;
    memmove(b->data, b->data + first, last - first);
    b->data[b->len = last - first] = '\0';
}

/* What the reference's tokenizer library does to decoded text. */
static void clean_up(fc_buf *b)
{
    static const char *const pairs[][2] = {{" .", "."},     {" ?", "?"},     {" !", "!"},   {" ,", ","},
                                           {" ' ", "'"},    {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"},
                                           {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) replace_all(b, pairs[i][0], pairs[i][1]);
}

/* ids as text, with U+FFFD for what is no UTF-8. */
static void decode(const fc_byte_bpe *bpe, const fc_codes *ids, fc_buf *out)
{
    fc_buf raw;
    fc_buf_init(&raw, MAX_TEXT);
    fc_byte_bpe_decode(bpe, ids->data, ids->len, &raw);
    for (size_t i = 0; i < raw.len;) {
        uint32_t c;
        char utf8[4];
        i += fc_utf8_decode(raw.data + i, raw.len - i, &c);
        fc_buf_append(out, utf8, fc_utf8_encode(c, utf8));
    }
    if (raw.status && !out->status) out->status = raw.status;
    fc_buf_fini(&raw);
}

/* ---- the list ---- */

fc_status fc_expansion_words(fc_byte_bpe *bpe, const char *list, size_t size, uint8_t *allowed, int32_t words,
                             fc_err *err)
{
    fc_codes ids;
    int count = 0;
    fc_status status = FC_OK;
    memset(allowed, 0, (size_t)words);
    fc_codes_init(&ids, MAX_TOKENS);
    for (size_t i = 0; i < size && !status;) {
        const char *end = memchr(list + i, '\n', size - i);
        size_t n = end ? (size_t)(end - list) - i : size - i, length = n;
        char word[64] = " ";
        while (length > 0 && (list[i + length - 1] == '\r' || list[i + length - 1] == ' ')) length--;
        ids.len = 0;
        if (length > 0 && length < sizeof word - 1) {
            memcpy(word + 1, list + i, length);
            status = fc_byte_bpe_encode(bpe, word, length + 1, &ids, err);
        }
        if (!status && ids.len == 1 && ids.data[0] < (uint32_t)words) {
            allowed[ids.data[0]] = 1;
            count++;
        }
        i += n + 1;
    }
    fc_codes_fini(&ids);
    if (status || count) return status;
    return fc_fail(
        err, FC_FORMAT,
        "the list of words for prompt expansion has none that GPT-2 knows; use Fooocus's positive.txt");
}

/* ---- drawing ---- */

struct candidate {
    int32_t id;
    float score;
};

static int by_score(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->score > y->score ? -1 : x->score < y->score;
}

static int by_id(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* The ids that may come next with their scores, the best ones only, by id. -> their number. Ids that are not
 * allowed have no chance in the reference either: their scores are 8192 lower. */
static int32_t choose(const float *logits, const uint8_t *open, int32_t words, struct candidate *c)
{
    int32_t n = 0;
    for (int32_t i = 0; i < words; i++)
        if (open[i] || i == COMMA) c[n++] = (struct candidate){i, logits[i]};
    qsort(c, (size_t)n, sizeof *c, by_score);
    int32_t kept = n < TOP ? n : TOP;
    while (kept < n && c[kept].score == c[TOP - 1].score) kept++;
    float best = c[0].score, sum = 0;
    for (int32_t i = 0; i < kept; i++) sum += c[i].score = expf(c[i].score - best);
    for (int32_t i = 0; i < kept; i++) c[i].score /= sum;
    qsort(c, (size_t)kept, sizeof *c, by_id);
    return kept;
}

/* One exponential number for every id, whether it may come or not; the largest quotient wins. */
static int32_t draw(fc_mt19937 *mt, const struct candidate *c, int32_t n, int32_t words)
{
    int32_t best = COMMA, next = 0;
    float largest = -1;
    for (int32_t id = 0; id < words; id++) {
        uint64_t high = fc_mt19937_next(mt), bits = high << 32 | fc_mt19937_next(mt);
        if (next == n || c[next].id != id) continue;
        double u = (double)(bits & (((uint64_t)1 << 53) - 1)) * 0x1p-53;
        float quotient = c[next].score / (float)-log1p(-u);
        if (quotient > largest) largest = quotient, best = id;
        next++;
    }
    return best;
}

/* Adds `count` tokens to ids. open: allowed ones that have not come yet. */
static fc_status add_words(const fc_expansion_model *model, uint8_t *open, uint64_t seed, size_t count,
                           fc_codes *ids, fc_err *err)
{
    fc_mt19937 mt;
    float *logits = fc_calloc((size_t)model->words, sizeof *logits);
    struct candidate *c = fc_calloc((size_t)model->words, sizeof *c);
    fc_status status =
        logits && c ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while expanding the prompt");
    fc_mt19937_seed(&mt, (uint32_t)seed);
    size_t read = 0;
    for (size_t i = 0; i < ids->len; i++)
        if (ids->data[i] < (uint32_t)model->words) open[ids->data[i]] = 0;
    for (size_t i = 0; i < count && !status; i++) {
        status = model->read(model->user, (const int32_t *)ids->data + read, (int32_t)(ids->len - read),
                             logits, err);
        if (status) break;
        read = ids->len;
        int32_t id = draw(&mt, c, choose(logits, open, model->words, c), model->words);
        open[id] = 0;
        fc_codes_push(ids, (uint32_t)id);
        status = ids->status;
    }
    fc_free(logits);
    fc_free(c);
    return status;
}

/* text: prompt, tidied, and a comma. */
static fc_status expand(fc_byte_bpe *bpe, const fc_expansion_model *model, const uint8_t *allowed,
                        uint64_t seed, fc_buf *text, fc_codes *ids, fc_err *err)
{
    fc_status status = fc_byte_bpe_encode(bpe, fc_buf_cstr(text), text->len, ids, err);
    if (status) return status;
    size_t target = (ids->len + CHUNK - 1) / CHUNK * CHUNK, count = target - ids->len;
    if (count == 0) {
        tidy(text);
        return FC_OK;
    }
    if (target > (size_t)model->context)
        return fc_fail(
            err, FC_LIMIT,
            "the prompt is too long to be expanded: it has %zu tokens; shorten it or leave out the style "
            "\"Fooocus V2\"",
            ids->len);
    uint8_t *open = fc_alloc((size_t)model->words);
    if (!open) return fc_fail(err, FC_NOMEM, "out of memory while expanding the prompt");
    memcpy(open, allowed, (size_t)model->words);
    status = add_words(model, open, seed, count, ids, err);
    fc_free(open);
    if (status) return status;
    text->len = 0;
    decode(bpe, ids, text);
    clean_up(text);
    tidy(text);
    return text->status;
}

fc_status fc_expansion_run(fc_byte_bpe *bpe, const fc_expansion_model *model, const uint8_t *allowed,
                           const char *prompt, uint64_t seed, fc_buf *out, fc_err *err)
{
    fc_buf text;
    fc_codes ids;
    fc_status status = FC_OK;
    fc_buf_init(&text, MAX_TEXT);
    fc_codes_init(&ids, MAX_TOKENS);
    fc_buf_puts(&text, prompt);
    if (!text.status) tidy(&text);
    if (!text.status && *prompt) {
        fc_buf_putc(&text, ',');
        status = expand(bpe, model, allowed, seed, &text, &ids, err);
    }
    fc_buf_append(out, fc_buf_cstr(&text), text.len);
    if (status != FC_OK) goto out;
    if (text.status || out->status)
        status =
            fc_fail(err, text.status ? text.status : out->status, "out of memory while expanding the prompt");
out:
    fc_codes_fini(&ids);
    fc_buf_fini(&text);
    return status;
}

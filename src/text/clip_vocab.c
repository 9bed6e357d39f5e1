/* CLIP vocabularies: lookup of merges, and reading them from merges.txt. */
#include "text/clip_vocab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

/* CLIP numbers the bytes in this order: the printable ones of Latin-1, then the others. */
#define PRINTABLE_BYTES 188u

uint32_t fc_clip_byte_id(uint8_t byte)
{
    if (byte >= 33 && byte <= 126) return byte - 33u;
    if (byte >= 161 && byte <= 172) return byte - 161u + 94u;
    if (byte >= 174) return byte - 174u + 106u;
    if (byte <= 32) return byte + PRINTABLE_BYTES;
    if (byte <= 160) return byte - 127u + PRINTABLE_BYTES + 33u;
    return 255; /* 173, the soft hyphen */
}

/* The id of the byte that a character of merges.txt stands for: printable bytes for themselves, the others
 * from U+0100 on. */
static bool alphabet_id(uint32_t code_point, uint32_t *id)
{
    if (code_point >= 256) {
        *id = code_point - 256u + PRINTABLE_BYTES;
        return *id < 256;
    }
    *id = fc_clip_byte_id((uint8_t)code_point);
    return *id < PRINTABLE_BYTES;
}

uint32_t fc_clip_vocab_merge(const fc_clip_vocab *v, uint32_t left, uint32_t right)
{
    uint32_t pair = left << 16 | right;
    uint32_t low = 0, high = v->merge_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (v->pairs[middle] < pair)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->merge_count && v->pairs[low] == pair ? FC_CLIP_FIRST_MERGED + v->ranks[low]
                                                         : FC_CLIP_NO_TOKEN;
}

/* ---- reading merges.txt -------------------------------------------------------------------------------- */

struct merge {
    uint32_t pair;
    uint16_t rank;
};

struct reader {
    fc_strmap ids; /* spelling of every merged token -> id; keys lie in names */
    char *names;   /* spellings side by side; as long as the file is enough, since every line spells its token
                      out */
    size_t names_used;
    struct merge *merges;
    uint32_t count;
};

static const char *line_end(const char *line, const char *end)
{
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    return newline ? newline : end;
}

static uint32_t token_id(const struct reader *r, const char *name, size_t size)
{
    if (size == 0) return FC_CLIP_NO_TOKEN;
    uint32_t code_point, id;
    size_t first = fc_utf8_decode(name, size, &code_point);
    bool ends_word = size == first + 4 && memcmp(name + first, "</w>", 4) == 0;
    if (size == first || ends_word)
        return alphabet_id(code_point, &id) ? id + (ends_word ? 256 : 0) : FC_CLIP_NO_TOKEN;
    return fc_strmap_get(&r->ids, name, size, &id) ? id : FC_CLIP_NO_TOKEN;
}

static fc_status add_merge(struct reader *r, const char *line, size_t size, unsigned line_number, fc_err *err)
{
    const char *space = memchr(line, ' ', size);
    if (!space)
        return fc_fail(err, FC_FORMAT, "merges, line %u: want two tokens with one space between",
                       line_number);
    size_t left_size = (size_t)(space - line), right_size = size - left_size - 1;
    uint32_t left = token_id(r, line, left_size), right = token_id(r, space + 1, right_size);
    if (left == FC_CLIP_NO_TOKEN || right == FC_CLIP_NO_TOKEN)
        return fc_fail(err, FC_FORMAT,
                       "merges, line %u: the %s token is neither one byte nor made by an earlier line",
                       line_number, left == FC_CLIP_NO_TOKEN ? "left" : "right");
    if (r->count == FC_CLIP_MAX_MERGES)
        return fc_fail(err, FC_LIMIT, "merges, line %u: more than %u merges", line_number,
                       FC_CLIP_MAX_MERGES);

    char *name = r->names + r->names_used;
    memcpy(name, line, left_size);
    memcpy(name + left_size, space + 1, right_size);
    size_t name_size = left_size + right_size;
    bool was_present = token_id(r, name, name_size) != FC_CLIP_NO_TOKEN;
    if (!was_present &&
        fc_strmap_put(&r->ids, name, name_size, FC_CLIP_FIRST_MERGED + r->count, &was_present) != FC_OK)
        return fc_fail(err, FC_NOMEM, "merges: out of memory");
    /* One way to make a token keeps "lowest rank first" well defined: what a merge makes only merges later.
     */
    if (was_present)
        return fc_fail(err, FC_FORMAT, "merges, line %u: makes a token that exists already", line_number);
    r->names_used += name_size;
    r->merges[r->count] = (struct merge){.pair = left << 16 | right, .rank = (uint16_t)r->count};
    r->count++;
    return FC_OK;
}

static fc_status read_merges(struct reader *r, const char *text, size_t size, fc_err *err)
{
    const char *end = text + size;
    unsigned line_number = 0;
    for (const char *line = text, *next; line < end; line = next) {
        const char *stop = line_end(line, end);
        next = stop < end ? stop + 1 : end;
        if (stop > line && stop[-1] == '\r') stop--;
        line_number++;
        bool version = line_number == 1 && end - line >= 8 && memcmp(line, "#version", 8) == 0;
        if (stop == line || version) continue;
        fc_status status = add_merge(r, line, (size_t)(stop - line), line_number, err);
        if (status) return status;
    }
    return r->count ? FC_OK : fc_fail(err, FC_FORMAT, "merges: there is not one merge in it");
}

static int by_pair(const void *a, const void *b)
{
    uint32_t x = ((const struct merge *)a)->pair, y = ((const struct merge *)b)->pair;
    return (x > y) - (x < y);
}

/* Sorts the merges into the vocabulary's two arrays, which share one allocation. */
static fc_status build_table(struct reader *r, fc_clip_vocab *v, fc_err *err)
{
    uint32_t *pairs = fc_alloc(r->count * (sizeof(uint32_t) + sizeof(uint16_t)));
    if (!pairs) return fc_fail(err, FC_NOMEM, "merges: out of memory");
    uint16_t *ranks = (uint16_t *)(pairs + r->count);
    qsort(r->merges, r->count, sizeof *r->merges, by_pair);
    for (uint32_t i = 0; i < r->count; i++) {
        pairs[i] = r->merges[i].pair;
        ranks[i] = r->merges[i].rank;
    }
    *v = (fc_clip_vocab){.pairs = pairs, .ranks = ranks, .merge_count = r->count, .owned = pairs};
    return FC_OK;
}

static size_t count_lines(const char *text, size_t size)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    return lines;
}

fc_status fc_clip_vocab_init(fc_clip_vocab *v, const char *merges, size_t size, fc_err *err)
{
    *v = (fc_clip_vocab){0};
    if (size > FC_CLIP_MAX_MERGES_TEXT)
        return fc_fail(err, FC_LIMIT, "merges: %zu bytes are over the limit of %zu", size,
                       FC_CLIP_MAX_MERGES_TEXT);
    size_t capacity = count_lines(merges, size);
    if (capacity > FC_CLIP_MAX_MERGES) capacity = FC_CLIP_MAX_MERGES;
    struct reader r = {.names = fc_alloc(size), .merges = fc_calloc(capacity, sizeof(struct merge))};
    fc_strmap_init(&r.ids);
    fc_status status = FC_OK;
    if (!r.names || !r.merges) status = fc_fail(err, FC_NOMEM, "merges: out of memory");
    if (status != FC_OK) goto out;
    status = read_merges(&r, merges, size, err);
    if (status != FC_OK) goto out;
    status = build_table(&r, v, err);
out:
    fc_strmap_fini(&r.ids);
    fc_free(r.names);
    fc_free(r.merges);
    return status;
}

void fc_clip_vocab_fini(fc_clip_vocab *v)
{
    fc_free(v->owned);
    *v = (fc_clip_vocab){0};
}

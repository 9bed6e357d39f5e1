/* See byte_bpe.h. Pieces are cut by GPT-2's expression:
 *   's 't 're 've 'm 'll 'd | one space and letters | one space and numbers | one space and others | spaces
 */
#include "text/byte_bpe.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "text/unicode.h"

enum { BYTES = 256, MAX_DEPTH = 512 };

static bool ends_word(uint32_t id)
{
    return id >= BYTES && id < FC_CLIP_FIRST_MERGED;
}

fc_status fc_byte_bpe_init(fc_byte_bpe *b, const fc_clip_vocab *vocab, fc_err *err)
{
    *b = (fc_byte_bpe){0};
    for (uint32_t i = 0; i < vocab->merge_count; i++)
        if (ends_word(vocab->pairs[i] >> 16) || ends_word(vocab->pairs[i] & 0xffff))
            return fc_fail(err, FC_FORMAT, "merges: tokens that end a word (</w>) are CLIP's, not GPT-2's");
    fc_clip_bpe_init(&b->merger, vocab, (fc_clean_rule){0});
    b->pairs = fc_calloc(vocab->merge_count + 1, sizeof *b->pairs);
    if (!b->pairs) return fc_fail(err, FC_NOMEM, "out of memory for the words of GPT-2");
    for (uint32_t i = 0; i < vocab->merge_count; i++) b->pairs[vocab->ranks[i]] = vocab->pairs[i];
    return FC_OK;
}

void fc_byte_bpe_fini(fc_byte_bpe *b)
{
    fc_clip_bpe_fini(&b->merger);
    fc_free(b->pairs);
    *b = (fc_byte_bpe){0};
}

/* ---- text -> ids ---- */

enum class { LETTER, NUMBER, OTHER, SPACE };

static enum class class_at(const char *text, size_t size, size_t *length) {
    uint32_t c; *length = fc_utf8_decode(text, size, &c);
    if (fc_unicode_is_space(c) || c == 0xFEFF) return SPACE;
    return fc_unicode_is_letter(c)   ? LETTER
           : fc_unicode_is_number(c) ? NUMBER
                                     : OTHER;
}

static size_t contraction(const char *text, size_t size)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (size >= n && memcmp(text, endings[i], n) == 0) return n;
    }
    return 0;
}

/* Bytes of characters of one class from `at` on. */
static size_t run_of(const char *text, size_t size, size_t at, enum class wanted)
{
    size_t end = at, length;
    while (end < size && class_at(text + end, size - end, &length) == wanted) end += length;
    return end - at;
}

/* Length of the piece at the start of text; size > 0. */
static size_t piece(const char *text, size_t size)
{
    size_t length = contraction(text, size);
    if (length) return length;
    size_t blank = text[0] == ' ';
    if (size > blank) {
        enum class c = class_at(text + blank, size - blank, &length);
        if (c != SPACE) return blank + run_of(text, size, blank, c);
    }
    size_t spaces = run_of(text, size, 0, SPACE), last = 0;
    if (spaces == size) return spaces;
    for (size_t at = 0; at < spaces; at += length) { /* the last one belongs to what follows */
        last = at;
        (void)class_at(text + at, size - at, &length);
    }
    return last > 0 ? last : spaces;
}

fc_status fc_byte_bpe_encode(fc_byte_bpe *b, const char *text, size_t size, fc_codes *out, fc_err *err)
{
    size_t from = out->len;
    if (size > FC_CLIP_MAX_TEXT)
        return fc_fail(err, FC_LIMIT, "a text of %zu bytes is over the limit of %zu", size, FC_CLIP_MAX_TEXT);
    while (size > 0) {
        size_t n = piece(text, size);
        fc_clip_bpe_merge(&b->merger, text, n, false, out);
        text += n;
        size -= n;
    }
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] >= FC_CLIP_FIRST_MERGED) out->data[i] -= FC_CLIP_FIRST_MERGED - BYTES;
    if (!out->status) return FC_OK;
    return fc_fail(err, out->status, "a text cannot be cut into words: %s",
                   out->status == FC_LIMIT ? "it is too long" : "out of memory");
}

/* ---- ids -> text ---- */

static char byte_of(uint32_t id)
{
    for (unsigned i = 0; i < BYTES; i++)
        if (fc_clip_byte_id((uint8_t)i) == id) return (char)i;
    return 0;
}

void fc_byte_bpe_decode(const fc_byte_bpe *b, const uint32_t *ids, size_t count, fc_buf *out)
{
    uint32_t stack[MAX_DEPTH];
    for (size_t i = 0; i < count; i++) {
        size_t depth = 0;
        if (ids[i] >= BYTES + b->merger.vocab->merge_count) continue;
        stack[depth++] = ids[i] < BYTES ? ids[i] : ids[i] - BYTES + FC_CLIP_FIRST_MERGED;
        while (depth > 0) {
            uint32_t id = stack[--depth];
            if (id < BYTES) {
                fc_buf_putc(out, byte_of(id));
            } else if (depth + 2 <= MAX_DEPTH) {
                uint32_t pair = b->pairs[id - FC_CLIP_FIRST_MERGED];
                stack[depth++] = pair & 0xffff;
                stack[depth++] = pair >> 16;
            }
        }
    }
}

/* Text cleaning: BERT's basic tokenizer as the CLIP tokenizer of transformers uses it (without ftfy).
 * Drop characters of category C*; cut at white space and around ideographs; then per word lower-case it and
 *   strip accents: decompose (NFD), drop nonspacing marks, make every punctuation mark a word;
 *   keep accents:  compose (NFC) before lower-casing, nothing else. */
#include "text/clean.h"

#include <stdbool.h>
#include "base/str.h"
#include "text/codes.h"
#include "text/unicode.h"

struct cleaner {
    fc_clean_rule rule;
    fc_codes word, lowered, normal;
    fc_buf *out;
};

static void emit_code(struct cleaner *c, uint32_t code, bool starts_word)
{
    char bytes[4];
    if (starts_word && c->out->len > 0) fc_buf_putc(c->out, ' ');
    fc_buf_append(c->out, bytes, fc_utf8_encode(code, bytes));
}

static void emit_whole(struct cleaner *c, const fc_codes *word)
{
    for (size_t i = 0; i < word->len; i++) emit_code(c, word->data[i], i == 0);
}

static void emit_split_at_punctuation(struct cleaner *c, const fc_codes *word)
{
    bool starts_word = true;
    for (size_t i = 0; i < word->len; i++) {
        uint32_t code = word->data[i];
        if (fc_unicode_is_nonspacing(code)) continue;
        bool mark = fc_unicode_is_punctuation(code);
        emit_code(c, code, starts_word || mark);
        starts_word = mark;
    }
}

static void end_word(struct cleaner *c)
{
    if (c->word.len == 0) return;
    c->lowered.len = c->normal.len = 0; /* and keep the status of earlier words */
    if (c->rule == FC_CLEAN_STRIP_ACCENTS) {
        fc_unicode_lower(&c->word, &c->lowered);
        fc_unicode_decompose(&c->lowered, &c->normal);
        emit_split_at_punctuation(c, &c->normal);
    } else {
        fc_unicode_compose(&c->word, &c->normal);
        fc_unicode_lower(&c->normal, &c->lowered);
        emit_whole(c, &c->lowered);
    }
    c->word.len = 0;
}

static void take_code(struct cleaner *c, uint32_t code)
{
    const uint32_t replacement = 0xfffd;
    if (code == '\t' || code == '\n' || code == '\r') {
        end_word(c);
    } else if (code == replacement || fc_unicode_is_other(code)) {
        return;
    } else if (fc_unicode_is_space(code)) {
        end_word(c);
    } else if (fc_unicode_is_ideograph(code)) {
        end_word(c);
        fc_codes_push(&c->word, code);
        end_word(c);
    } else {
        fc_codes_push(&c->word, code);
    }
}

fc_status fc_clean_text(fc_clean_rule rule, const char *text, size_t size, fc_buf *out, fc_err *err)
{
    struct cleaner c = {.rule = rule, .out = out};
    fc_codes_init(&c.word, size);
    fc_codes_init(&c.lowered, size * 8); /* NFD makes at most 4 codes of one, lower-casing 2 */
    fc_codes_init(&c.normal, size * 8);
    fc_buf_reset(out);
    for (size_t i = 0; i < size;) {
        uint32_t code;
        i += fc_utf8_decode(text + i, size - i, &code);
        take_code(&c, code);
    }
    end_word(&c);
    fc_status status = c.word.status ? c.word.status : c.lowered.status ? c.lowered.status : c.normal.status;
    if (status != FC_OK) goto out;
    status = out->status;
out:
    fc_codes_fini(&c.word);
    fc_codes_fini(&c.lowered);
    fc_codes_fini(&c.normal);
    return status ? fc_fail(err, status, "cleaning a text of %zu bytes: %s", size,
                            status == FC_LIMIT ? "it is too long" : "out of memory")
                  : FC_OK;
}

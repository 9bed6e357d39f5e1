/* How SentencePiece normalises a text before it cuts it. The trie is darts-clone's double array: a unit has a
 * label in its low byte, an offset, a mark that a word ends there, or (a leaf) a value. */
#include <string.h>

#include "base/str.h"
#include "format/bytes.h"
#include "text/spm_impl.h"

/* A stretch of text and what it becomes. */
typedef struct change {
    size_t size; /* bytes of the text */
    const char *to;
    size_t to_size;
} change;

static uint32_t unit_at(const fc_spm *m, size_t i)
{
    return i < m->trie_units ? fc_le32(m->trie + 4 * i) : 0;
}

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* The longest beginning of text in the trie; its value in *value. 0: none. */
static size_t longest_match(const fc_spm *m, const char *text, size_t size, uint32_t *value)
{
    size_t best = 0, at = 0;
    if (m->trie_units == 0) return 0;
    at = offset_of(unit_at(m, 0));
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)text[i];
        at ^= c;
        uint32_t unit = unit_at(m, at);
        if (c == 0 || (unit & 0x800000ffu) != c) break;
        at ^= offset_of(unit);
        if (unit >> 8 & 1) {
            *value = unit_at(m, at) & 0x7fffffffu;
            best = i + 1;
        }
    }
    return best;
}

static change next_change(const fc_spm *m, const char *text, size_t size)
{
    uint32_t value = 0, c;
    size_t match = longest_match(m, text, size, &value);
    if (match > 0 && value < m->replacements_size)
        return (change){match, m->replacements + value, strlen(m->replacements + value)};
    size_t length = fc_utf8_decode(text, size, &c);
    if (length == 1 && c == 0xfffd) return (change){1, "\xef\xbf\xbd", 3};
    return (change){length, text, length};
}

static bool ends_with_blank(const fc_spm *m, const fc_buf *out, size_t first)
{
    size_t blank = m->escape ? sizeof SPM_SPACE - 1 : 1;
    return out->len >= first + blank &&
           memcmp(out->data + out->len - blank, m->escape ? SPM_SPACE : " ", blank) == 0;
}

static void put(const fc_spm *m, fc_buf *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (m->escape && text[i] == ' ')
            fc_buf_puts(out, SPM_SPACE);
        else
            fc_buf_putc(out, text[i]);
}

void spm_normalise(const fc_spm *m, const char *text, size_t size, fc_buf *out)
{
    size_t first = out->len;
    bool after_blank = m->trim;
    while (m->trim && size > 0) { /* blanks at the beginning */
        change c = next_change(m, text, size);
        if (c.to_size != 1 || *c.to != ' ') break;
        text += c.size;
        size -= c.size;
    }
    if (size == 0) return;
    if (m->prefix) put(m, out, " ", 1);
    while (size > 0) {
        change c = next_change(m, text, size);
        while (after_blank && c.to_size > 0 && *c.to == ' ') c.to++, c.to_size--;
        put(m, out, c.to, c.to_size);
        if (c.to_size > 0) after_blank = m->trim && c.to[c.to_size - 1] == ' ';
        text += c.size;
        size -= c.size;
    }
    while (m->trim && ends_with_blank(m, out, first)) out->len -= m->escape ? sizeof SPM_SPACE - 1 : 1;
}

/* See wordpiece.h. */
#include "text/wordpiece.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_PIECES = 1 << 20 };

fc_status fc_wordpiece_init(fc_wordpiece *v, char *text, size_t size, fc_arena *arena, fc_err *err)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    *v = (fc_wordpiece){0};
    if (lines > MAX_PIECES || memchr(text, 0, size))
        return fc_fail(err, FC_FORMAT, "this is no vocabulary of word pieces");
    v->pieces = fc_arena_array(arena, lines, sizeof *v->pieces);
    if (!v->pieces) return fc_fail(err, FC_NOMEM, "out of memory for a vocabulary");
    for (char *at = text, *end = text + size; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at)), *next = stop ? stop + 1 : end;
        if (!stop) stop = end; /* behind the text stands a 0 */
        if (stop > at && stop[-1] == '\r') stop[-1] = '\0';
        *stop = '\0';
        v->pieces[v->count++] = at;
        at = next;
    }
    if (fc_wordpiece_id(v, "[SEP]") >= 0) return FC_OK;
    return fc_fail(err, FC_FORMAT, "this is no vocabulary of word pieces: it has no [SEP]");
}

int32_t fc_wordpiece_id(const fc_wordpiece *v, const char *word)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->pieces[i], word) == 0) return (int32_t)i;
    return -1;
}

void fc_wordpiece_decode(const fc_wordpiece *v, const int32_t *ids, int32_t count, fc_buf *out)
{
    bool after_hyphen = false;
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= v->count) continue;
        const char *piece = v->pieces[ids[i]];
        if (*piece == '[' && piece[1]) continue;
        bool joins = strncmp(piece, "##", 2) == 0, hyphen = strcmp(piece, "-") == 0;
        bool close = joins || hyphen || after_hyphen || (strlen(piece) == 1 && strchr(".,!?'", *piece));
        if (out->len > 0 && !close) fc_buf_putc(out, ' ');
        fc_buf_puts(out, joins ? piece + 2 : piece);
        after_hyphen = hyphen || strcmp(piece, "'") == 0;
    }
}

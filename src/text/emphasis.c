/* Weighted prompts. The reference parses recursively; here the groups being parsed stand on a small stack. */
#include "text/emphasis.h"

#include <stdbool.h>
#include <string.h>
#include "base/mem.h"
#include "text/pyfloat.h"

/* Escaped parentheses are hidden from the parser as NUL and one more character, so positions do not move. */
enum { HIDDEN_CLOSE = 1, HIDDEN_OPEN = 2 };

struct group {
    size_t at, end; /* what is left of its inside */
    double weight;
};

struct parser {
    fc_emphasis *out;
    char *text;                 /* the prompt with escapes hidden */
    size_t segments_room, used; /* used: bytes of out->text */
    struct group stack[FC_EMPHASIS_MAX_DEPTH + 1];
    size_t depth;
};

static void hide_escapes(char *text, size_t size)
{
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] != '\\' || (text[i + 1] != '(' && text[i + 1] != ')')) continue;
        text[i + 1] = text[i + 1] == '(' ? HIDDEN_OPEN : HIDDEN_CLOSE;
        text[i] = '\0';
    }
}

/* Appends text to out->text with escapes undone; returns how many bytes that took. */
static size_t append_unhidden(struct parser *p, const char *text, size_t size)
{
    char *to = p->out->text + p->used;
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        bool hidden =
            text[i] == '\0' && i + 1 < size && (text[i + 1] == HIDDEN_OPEN || text[i + 1] == HIDDEN_CLOSE);
        to[n++] = !hidden ? text[i] : text[++i] == HIDDEN_OPEN ? '(' : ')';
    }
    p->used += n;
    return n;
}

static fc_status add_segment(struct parser *p, size_t begin, size_t end, double weight, fc_err *err)
{
    fc_emphasis *e = p->out;
    if (e->count == p->segments_room) {
        size_t room = p->segments_room ? p->segments_room * 2 : 8;
        fc_emphasis_segment *segments = fc_realloc(e->segments, room * sizeof *segments);
        if (!segments) return fc_fail(err, FC_NOMEM, "parsing a prompt: out of memory");
        e->segments = segments;
        p->segments_room = room;
    }
    const char *text = e->text + p->used;
    size_t size = append_unhidden(p, p->text + begin, end - begin);
    e->segments[e->count++] = (fc_emphasis_segment){.text = text, .size = size, .weight = weight};
    return FC_OK;
}

/* Where the piece that starts at `at` ends: behind the parenthesis that closes it, or before the next group.
 * A stray ")" makes the level negative, and the "(" that brings it back to 0 opens no group: so does the
 * reference. */
static size_t piece_end(const char *text, size_t at, size_t end)
{
    long level = 0;
    for (size_t i = at; i < end; i++) {
        if (text[i] == '(') {
            if (level == 0 && i > at) return i;
            level++;
        } else if (text[i] == ')' && --level == 0) {
            return i + 1;
        }
    }
    return end;
}

/* Reads "text:number" inside a group: cuts the number off and takes it as weight, or leaves both alone. */
static fc_status take_weight(const char *text, size_t begin, size_t *end, double *weight)
{
    const char *colon = memrchr(text + begin, ':', *end - begin);
    if (!colon || colon == text + begin) return FC_OK;
    double value;
    fc_status status = fc_pyfloat_parse(colon + 1, (size_t)(text + *end - (colon + 1)), &value);
    if (status == FC_OK) {
        *weight = value;
        *end = (size_t)(colon - text);
    }
    return status == FC_ARG ? FC_OK : status;
}

static fc_status parse(struct parser *p, size_t size, fc_err *err)
{
    p->stack[p->depth++] = (struct group){.at = 0, .end = size, .weight = 1.0};
    while (p->depth > 0) {
        struct group *g = &p->stack[p->depth - 1];
        if (g->at == g->end) {
            p->depth--;
            continue;
        }
        size_t begin = g->at, end = piece_end(p->text, begin, g->end);
        g->at = end;
        fc_status status;
        if (end - begin >= 2 && p->text[begin] == '(' && p->text[end - 1] == ')') {
            struct group inner = {.at = begin + 1, .end = end - 1, .weight = g->weight * 1.1};
            if (p->depth > FC_EMPHASIS_MAX_DEPTH)
                return fc_fail(err, FC_LIMIT, "the prompt nests more than %d parentheses; take some out",
                               FC_EMPHASIS_MAX_DEPTH);
            status = take_weight(p->text, inner.at, &inner.end, &inner.weight);
            if (status) return fc_fail(err, status, "parsing a prompt: out of memory");
            p->stack[p->depth++] = inner;
        } else if ((status = add_segment(p, begin, end, g->weight, err)) != FC_OK) {
            return status;
        }
    }
    return FC_OK;
}

fc_status fc_emphasis_parse(fc_emphasis *out, const char *prompt, size_t size, fc_err *err)
{
    *out = (fc_emphasis){.text = fc_alloc(size)};
    struct parser *p = fc_calloc(1, sizeof *p);
    fc_status status = FC_OK;
    if (p) *p = (struct parser){.out = out, .text = fc_alloc(size)};
    if (!out->text || !p || !p->text) {
        status = fc_fail(err, FC_NOMEM, "parsing a prompt: out of memory");
        goto out;
    }
    if (size) memcpy(p->text, prompt, size);
    hide_escapes(p->text, size);
    status = parse(p, size, err);
out:
    if (p) fc_free(p->text);
    fc_free(p);
    if (status) fc_emphasis_fini(out);
    return status;
}

void fc_emphasis_fini(fc_emphasis *e)
{
    fc_free(e->segments);
    fc_free(e->text);
    *e = (fc_emphasis){0};
}

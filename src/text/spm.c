/* See spm.h. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/spm_impl.h"

#define ARENA_CAP ((size_t)256 << 20)

fc_status fc_spm_open(fc_spm **out, const void *data, size_t size, fc_err *err)
{
    *out = NULL;
    if (size > FC_SPM_MAX_FILE) return fc_fail(err, FC_LIMIT, "this SentencePiece model is too large");
    fc_spm *m = fc_calloc(1, sizeof *m);
    if (!m) return fc_fail(err, FC_NOMEM, "out of memory while opening a SentencePiece model");
    fc_arena_init(&m->arena, ARENA_CAP);
    fc_strmap_init(&m->by_text);
    m->data = fc_arena_alloc(&m->arena, size + 1);
    fc_status status =
        m->data ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while opening a SentencePiece model");
    if (status != FC_OK) goto out;
    memcpy(m->data, data, size);
    status = spm_read(m, size, err);
out:
    if (status) {
        fc_spm_close(m);
        return status;
    }
    *out = m;
    return FC_OK;
}

fc_status fc_spm_open_file(fc_spm **model, const char *path, fc_err *err)
{
    fc_buf text;
    *model = NULL;
    fc_buf_init(&text, FC_SPM_MAX_FILE);
    fc_status status = fc_file_read(path, &text, err);
    if (status != FC_OK) goto out;
    status = fc_spm_open(model, fc_buf_cstr(&text), text.len, err);
out:
    fc_buf_fini(&text);
    return status;
}

void fc_spm_close(fc_spm *m)
{
    if (!m) return;
    fc_strmap_fini(&m->by_text);
    fc_arena_fini(&m->arena);
    fc_free(m);
}

/* ---- cutting ---- */

/* The best way to the place behind a stretch of the text. */
typedef struct step {
    float score;
    size_t from; /* SIZE_MAX: no way is known yet */
    bool known;  /* the last piece is one of the model's */
} step;

static float score_of(const fc_spm *m, uint32_t id, size_t size)
{
    const spm_piece *p = &m->pieces[id];
    return p->kind == SPM_OWN ? (float)size * m->highest - 0.1f : p->score;
}

static void go(step *to, const step *from, size_t at, float score, bool known)
{
    float whole = from->score + score;
    if (to->from != SIZE_MAX && !(whole > to->score)) return;
    *to = (step){whole, at, known};
}

/* All pieces that begin at `at`; a single character that is none is unknown. */
static void try_pieces(const fc_spm *m, const char *text, size_t size, size_t at, step *steps)
{
    uint32_t c, id;
    size_t first = fc_utf8_decode(text + at, size - at, &c), end = at + first;
    bool single = false;
    while (end <= size && end - at <= m->longest) {
        if (fc_strmap_get(&m->by_text, text + at, end - at, &id)) {
            go(&steps[end], &steps[at], at, score_of(m, id, end - at), true);
            single = single || end == at + first;
        }
        if (end == size) break;
        end += fc_utf8_decode(text + end, size - end, &c);
    }
    if (!single) go(&steps[at + first], &steps[at], at, m->unknown_score, false);
}

/* Turns the way round and writes its pieces, neighbours that are unknown as one. */
static bool collect(const char *text, size_t size, const step *steps, fc_arena *arena, fc_spm_pieces *out)
{
    size_t count = 0, *ends = fc_arena_array(arena, size + 1, sizeof *ends), first = 0;
    out->items = fc_arena_array(arena, size + 1, sizeof *out->items);
    if (!ends || !out->items) return false;
    for (size_t at = size; at > 0; at = steps[at].from) ends[count++] = at;
    for (size_t i = count; i > 0; i--) {
        size_t end = ends[i - 1];
        bool joins = i > 1 && !steps[end].known && !steps[ends[i - 2]].known;
        if (joins) continue;
        out->items[out->count] = fc_arena_strndup(arena, text + first, end - first);
        if (!out->items[out->count++]) return false;
        first = end;
    }
    return true;
}

static fc_status cut(const fc_spm *m, const char *text, size_t size, fc_arena *arena, fc_spm_pieces *out)
{
    step *steps = fc_arena_array(arena, size + 1, sizeof *steps);
    if (!steps) return FC_NOMEM;
    for (size_t i = 1; i <= size; i++) steps[i].from = SIZE_MAX;
    for (size_t i = 0; i < size; i++)
        if (i == 0 || steps[i].from != SIZE_MAX) try_pieces(m, text, size, i, steps);
    return collect(text, size, steps, arena, out) ? FC_OK : FC_NOMEM;
}

fc_status fc_spm_encode(const fc_spm *m, const char *text, fc_arena *arena, fc_spm_pieces *out, fc_err *err)
{
    fc_buf normal;
    size_t size = strlen(text);
    *out = (fc_spm_pieces){0};
    if (size > FC_SPM_MAX_TEXT)
        return fc_fail(err, FC_LIMIT, "a text of %zu bytes is too long to be cut into pieces", size);
    fc_buf_init(&normal, 16 * FC_SPM_MAX_TEXT);
    spm_normalise(m, text, size, &normal);
    fc_status status = normal.status ? normal.status : cut(m, fc_buf_cstr(&normal), normal.len, arena, out);
    fc_buf_fini(&normal);
    return status ? fc_fail(err, status, "out of memory while a text is cut into pieces") : FC_OK;
}

void fc_spm_decode(const char *piece, fc_buf *out)
{
    while (*piece) {
        bool blank = strncmp(piece, SPM_SPACE, sizeof SPM_SPACE - 1) == 0;
        if (!blank) fc_buf_putc(out, *piece++);
        if (!blank) continue;
        if (out->len > 0) fc_buf_putc(out, ' ');
        piece += sizeof SPM_SPACE - 1;
    }
}

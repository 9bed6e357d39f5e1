/* A SentencePiece model file: a protocol buffer. Only what encoding needs is read; fields that are not known
 * are passed over. */
#include <float.h>
#include <string.h>

#include "format/bytes.h"
#include "text/spm_impl.h"

enum { MAX_PIECES = 1 << 20, MAX_PIECE = 4096, UNIGRAM = 1 };
static const float UNKNOWN_PENALTY = 10.0f;

typedef struct reader {
    const uint8_t *at, *end;
    bool broken;
} reader;

typedef struct field {
    uint32_t number, wire;
    uint64_t value;      /* wire 0 */
    const uint8_t *data; /* wires 2 (size bytes), 5 (4 bytes) and 1 (8) */
    size_t size;
} field;

static uint64_t read_varint(reader *r)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    r->broken = true;
    return 0;
}

static bool next_field(reader *r, field *f)
{
    if (r->broken || r->at == r->end) return false;
    uint64_t tag = read_varint(r);
    *f = (field){.number = (uint32_t)(tag >> 3), .wire = (uint32_t)tag & 7};
    switch (f->wire) {
    case 0:
        f->value = read_varint(r);
        return !r->broken;
    case 1:
        f->size = 8;
        break;
    case 2: {
        uint64_t size = read_varint(r);
        f->size = size > (uint64_t)(r->end - r->at) ? SIZE_MAX : (size_t)size;
        break;
    }
    case 5:
        f->size = 4;
        break;
    default:
        f->size = SIZE_MAX; /* groups: not in these files */
    }
    r->broken = r->broken || f->size > (size_t)(r->end - r->at);
    if (r->broken) return false;
    f->data = r->at;
    r->at += f->size;
    return true;
}

static float as_float(const uint8_t *data)
{
    uint32_t bits = fc_le32(data);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool read_piece(const field *whole, spm_piece *p)
{
    reader r = {.at = whole->data, .end = whole->data + whole->size};
    field f;
    *p = (spm_piece){.text = "", .kind = SPM_NORMAL};
    while (next_field(&r, &f)) {
        if (f.number == 1 && f.wire == 2) p->text = (const char *)f.data, p->size = f.size;
        if (f.number == 2 && f.wire == 5) p->score = as_float(f.data);
        if (f.number == 3 && f.wire == 0) p->kind = f.value <= SPM_BYTE ? (spm_kind)f.value : SPM_UNUSED;
    }
    return !r.broken && p->size > 0 && p->size <= MAX_PIECE && p->score == p->score;
}

/* The charsmap: bytes of the trie, the trie, then texts that end with 0. */
static bool read_charsmap(fc_spm *m, const field *f)
{
    if (f->size == 0) return true;
    if (f->size < 4) return false;
    size_t trie = fc_le32(f->data);
    if (trie > f->size - 4 || trie % 4 || f->size == trie + 4 || f->data[f->size - 1] != 0) return false;
    m->trie = f->data + 4;
    m->trie_units = trie / 4;
    m->replacements = (const char *)f->data + 4 + trie;
    m->replacements_size = f->size - 4 - trie;
    return true;
}

static bool read_normalizer(fc_spm *m, const field *whole)
{
    reader r = {.at = whole->data, .end = whole->data + whole->size};
    field f;
    bool sane = true;
    while (next_field(&r, &f)) {
        if (f.number == 2 && f.wire == 2) sane = sane && read_charsmap(m, &f);
        if (f.number == 3 && f.wire == 0) m->prefix = f.value != 0;
        if (f.number == 4 && f.wire == 0) m->trim = f.value != 0;
        if (f.number == 5 && f.wire == 0) m->escape = f.value != 0;
    }
    return sane && !r.broken;
}

/* The kind of the model: field 3 of the trainer's settings. */
static uint64_t model_kind(const field *whole)
{
    reader r = {.at = whole->data, .end = whole->data + whole->size};
    field f;
    uint64_t kind = UNIGRAM;
    while (next_field(&r, &f))
        if (f.number == 3 && f.wire == 0) kind = f.value;
    return r.broken ? 0 : kind;
}

static size_t count_pieces(reader r)
{
    field f;
    size_t count = 0;
    while (next_field(&r, &f)) count += f.number == 1 && f.wire == 2;
    return r.broken ? 0 : count;
}

static fc_status add_piece(fc_spm *m, const field *f, float *lowest, fc_err *err)
{
    spm_piece *p = &m->pieces[m->count];
    if (!read_piece(f, p)) return fc_fail(err, FC_FORMAT, "this SentencePiece model is damaged");
    if (p->size > m->longest) m->longest = p->size;
    if (p->kind == SPM_NORMAL) {
        if (p->score < *lowest) *lowest = p->score;
        if (p->score > m->highest) m->highest = p->score;
    }
    bool can_be_cut = p->kind == SPM_NORMAL || p->kind == SPM_OWN;
    fc_status status =
        can_be_cut ? fc_strmap_put(&m->by_text, p->text, p->size, (uint32_t)m->count, NULL) : FC_OK;
    m->count++;
    return status ? fc_fail(err, status, "out of memory while opening a SentencePiece model") : FC_OK;
}

fc_status spm_read(fc_spm *m, size_t size, fc_err *err)
{
    reader r = {.at = (const uint8_t *)m->data, .end = (const uint8_t *)m->data + size};
    size_t count = count_pieces(r);
    float lowest = 0;
    field f;
    if (count == 0 || count > MAX_PIECES)
        return fc_fail(err, FC_FORMAT, "this is no SentencePiece model, or it is damaged");
    m->pieces = fc_arena_array(&m->arena, count, sizeof *m->pieces);
    if (!m->pieces) return fc_fail(err, FC_NOMEM, "out of memory while opening a SentencePiece model");
    m->prefix = m->trim = m->escape = true;
    m->highest = -FLT_MAX;
    while (next_field(&r, &f)) {
        if (f.wire != 2) continue;
        if (f.number == 1) {
            fc_status status = add_piece(m, &f, &lowest, err);
            if (status) return status;
        }
        if (f.number == 2 && model_kind(&f) != UNIGRAM)
            return fc_fail(
                err, FC_UNSUPPORTED,
                "this SentencePiece model is not of the unigram kind, which Marian translators use");
        if (f.number == 3 && !read_normalizer(m, &f))
            return fc_fail(err, FC_FORMAT, "the normalisation table of this SentencePiece model is damaged");
    }
    m->unknown_score = lowest - UNKNOWN_PENALTY;
    return FC_OK;
}

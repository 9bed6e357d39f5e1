/* LoRA files: see lora.h. Opening is in lora_file.c; attaching hangs one patch per changed tensor into its
 * list. */
#include "nn/lora.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "nn/lora_impl.h"

enum { READ_ROWS = 64 };

typedef struct patch {
    fc_weight_patch base; /* user points here */
    fc_lora_delta delta;
    double strength;
    int32_t row0;
} patch;

/* ---- attaching ---- */

static fc_status apply(void *user, const fc_weight *w, int32_t first, int32_t count, float *rows)
{
    const patch *p = user;
    int32_t from = first > p->row0 ? first : p->row0;
    int32_t to = first + count < p->row0 + p->delta.rows ? first + count : p->row0 + p->delta.rows;
    if (from >= to) return FC_OK;
    float *dst = rows + (size_t)(from - first) * (size_t)p->delta.cols;
    if (p->delta.kind == FC_LORA_ROTATION) {
        const fc_lora_rotation turn = {&p->delta, w, &p->base, p->row0, p->strength};
        return fc_lora_rotate(&turn, from - p->row0, to - from, dst);
    }
    return fc_lora_delta_apply(&p->delta, p->strength, from - p->row0, to - from, dst);
}

/* DoRA magnitudes per input channel need the norms of the whole changed weight: one pass over it. */
static fc_status input_norms(const fc_weight *w, const fc_lora_delta *d, int32_t row0, fc_arena *arena,
                             const float **out)
{
    int32_t inputs = d->cols / d->patch;
    size_t block = (size_t)READ_ROWS * (size_t)d->cols;
    float *norms = fc_arena_array(arena, (size_t)inputs, sizeof *norms);
    double *squares = fc_calloc((size_t)inputs, sizeof *squares);
    float *rows = fc_alloc(block * sizeof *rows), *delta = fc_alloc(block * sizeof *delta);
    fc_status status = norms && squares && rows && delta ? FC_OK : FC_NOMEM;
    for (int32_t r = 0; !status && r < d->rows; r += READ_ROWS) {
        int32_t n = d->rows - r < READ_ROWS ? d->rows - r : READ_ROWS;
        status = fc_weight_read(w, row0 + r, n, rows);
        if (!status) status = fc_lora_delta_rows(d, r, n, rows, delta);
        for (size_t i = 0; !status && i < (size_t)n * (size_t)d->cols; i++) {
            double v = (double)(rows[i] + d->factor * delta[i]);
            squares[(i % (size_t)d->cols) / (size_t)d->patch] += v * v;
        }
    }
    for (int32_t i = 0; !status && i < inputs; i++) norms[i] = (float)sqrt(squares[i]);
    fc_free(squares);
    fc_free(rows);
    fc_free(delta);
    *out = norms;
    return status;
}

static uint64_t key_of(const fc_lora *l, const fc_lora_module *m, double strength, fc_lora_part part)
{
    uint64_t bits;
    memcpy(&bits, &strength, sizeof bits);
    return fc_splitmix64(l->key ^ fc_fnv1a(m->name, m->name_length) ^ fc_splitmix64(bits + (uint64_t)part));
}

static fc_status attach(fc_lora *l, fc_weight *w, const fc_lora_delta *d, int32_t row0, double strength,
                        uint64_t key)
{
    patch *p = fc_arena_alloc(&l->arena, sizeof *p);
    if (!p) return FC_NOMEM;
    *p = (patch){.delta = *d, .strength = strength, .row0 = row0};
    p->base = (fc_weight_patch){.owner = l, .user = p, .apply = apply, .key = key};
    if (d->magnitude_per_input) {
        fc_status status = input_norms(w, d, row0, &l->arena, &p->delta.input_norm);
        if (status) return status;
    }
    fc_weight_patch_add(w, &p->base);
    return FC_OK;
}

/* The delta for a weight that lies the other way round, as a full difference: such weights are small. */
static bool make_transposed(const fc_lora_module *m, const fc_weight *w, fc_arena *arena, fc_lora_delta *out)
{
    int32_t rows = (int32_t)fc_weight_cols(w), cols = (int32_t)fc_weight_rows(w);
    fc_lora_delta d;
    if (!fc_lora_delta_make(m, rows, cols, 1, arena, &d) || d.magnitude) return false;
    bool needs_weight = d.kind == FC_LORA_GLORA || d.kind == FC_LORA_SCALE || d.kind == FC_LORA_ROTATION;
    float *plain = fc_arena_array(arena, (size_t)rows, (size_t)cols * sizeof *plain);
    if (needs_weight || !plain || fc_lora_delta_rows(&d, 0, rows, NULL, plain) != FC_OK) return false;
    *out = (fc_lora_delta){.kind = FC_LORA_FULL, .rows = cols, .cols = rows, .patch = 1, .factor = d.factor};
    out->a = (fc_lora_matrix){.data = plain, .dtype = FC_F32, .rows = cols, .cols = rows, .by_column = true};
    return true;
}

static bool make_delta(const fc_lora_module *m, const fc_lora_target *t, fc_arena *arena, fc_lora_delta *out)
{
    if (t->transposed) return make_transposed(m, t->weight, arena, out);
    int32_t rows = t->rows < 0 ? (int32_t)fc_weight_rows(t->weight) : t->rows;
    int64_t cols = fc_weight_cols(t->weight), inputs = t->weight->ndim > 1 ? t->weight->shape[1] : 1;
    return inputs > 0 && fc_lora_delta_make(m, rows, (int32_t)cols, (int32_t)(cols / inputs), arena, out);
}

/* Whether the module changed anything; *s: a failure that ends it all. */
static bool attach_module(fc_lora *l, const fc_lora_module *m, const fc_lora_target *t, double strength,
                          fc_status *status)
{
    bool done = false;
    fc_lora_delta delta;
    if (t->weight && make_delta(m, t, &l->arena, &delta)) {
        *status = attach(l, t->weight, &delta, t->row0, strength, key_of(l, m, strength, FC_LORA_UP));
        done = !*status;
    }
    if (!*status && t->bias && m->part[FC_LORA_DIFF_BIAS]) {
        const fc_lora_module bias = {.name = m->name,
                                     .name_length = m->name_length,
                                     .part = {[FC_LORA_DIFF] = m->part[FC_LORA_DIFF_BIAS]}};
        int32_t rows = t->rows < 0 ? (int32_t)fc_weight_rows(t->bias) : t->rows;
        fc_lora_delta d;
        if (fc_lora_delta_make(&bias, rows, 1, 1, &l->arena, &d)) {
            *status = attach(l, t->bias, &d, t->row0, strength, key_of(l, m, strength, FC_LORA_DIFF_BIAS));
            done = !*status;
        }
    }
    return done;
}

static void note_example(fc_lora_report *r, const char *name, size_t length)
{
    size_t used = strlen(r->examples);
    if (used + length + 8 >= sizeof r->examples) return;
    snprintf(r->examples + used, sizeof r->examples - used, "%s%.*s", used ? ", " : "", (int)length, name);
}

/* The name of a module's kind when that is not supported; NULL: it is. */
static const char *unsupported_kind(const fc_lora_module *m)
{
    const fc_st_tensor *oft = m->part[FC_LORA_OFT];
    if (oft && oft->ndim != 3) return "BOFT";
    return m->part[FC_LORA_OTHER] ? "OFT of a form of its own" : NULL;
}

fc_status fc_lora_attach(fc_lora *l, double strength, fc_lora_resolve resolve, void *user,
                         fc_lora_report *report, fc_err *err)
{
    fc_status status = FC_OK;
    *report = (fc_lora_report){.modules = (int32_t)l->module_count};
    if (l->strange) {
        report->unmatched += (int32_t)l->strange;
        note_example(report, l->strange_name, strlen(l->strange_name));
    }
    for (size_t i = 0; i < l->module_count && !status; i++) {
        const fc_lora_module *m = &l->modules[i];
        fc_lora_target t = {.rows = -1};
        const char *kind = unsupported_kind(m);
        if (kind) {
            report->other++;
            report->kind = kind;
        } else if (!resolve(user, m->name, m->name_length, &t)) {
            report->unmatched++;
            note_example(report, m->name, m->name_length);
        } else if (strength != 0 && !attach_module(l, m, &t, strength, &status)) {
            if (status) break;
            report->misfit++;
            note_example(report, m->name, m->name_length);
        } else {
            report->matched++;
        }
    }
    if (status != FC_OK) goto out;
    if (l->arena.status) status = l->arena.status;
out:
    return status ? fc_fail(err, status, "out of memory while applying a LoRA") : FC_OK;
}

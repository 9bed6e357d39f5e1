/* LoRA files: see lora.h. Opening groups tensors by module; attaching hangs one patch per changed tensor into
 * its list. */
#include "nn/lora.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "nn/lora_impl.h"

#define ARENA_CAP ((size_t)2 << 30)
enum { READ_ROWS = 64 };

/* How trainers end the names of their tensors. */
static const struct ending {
    const char *text;
    fc_lora_part part;
} endings[] = {
    {".lora_up.weight", FC_LORA_UP},
    {".lora_down.weight", FC_LORA_DOWN},
    {".lora_mid.weight", FC_LORA_MID},
    {"_lora.up.weight", FC_LORA_UP},
    {"_lora.down.weight", FC_LORA_DOWN},
    {".lora_linear_layer.up.weight", FC_LORA_UP},
    {".lora_linear_layer.down.weight", FC_LORA_DOWN},
    {".lora.up.weight", FC_LORA_UP},
    {".lora.down.weight", FC_LORA_DOWN},
    {".lora_B.weight", FC_LORA_UP},
    {".lora_A.weight", FC_LORA_DOWN},
    {".lora_B.default.weight", FC_LORA_UP},
    {".lora_A.default.weight", FC_LORA_DOWN},
    {".alpha", FC_LORA_ALPHA},
    {".dora_scale", FC_LORA_DORA},
    {".lora_magnitude_vector", FC_LORA_DORA},
    {".lora_magnitude_vector.weight", FC_LORA_DORA},
    {".lora_magnitude_vector.default.weight", FC_LORA_DORA},
    {".hada_w1_a", FC_LORA_HADA_A1},
    {".hada_w1_b", FC_LORA_HADA_B1},
    {".hada_w2_a", FC_LORA_HADA_A2},
    {".hada_w2_b", FC_LORA_HADA_B2},
    {".hada_t1", FC_LORA_HADA_T1},
    {".hada_t2", FC_LORA_HADA_T2},
    {".lokr_w1", FC_LORA_KRON_W1},
    {".lokr_w1_a", FC_LORA_KRON_A1},
    {".lokr_w1_b", FC_LORA_KRON_B1},
    {".lokr_w2", FC_LORA_KRON_W2},
    {".lokr_w2_a", FC_LORA_KRON_A2},
    {".lokr_w2_b", FC_LORA_KRON_B2},
    {".lokr_t2", FC_LORA_KRON_T2},
    {".a1.weight", FC_LORA_GLORA_A1},
    {".a2.weight", FC_LORA_GLORA_A2},
    {".b1.weight", FC_LORA_GLORA_B1},
    {".b2.weight", FC_LORA_GLORA_B2},
    {".diff", FC_LORA_DIFF},
    {".diff_b", FC_LORA_DIFF_BIAS},
    {".w_norm", FC_LORA_DIFF},
    {".b_norm", FC_LORA_DIFF_BIAS},
};

typedef struct patch {
    fc_weight_patch base; /* user points here */
    fc_lora_delta delta;
    double strength;
    int32_t row0;
} patch;

struct fc_lora {
    fc_safetensors file;
    fc_arena arena; /* modules and patches */
    fc_lora_module *modules;
    size_t module_count, strange; /* strange: tensors of no known ending */
    const char *strange_name;
    uint64_t key;
};

/* ---- opening ---- */

static const struct ending *ending_of(const char *name, size_t length)
{
    const struct ending *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = strlen(endings[i].text);
        if (n > best_length && n < length && memcmp(name + length - n, endings[i].text, n) == 0) {
            best = &endings[i];
            best_length = n;
        }
    }
    return best;
}

static fc_status sort_tensors(fc_lora *l, fc_strmap *index, fc_err *err)
{
    l->modules = fc_arena_array(&l->arena, l->file.count ? l->file.count : 1, sizeof *l->modules);
    if (!l->modules) return fc_fail(err, FC_NOMEM, "out of memory");
    for (size_t i = 0; i < l->file.count; i++) {
        const fc_st_tensor *t = &l->file.tensors[i];
        size_t length = strlen(t->name);
        const struct ending *e = ending_of(t->name, length);
        if (!e || !fc_dtype_is_float(t->dtype) || t->count == 0 || t->count > INT32_MAX) {
            if (!l->strange++) l->strange_name = t->name;
            continue;
        }
        length -= strlen(e->text);
        uint32_t at;
        if (!fc_strmap_get(index, t->name, length, &at)) {
            at = (uint32_t)l->module_count++;
            l->modules[at] = (fc_lora_module){.name = t->name, .name_length = length};
            if (fc_strmap_put(index, t->name, length, at, NULL))
                return fc_fail(err, FC_NOMEM, "out of memory");
        }
        l->modules[at].part[e->part] = t;
    }
    return FC_OK;
}

uint64_t fc_lora_key(const fc_lora *l)
{
    return l->key;
}

fc_status fc_lora_open(fc_lora **out, const char *path, fc_err *err)
{
    fc_strmap index;
    *out = NULL;
    fc_lora *l = fc_calloc(1, sizeof *l);
    if (!l) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", path);
    fc_arena_init(&l->arena, ARENA_CAP);
    fc_strmap_init(&index);
    l->key = fc_weights_file_key(path);
    fc_status s = fc_safetensors_open(&l->file, path, err);
    if (!s) s = sort_tensors(l, &index, err);
    if (!s && l->module_count == 0) {
        s = fc_fail(err, FC_UNSUPPORTED,
                    "%s: this file is not a LoRA of a kind this program knows (it has tensors like %.80s)",
                    path, l->file.count ? l->file.tensors[0].name : "none at all");
    }
    fc_strmap_fini(&index);
    if (s) {
        fc_lora_close(l);
        return s;
    }
    *out = l;
    return FC_OK;
}

void fc_lora_close(fc_lora *l)
{
    if (!l) return;
    fc_arena_fini(&l->arena);
    fc_safetensors_close(&l->file);
    fc_free(l);
}

/* ---- attaching ---- */

static fc_status apply(void *user, const fc_weight *w, int32_t first, int32_t count, float *rows)
{
    const patch *p = user;
    (void)w;
    int32_t from = first > p->row0 ? first : p->row0;
    int32_t to = first + count < p->row0 + p->delta.rows ? first + count : p->row0 + p->delta.rows;
    if (from >= to) return FC_OK;
    float *dst = rows + (size_t)(from - first) * (size_t)p->delta.cols;
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
    fc_status s = norms && squares && rows && delta ? FC_OK : FC_NOMEM;
    for (int32_t r = 0; !s && r < d->rows; r += READ_ROWS) {
        int32_t n = d->rows - r < READ_ROWS ? d->rows - r : READ_ROWS;
        s = fc_weight_read(w, row0 + r, n, rows);
        if (!s) s = fc_lora_delta_rows(d, r, n, rows, delta);
        for (size_t i = 0; !s && i < (size_t)n * (size_t)d->cols; i++) {
            double v = (double)(rows[i] + d->factor * delta[i]);
            squares[(i % (size_t)d->cols) / (size_t)d->patch] += v * v;
        }
    }
    for (int32_t i = 0; !s && i < inputs; i++) norms[i] = (float)sqrt(squares[i]);
    fc_free(squares);
    fc_free(rows);
    fc_free(delta);
    *out = norms;
    return s;
}

static uint64_t key_of(const fc_lora *l, const fc_lora_module *m, double strength, fc_lora_part part)
{
    uint64_t bits;
    memcpy(&bits, &strength, sizeof bits);
    return fc_splitmix64(l->key ^ fc_fnv1a(m->name, m->name_length) ^ fc_splitmix64(bits + (uint64_t)part));
}

static fc_status hang(fc_lora *l, fc_weight *w, const fc_lora_delta *d, int32_t row0, double strength,
                      uint64_t key)
{
    patch *p = fc_arena_alloc(&l->arena, sizeof *p);
    if (!p) return FC_NOMEM;
    *p = (patch){.delta = *d, .strength = strength, .row0 = row0};
    p->base = (fc_weight_patch){.owner = l, .user = p, .apply = apply, .key = key};
    if (d->magnitude_per_input) {
        fc_status s = input_norms(w, d, row0, &l->arena, &p->delta.input_norm);
        if (s) return s;
    }
    fc_weight_patch_add(w, &p->base);
    return FC_OK;
}

/* Whether the module changed anything; *s: a failure that ends it all. */
static bool attach_module(fc_lora *l, const fc_lora_module *m, const fc_lora_target *t, double strength,
                          fc_status *s)
{
    bool done = false;
    if (t->weight) {
        int32_t rows = t->rows < 0 ? (int32_t)fc_weight_rows(t->weight) : t->rows;
        int64_t cols = fc_weight_cols(t->weight), inputs = t->weight->ndim > 1 ? t->weight->shape[1] : 1;
        fc_lora_delta d;
        if (inputs > 0 &&
            fc_lora_delta_make(m, rows, (int32_t)cols, (int32_t)(cols / inputs), &l->arena, &d)) {
            *s = hang(l, t->weight, &d, t->row0, strength, key_of(l, m, strength, FC_LORA_UP));
            done = !*s;
        }
    }
    if (!*s && t->bias && m->part[FC_LORA_DIFF_BIAS]) {
        const fc_lora_module bias = {.name = m->name,
                                     .name_length = m->name_length,
                                     .part = {[FC_LORA_DIFF] = m->part[FC_LORA_DIFF_BIAS]}};
        int32_t rows = t->rows < 0 ? (int32_t)fc_weight_rows(t->bias) : t->rows;
        fc_lora_delta d;
        if (fc_lora_delta_make(&bias, rows, 1, 1, &l->arena, &d)) {
            *s = hang(l, t->bias, &d, t->row0, strength, key_of(l, m, strength, FC_LORA_DIFF_BIAS));
            done = !*s;
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

fc_status fc_lora_attach(fc_lora *l, double strength, fc_lora_resolve resolve, void *user,
                         fc_lora_report *report, fc_err *err)
{
    fc_status s = FC_OK;
    *report = (fc_lora_report){.modules = (int32_t)l->module_count};
    if (l->strange) {
        report->unmatched += (int32_t)l->strange;
        note_example(report, l->strange_name, strlen(l->strange_name));
    }
    for (size_t i = 0; i < l->module_count && !s; i++) {
        const fc_lora_module *m = &l->modules[i];
        fc_lora_target t = {.rows = -1};
        if (!resolve(user, m->name, m->name_length, &t)) {
            report->unmatched++;
            note_example(report, m->name, m->name_length);
        } else if (strength != 0 && !attach_module(l, m, &t, strength, &s)) {
            if (s) break;
            report->misfit++;
            note_example(report, m->name, m->name_length);
        } else {
            report->matched++;
        }
    }
    if (!s && l->arena.status) s = l->arena.status;
    return s ? fc_fail(err, s, "out of memory while applying a LoRA") : FC_OK;
}

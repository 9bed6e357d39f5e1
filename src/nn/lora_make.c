/* From a module's tensors to a delta: which kind it is, whether its shapes fit, and the factors that are
 * computed once. */
#include <math.h>
#include <string.h>

#include "nn/lora_impl.h"

static int64_t tail_size(const fc_st_tensor *t, int32_t from)
{
    int64_t n = 1;
    for (int32_t d = from; d < t->ndim; d++) n *= t->shape[d];
    return n;
}

static fc_lora_matrix matrix_of(const fc_st_tensor *t)
{
    return (fc_lora_matrix){.data = t->data,
                            .dtype = t->dtype,
                            .rows = t->ndim > 0 ? (int32_t)t->shape[0] : 1,
                            .cols = (int32_t)tail_size(t, 1)};
}

static fc_lora_matrix transposed(const fc_st_tensor *t)
{
    fc_lora_matrix m = matrix_of(t);
    return (fc_lora_matrix){
        .data = m.data, .dtype = m.dtype, .rows = m.cols, .cols = m.rows, .by_column = true};
}

static float *to_f32(const fc_st_tensor *t, fc_arena *arena)
{
    float *out = fc_arena_array(arena, t->count, sizeof *out);
    if (out) fc_to_f32(out, t->data, t->dtype, t->count);
    return out;
}

static float scalar(const fc_st_tensor *t)
{
    float v = 0;
    fc_to_f32(&v, t->data, t->dtype, 1);
    return v;
}

/* alpha / rank; 1 without alpha */
static float factor_of(const fc_lora_module *m, int64_t rank)
{
    const fc_st_tensor *alpha = m->part[FC_LORA_ALPHA];
    return alpha && alpha->count == 1 && rank > 0 ? scalar(alpha) / (float)rank : 1;
}

static bool fits(const fc_lora_delta *d, const fc_lora_matrix *a, const fc_lora_matrix *b)
{
    return a->rows == d->rows && a->cols == b->rows && b->cols == d->cols;
}

/* CP decomposition: out[i][r][k] = sum_j core[i][j][k] * down[j][r], a [rank][inputs * patch] matrix. */
static bool contract_core(const fc_st_tensor *core, const fc_st_tensor *down, fc_arena *arena,
                          fc_lora_matrix *out)
{
    int64_t patch = tail_size(core, 2), inputs = tail_size(down, 1);
    if (core->ndim < 2 || down->ndim < 2 || core->shape[1] != down->shape[0]) return false;
    int32_t ranks = (int32_t)core->shape[0], inner = (int32_t)core->shape[1];
    size_t cols = (size_t)(inputs * patch);
    float *c = to_f32(core, arena), *d = to_f32(down, arena),
          *o = fc_arena_array(arena, (size_t)ranks * cols, sizeof *o);
    if (!c || !d || !o) return false;
    for (int32_t i = 0; i < ranks; i++)
        for (int32_t j = 0; j < inner; j++)
            for (int64_t r = 0; r < inputs; r++)
                for (int64_t k = 0; k < patch; k++)
                    o[(size_t)i * cols + (size_t)(r * patch + k)] +=
                        c[((int64_t)i * inner + j) * patch + k] * d[(int64_t)j * inputs + r];
    *out = (fc_lora_matrix){.data = o, .dtype = FC_F32, .rows = ranks, .cols = (int32_t)cols};
    return true;
}

static bool make_low_rank(const fc_lora_module *m, fc_arena *arena, fc_lora_delta *d)
{
    const fc_st_tensor *up = m->part[FC_LORA_UP], *down = m->part[FC_LORA_DOWN], *mid = m->part[FC_LORA_MID];
    d->kind = FC_LORA_LOW_RANK;
    d->a = matrix_of(up);
    d->b = matrix_of(down);
    d->factor = factor_of(m, d->b.rows);
    if (mid && !contract_core(mid, down, arena, &d->b)) return false;
    return fits(d, &d->a, &d->b);
}

static bool make_hadamard(const fc_lora_module *m, fc_arena *arena, fc_lora_delta *d)
{
    const fc_st_tensor *a1 = m->part[FC_LORA_HADA_A1], *b1 = m->part[FC_LORA_HADA_B1],
                       *t1 = m->part[FC_LORA_HADA_T1];
    const fc_st_tensor *a2 = m->part[FC_LORA_HADA_A2], *b2 = m->part[FC_LORA_HADA_B2],
                       *t2 = m->part[FC_LORA_HADA_T2];
    if (!a1 || !b1 || !a2 || !b2) return false;
    d->kind = FC_LORA_HADAMARD;
    d->factor = factor_of(m, b1->ndim > 0 ? b1->shape[0] : 1);
    if (t1 && t2) {
        d->a = transposed(a1);
        d->c = transposed(a2);
        if (!contract_core(t1, b1, arena, &d->b) || !contract_core(t2, b2, arena, &d->d)) return false;
    } else {
        d->a = matrix_of(a1);
        d->b = matrix_of(b1);
        d->c = matrix_of(a2);
        d->d = matrix_of(b2);
    }
    return fits(d, &d->a, &d->b) && fits(d, &d->c, &d->d);
}

/* One side of a Kronecker product: given whole, or as a product whose inner size goes to *rank. */
static bool kron_side(const fc_st_tensor *whole, const fc_st_tensor *a, const fc_st_tensor *b,
                      const fc_st_tensor *core, fc_arena *arena, fc_lora_matrix *out, int64_t *rank)
{
    if (whole) {
        *out = matrix_of(whole);
        return true;
    }
    if (!a || !b || a->ndim < 2 || b->ndim < 2) return false;
    *rank = b->shape[0];
    fc_lora_matrix left = core ? transposed(a) : matrix_of(a), right = matrix_of(b);
    if (core && !contract_core(core, b, arena, &right)) return false;
    if (left.cols != right.rows) return false;
    size_t cols = (size_t)right.cols;
    float *o = fc_arena_array(arena, (size_t)left.rows * cols, sizeof *o);
    const fc_lora_delta product = {
        .kind = FC_LORA_LOW_RANK, .a = left, .b = right, .rows = left.rows, .cols = right.cols};
    if (!o || fc_lora_delta_rows(&product, 0, left.rows, NULL, o)) return false;
    *out = (fc_lora_matrix){.data = o, .dtype = FC_F32, .rows = left.rows, .cols = right.cols};
    return true;
}

static bool make_kron(const fc_lora_module *m, fc_arena *arena, fc_lora_delta *d)
{
    int64_t rank = 0;
    const fc_st_tensor *const *p = m->part;
    d->kind = FC_LORA_KRON;
    if (!kron_side(p[FC_LORA_KRON_W1], p[FC_LORA_KRON_A1], p[FC_LORA_KRON_B1], NULL, arena, &d->a, &rank))
        return false;
    if (!kron_side(p[FC_LORA_KRON_W2], p[FC_LORA_KRON_A2], p[FC_LORA_KRON_B2], p[FC_LORA_KRON_T2], arena,
                   &d->b, &rank))
        return false;
    d->factor = rank > 0 ? factor_of(m, rank) : 1;
    return (int64_t)d->a.rows * d->b.rows == d->rows && (int64_t)d->a.cols * d->b.cols == d->cols;
}

static bool make_glora(const fc_lora_module *m, fc_lora_delta *d)
{
    const fc_st_tensor *a1 = m->part[FC_LORA_GLORA_A1], *a2 = m->part[FC_LORA_GLORA_A2];
    const fc_st_tensor *b1 = m->part[FC_LORA_GLORA_B1], *b2 = m->part[FC_LORA_GLORA_B2];
    if (!a1 || !a2 || !b1 || !b2) return false;
    d->kind = FC_LORA_GLORA;
    d->a = matrix_of(b2);
    d->b = matrix_of(b1);
    d->c = matrix_of(a2);
    d->d = matrix_of(a1);
    d->factor = factor_of(m, d->d.rows);
    return fits(d, &d->a, &d->b) && d->c.rows == d->cols && d->c.cols == d->d.rows && d->d.cols == d->cols;
}

static bool make_full(const fc_lora_module *m, fc_lora_delta *d)
{
    d->kind = FC_LORA_FULL;
    d->a = matrix_of(m->part[FC_LORA_DIFF]);
    d->factor = 1;
    return d->a.rows == d->rows && d->a.cols == d->cols;
}

/* LyCORIS's IA3: W (1 + w) along the outputs or the inputs. */
static bool make_scale(const fc_lora_module *m, fc_lora_delta *d)
{
    const fc_st_tensor *w = m->part[FC_LORA_IA3], *mark = m->part[FC_LORA_IA3_INPUT];
    if (!w || !mark) return false;
    d->kind = FC_LORA_SCALE;
    d->per_input = scalar(mark) != 0;
    d->a = (fc_lora_matrix){.data = w->data, .dtype = w->dtype, .rows = 1, .cols = (int32_t)w->count};
    return d->a.cols == (d->per_input ? d->cols / d->patch : d->rows);
}

static bool make_magnitude(const fc_lora_module *m, fc_arena *arena, fc_lora_delta *d)
{
    const fc_st_tensor *t = m->part[FC_LORA_DORA];
    if (!t) return true;
    bool per_input = t->ndim >= 2 && t->shape[0] == 1 && t->shape[1] != 1;
    if (t->count != (size_t)(per_input ? d->cols / d->patch : d->rows)) return false;
    d->magnitude_per_input = per_input;
    d->magnitude = to_f32(t, arena);
    return d->magnitude != NULL;
}

bool fc_lora_delta_make(const fc_lora_module *m, int32_t rows, int32_t cols, int32_t patch, fc_arena *arena,
                        fc_lora_delta *out)
{
    *out = (fc_lora_delta){.rows = rows, .cols = cols, .patch = patch, .factor = 1};
    bool ok;
    if (m->part[FC_LORA_UP] && m->part[FC_LORA_DOWN])
        ok = make_low_rank(m, arena, out);
    else if (m->part[FC_LORA_HADA_A1])
        ok = make_hadamard(m, arena, out);
    else if (m->part[FC_LORA_KRON_W1] || m->part[FC_LORA_KRON_A1])
        ok = make_kron(m, arena, out);
    else if (m->part[FC_LORA_GLORA_A1])
        ok = make_glora(m, out);
    else if (m->part[FC_LORA_OFT])
        ok = fc_lora_rotation_make(m, arena, out);
    else if (m->part[FC_LORA_IA3])
        ok = make_scale(m, out);
    else
        ok = m->part[FC_LORA_DIFF] && make_full(m, out);
    return ok && make_magnitude(m, arena, out);
}

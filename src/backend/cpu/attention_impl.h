/* The text of the attention kernel: blocked, with a running softmax, so that never more than q_block x KEYS
 * scores exist. Included after a tile_*.h, with these macros besides its own:
 * - SOFTEXP, UNIT: softmax weights are SOFTEXP(UNIT * score): UNIT is log2(e) when SOFTEXP is 2^x, 1 when it
 * is e^x
 * - PUT_P(ptr, a, b, total): stores two vectors of weights as ELEM and gives back total + what was stored
 *
 * Layouts, of panels NR wide:
 * - keys [panel of NR keys][d / STEP][NR][STEP]
 * - values, per key block: [panel of NR channels][keys of the block / STEP][NR][STEP]
 *
 * Sizes round up: keys to NR, d to DEPTH for keys and to NR for values; what is beyond is zero. */

#define UNSEEN  -1e30f         /* the score of what may not be looked at: finite, its weight is 0 */
#define KEYS    256            /* per block; a multiple of NR */
#define Q_BLOCK (64 / MR * MR) /* 64, or what of it is a multiple of MR */

static size_t attn_packed_bytes(int32_t keys, int32_t d)
{
    return (size_t)round_up(keys, NR) * (size_t)round_up(d, NR) * sizeof(ELEM);
}

/* Per block of queries: q [Q_BLOCK][d] unless they are multiplied where they are, scores [Q_BLOCK][KEYS],
 * weights likewise, out [Q_BLOCK][d], three numbers each. */
struct attn_work {
    const ELEM *q;
    ELEM *own_q, *weights;
    float *scores, *out, *top, *sum, *decay;
    int64_t ldq;
    int32_t ldo;
};

static size_t attn_work_bytes(int32_t d)
{
    size_t n = Q_BLOCK, dk = (size_t)round_up(d, NR);
    return n * dk * (sizeof(ELEM) + sizeof(float)) + n * KEYS * (sizeof(ELEM) + sizeof(float)) +
           3 * n * sizeof(float) + 64;
}

static struct attn_work split_work(void *p, int32_t d)
{
    struct attn_work w;
    size_t n = Q_BLOCK, dk = (size_t)round_up(d, NR);
    w.ldq = w.ldo = (int32_t)dk;
    w.scores = p;
    w.out = w.scores + n * KEYS;
    w.top = w.out + n * dk;
    w.sum = w.top + n;
    w.decay = w.sum + n;
    w.q = w.own_q = (ELEM *)(void *)(w.decay + n);
    w.weights = w.own_q + n * dk;
    return w;
}

/* One key becomes a column of its panel, in steps of STEP values. */
static void attn_pack_key(ELEM *column, const ELEM *row, int32_t dk)
{
    for (int32_t e = 0; e < dk; e += STEP, column += NR * STEP) memcpy(column, row + e, STEP * sizeof(ELEM));
}

/* STEP values' rows become rows of the panels, interleaved. */
static void attn_pack_values(ELEM *out, const ELEM *rows, int32_t dv, size_t panel)
{
    for (int32_t e = 0; e < dv; e += NR, out += panel)
        for (int32_t c = 0; c < NR; c++)
            for (int32_t s = 0; s < STEP; s++) out[c * STEP + s] = rows[s * dv + e + c];
}

static void attn_pack(void *pk, void *pv, fc_in k, int64_t ldk, fc_in v, int64_t ldv, int32_t keys, int32_t d,
                      int32_t block, void *work)
{
    int32_t first = block * KEYS, count = keys - first < KEYS ? keys - first : KEYS;
    int32_t padded = round_up(count, NR), dk = round_up(d, DEPTH), dv = round_up(d, NR);
    ELEM *kp = (ELEM *)pk + (size_t)first * (size_t)dk, *vp = (ELEM *)pv + (size_t)first * (size_t)dv;
    ELEM *rows = work; /* [STEP][dv] */
    const size_t panel = (size_t)padded * NR;
    for (int32_t j = 0; j < padded; j++) {
        elem_row(rows, fc_in_at(k, (first + j) * ldk), j < count ? d : 0, dk);
        attn_pack_key(kp + (size_t)(j / NR) * (size_t)dk * NR + (size_t)(j % NR) * STEP, rows, dk);
    }
    for (int32_t j = 0; j < padded; j += STEP) {
        for (int32_t s = 0; s < STEP; s++)
            elem_row(rows + s * dv, fc_in_at(v, (first + j + s) * ldv), j + s < count ? d : 0, dv);
        attn_pack_values(vp + (size_t)j * NR, rows, dv, panel);
    }
}

/* One row of scores, `seen` of `padded` valid -> weights; updates the row's maximum, sum and decay. */
static void attn_softmax_row(float *score, ELEM *weight, int32_t seen, int32_t padded, float scale,
                             float *top, float *sum, float *decay)
{
    for (int32_t j = seen; j < padded; j++) score[j] = UNSEEN;
    V vmax = v_set1(UNSEEN);
    for (int32_t j = 0; j < padded; j += W) vmax = v_max(vmax, v_load(score + j));
    float new_top = v_hmax(vmax) * scale;
    if (!(new_top > *top)) new_top = *top;
    float ratio[W];
    v_store(ratio, SOFTEXP(v_set1(*top - new_top)));
    *decay = ratio[0];
    *top = new_top;
    const V vscale = v_set1(scale), vtop = v_set1(-new_top);
    V total = v_set1(0.0f);
    for (int32_t j = 0; j < padded; j += 2 * W) {
        V a = SOFTEXP(v_fma(v_load(score + j), vscale, vtop)),
          b = SOFTEXP(v_fma(v_load(score + j + W), vscale, vtop));
        total = PUT_P(weight + j, a, b, total);
    }
    *sum = *sum * *decay + v_sum(total);
}

static void attn_load_queries(const fc_attn *job, struct attn_work *w)
{
    int32_t dk = round_up(job->d, DEPTH), rows = round_up(job->rows, MR);
    bool in_place = job->q.t == ELEM_TYPE && dk == job->d && rows == job->rows && job->ldq <= INT32_MAX;
    for (int32_t r = 0; r < rows; r++) {
        if (!in_place)
            elem_row(w->own_q + r * w->ldq, fc_in_at(job->q, r * job->ldq), r < job->rows ? job->d : 0, dk);
        w->top[r] = UNSEEN;
        w->sum[r] = 0.0f;
    }
    if (!in_place) return;
    w->q = job->q.p;
    w->ldq = job->ldq;
}

/* Adds key block `block` to the running result. */
static void attn_block(const fc_attn *job, const struct attn_work *w, int32_t block)
{
    int32_t first = block * KEYS, count = job->keys - first < KEYS ? job->keys - first : KEYS;
    int32_t padded = round_up(count, NR), rows = round_up(job->rows, MR);
    int32_t dk = round_up(job->d, DEPTH), dv = round_up(job->d, NR);
    const ELEM *k = (const ELEM *)job->k + (size_t)first * (size_t)dk;
    const ELEM *v = (const ELEM *)job->v + (size_t)first * (size_t)dv;
    for (int32_t j = 0; j < padded; j += NR)
        for (int32_t r = 0; r < rows; r += MR)
            tile(w->scores + r * KEYS + j, KEYS, w->q + r * w->ldq, (int32_t)w->ldq,
                 k + (size_t)j * (size_t)dk, dk / STEP, NULL, false);
    for (int32_t r = 0; r < rows; r++) {
        int32_t seen = job->causal ? job->first + r + 1 - first : count;
        seen = seen < 0 ? 0 : seen > count ? count : seen;
        attn_softmax_row(w->scores + r * KEYS, w->weights + r * KEYS, seen, padded, job->scale * UNIT,
                         w->top + r, w->sum + r, w->decay + r);
    }
    for (int32_t e = 0; e < dv; e += NR)
        for (int32_t r = 0; r < rows; r += MR)
            tile(w->out + r * w->ldo + e, w->ldo, w->weights + r * KEYS, KEYS, v + (size_t)e * (size_t)padded,
                 padded / STEP, block > 0 ? w->decay + r : NULL, false);
}

static void attn_run(const fc_attn *job)
{
    struct attn_work w = split_work(job->work, job->d);
    attn_load_queries(job, &w);
    TILES_BEGIN();
    int32_t keys = job->causal && job->first + job->rows < job->keys ? job->first + job->rows : job->keys;
    for (int32_t b = 0; b * KEYS < keys; b++) attn_block(job, &w, b);
    TILES_END();
    for (int32_t r = 0; r < job->rows; r++) {
        fc_out row = fc_out_at(job->y, r * job->ldy);
        const float *out = w.out + r * w.ldo;
        const V inverse = v_set1(1.0f / w.sum[r]);
        FOR_VECTORS((size_t)job->d, store(row, i, v_load(out + i) * inverse),
                    store_n(row, i, v_load_n(out + i, left) * inverse, left));
    }
}

#define ATTENTION_TABLE                                                                                      \
    {                                                                                                        \
        Q_BLOCK, KEYS, attn_packed_bytes, attn_work_bytes, attn_pack, attn_run                               \
    }

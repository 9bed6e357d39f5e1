/* The text of the matrix product and convolution kernel. Included after a tile_*.h. A convolution is the
 * product of gathered pixels with the weight: the summed dimension runs over taps and channels, the channels
 * rounded up to DEPTH, and is cut into chunks whose pixels are gathered into dense rows, which also converts
 * the dtype. Weight: [panel of NR outputs][taps * channels / STEP][NR][STEP]. */

#define ROWS  192                            /* of a block: a multiple of every MR */
#define COLS  512                            /* of a block: a multiple of every NR */
#define CHUNK (2048 / (int32_t)sizeof(ELEM)) /* values summed per pass */
#define ROW_LEN                                                                                              \
    (CHUNK + 64 / (int32_t)sizeof(ELEM)) /* not a power of two: rows must not compete for cache sets */

struct gemm_work {
    float acc[ROWS][COLS];
    ELEM rows[ROWS][ROW_LEN];
    ELEM panel[CHUNK * NR]; /* a narrower weight widened */
};

/* Values [k, k + count) of output row `row`, whose place in the picture is divided out once. */
static void gemm_gather(const fc_gemm *g, int64_t row, int32_t k, int32_t count, ELEM *dst)
{
    const fc_tensor *x = &g->x, *y = &g->y;
    const fc_conv_geom *geom = &g->geom;
    int32_t oy = (int32_t)(row / y->w % y->h), ox = (int32_t)(row % y->w), c = round_up(x->c, DEPTH);
    int32_t h = geom->resize ? y->h : x->h, w = geom->resize ? y->w : x->w;
    int64_t image = row / y->w / y->h;
    while (count > 0) {
        int32_t tap = k / c, from = k % c, len = c - from < count ? c - from : count;
        int32_t iy = oy * geom->stride - geom->pad_top + tap / geom->kw,
                ix = ox * geom->stride - geom->pad_left + tap % geom->kw;
        bool inside = iy >= 0 && iy < h && ix >= 0 && ix < w;
        int32_t real = inside ? (x->c - from < len ? x->c - from : len) : 0;
        if (geom->resize) {
            iy = fc_nearest(iy, x->h, h);
            ix = fc_nearest(ix, x->w, w);
        }
        int64_t pixel = (image * x->h + iy) * x->w + ix;
        fc_in in = {x->data, x->dtype};
        if (real > 0) in = fc_in_at(in, pixel * x->ld + from);
        elem_row(dst, in, real, len);
        dst += len;
        k += len;
        count -= len;
    }
}

/* bias + rowadd: what acc starts with, or what is added to it when it has got its scale */
static void gemm_start(const fc_gemm *g, int64_t row, int32_t col, int32_t cols, float *acc)
{
    int32_t real = g->y.c - col < cols ? g->y.c - col : cols;
    for (int32_t j = 0; j < cols; j++) acc[j] = 0.0f;
    if (g->bias) memcpy(acc, g->bias + col, (size_t)real * sizeof *acc);
    if (!g->rowadd.data) return;
    int64_t image = row / g->y.w / g->y.h;
    fc_in in = fc_in_at((fc_in){g->rowadd.data, g->rowadd.dtype}, image * g->rowadd.ld + col);
    const fc_out out = {acc, FC_F32};
    FOR_VECTORS((size_t)real, store(out, i, v_load(acc + i) + load(in, i)),
                store_n(out, i, v_load_n(acc + i, left) + load_n(in, i, left), left));
}

/* acc of whole numbers' products becomes acc * scale + bias + rowadd. */
static void gemm_scale(const fc_gemm *g, int64_t row, int32_t col, int32_t cols, float *acc)
{
    int32_t real = g->y.c - col < cols ? g->y.c - col : cols;
    const float *scales = g->scales + col;
    float start[COLS];
    gemm_start(g, row, col, cols, start);
    FOR_VECTORS(
        (size_t)real, v_store(acc + i, v_fma(v_load(acc + i), v_load(scales + i), v_load(start + i))),
        v_store_n(acc + i,
                  v_fma(v_load_n(acc + i, left), v_load_n(scales + i, left), v_load_n(start + i, left)),
                  left));
}

static void gemm_finish(const fc_gemm *g, int64_t row, int32_t col, int32_t cols, float *acc)
{
    int32_t real = g->y.c - col < cols ? g->y.c - col : cols;
    if (g->scales) gemm_scale(g, row, col, cols, acc);
    fc_in add = {0};
    if (g->add.data) add = fc_in_at((fc_in){g->add.data, g->add.dtype}, row * g->add.ld + col);
    fc_out out = fc_out_at((fc_out){g->y.data, g->y.dtype}, row * g->y.ld + col);
    g->tail(out, acc, (size_t)real, g->act, g->scale, add);
}

/* Steps [k / STEP, ...) of the panel of column col. */
static const ELEM *gemm_panel(const fc_gemm *g, int32_t col, int32_t k, int32_t count, int32_t length,
                              ELEM *widened)
{
    int64_t at = (int64_t)col * length + (int64_t)k * NR;
    if (g->stored == FC_I8) {
        const int8_t *whole = (const int8_t *)g->weight + at;
        const fc_out out = {widened, ELEM_TYPE};
        for (size_t i = 0; i < (size_t)count * NR; i += W) store(out, i, v_load_int8(whole + i));
        return widened;
    }
    fc_in w = fc_in_at((fc_in){g->weight, g->stored}, at);
    if (g->stored == ELEM_TYPE) return w.p;
    elem_row(widened, w, count * NR, count * NR);
    return widened;
}

/* Whether rows of x can be multiplied where they are: pixels of their own, in the right dtype, nothing to
 * pad. */
static bool gemm_in_place(const fc_gemm *g, int32_t rows)
{
    return fc_conv_is_point(&g->geom) && g->x.dtype == ELEM_TYPE && g->x.c % DEPTH == 0 && rows % MR == 0;
}

/* Values [k, k + count) of the block's rows; *ld: from row to row. */
static const ELEM *gemm_rows(const fc_gemm *g, struct gemm_work *w, int64_t row, int32_t rows, int32_t k,
                             int32_t count, int32_t *ld)
{
    if (gemm_in_place(g, rows) && g->x.ld <= INT32_MAX) {
        *ld = (int32_t)g->x.ld;
        return (const ELEM *)g->x.data + row * g->x.ld + k;
    }
    for (int32_t r = 0; r < rows; r++) gemm_gather(g, row + r, k, count, w->rows[r]);
    *ld = ROW_LEN;
    return w->rows[0];
}

static void gemm_block(const fc_gemm *g, int64_t row, int32_t rows, int32_t col, int32_t cols, void *work)
{
    struct gemm_work *w = work;
    int32_t length = round_up(g->x.c, DEPTH) * g->geom.kh * g->geom.kw, tall = round_up(rows, MR);
    for (int32_t r = 0; r < rows; r++) {
        if (g->scales)
            memset(w->acc[r], 0, (size_t)cols * sizeof(float));
        else
            gemm_start(g, row + r, col, cols, w->acc[r]);
    }
    for (int32_t k = 0; k < length; k += CHUNK) {
        int32_t count = length - k < CHUNK ? length - k : CHUNK;
        int32_t ld;
        const ELEM *a = gemm_rows(g, w, row, rows, k, count, &ld);
        TILES_BEGIN();
        for (int32_t j = 0; j < cols; j += NR) {
            const ELEM *panel = gemm_panel(g, col + j, k, count, length, w->panel);
            for (int32_t r = 0; r < tall; r += MR)
                tile(&w->acc[r][j], COLS, a + (int64_t)r * ld, ld, panel, count / STEP, NULL, true);
        }
        TILES_END();
    }
    for (int32_t r = 0; r < rows; r++) gemm_finish(g, row + r, col, cols, w->acc[r]);
}

#define GEMM_TABLE                                                                                           \
    {                                                                                                        \
        NR, STEP, DEPTH, ROWS, COLS, sizeof(struct gemm_work), gemm_block                                    \
    }

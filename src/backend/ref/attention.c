/* Attention: all scores of one query, softmax, weighted sum of the values, in double. */
#include <math.h>
#include <omp.h>
#include "backend/ref/ref.h"
#include "base/mem.h"

struct job {
    fc_tensor y, q, k, v;
    int32_t d;
    bool causal;
};

/* Query t of image i and head hd; score holds Tk values. */
static void one_query(const struct job *j, int32_t i, int32_t t, int32_t hd, double *score)
{
    int64_t qrow = (int64_t)i * j->q.w + t, krow = (int64_t)i * j->k.w;
    int32_t base = hd * j->d;
    int32_t seen = j->causal && t + 1 < j->k.w ? t + 1 : j->k.w;
    double top = -HUGE_VAL, sum = 0.0;
    for (int32_t s = 0; s < seen; s++) {
        double dot = 0.0;
        for (int32_t e = base; e < base + j->d; e++)
            dot += (double)ref_load(&j->q, qrow, e) * (double)ref_load(&j->k, krow + s, e);
        score[s] = dot / sqrt((double)j->d);
        if (score[s] > top) top = score[s];
    }
    for (int32_t s = 0; s < seen; s++) {
        score[s] = exp(score[s] - top);
        sum += score[s];
    }
    for (int32_t e = base; e < base + j->d; e++) {
        double out = 0.0;
        for (int32_t s = 0; s < seen; s++) out += score[s] * (double)ref_load(&j->v, krow + s, e);
        ref_store(&j->y, qrow, e, out / sum);
    }
}

fc_status fc_ref_attention(fc_dev *dev, fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads,
                           bool causal)
{
    if (heads <= 0 || q.c % heads != 0 || q.h != 1 || k.h != 1) return FC_INTERNAL;
    size_t size;
    if (!fc_size_mul((size_t)dev->threads * sizeof(double), (size_t)k.w, &size)) return FC_NOMEM;
    double *scores = fc_alloc(size);
    if (!scores) return FC_NOMEM;
    const struct job job = {y, q, k, v, q.c / heads, causal};
#pragma omp parallel for collapse(3) schedule(static) num_threads(dev->threads)
    for (int32_t i = 0; i < q.n; i++)
        for (int32_t hd = 0; hd < heads; hd++)
            for (int32_t t = 0; t < q.w; t++)
                one_query(&job, i, t, hd, scores + (size_t)omp_get_thread_num() * (size_t)k.w);
    fc_free(scores);
    return FC_OK;
}

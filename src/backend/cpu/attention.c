/* Attention: packs the keys and values of all heads once, then computes blocks of queries, each by one
 * thread. */
#include <math.h>
#include <omp.h>
#include "backend/cpu/dev.h"
#include "backend/host.h"
#include "base/mem.h"

struct job {
    const fc_attn_kernels *kernels;
    fc_tensor y, q, k, v;
    int32_t heads, d;
    bool causal;
    size_t packed; /* bytes of one head's packed keys, and of its values */
    char *pack;    /* [n][heads][keys, values] */
};

static void pack_block(const struct job *j, int32_t image, int32_t head, int32_t block, void *work)
{
    char *keys = j->pack + ((size_t)image * (size_t)j->heads + (size_t)head) * 2 * j->packed;
    int64_t row = (int64_t)image * j->k.w;
    fc_in k = fc_in_at(fc_row_in(&j->k, row), (int64_t)head * j->d),
          v = fc_in_at(fc_row_in(&j->v, row), (int64_t)head * j->d);
    j->kernels->pack(keys, keys + j->packed, k, j->k.ld, v, j->v.ld, j->k.w, j->d, block, work);
}

static void run_block(const struct job *j, int32_t image, int32_t head, int32_t block, void *work)
{
    int32_t first = block * j->kernels->q_block, left = j->q.w - first;
    int64_t row = (int64_t)image * j->q.w + first, at = (int64_t)head * j->d;
    const char *keys = j->pack + ((size_t)image * (size_t)j->heads + (size_t)head) * 2 * j->packed;
    const fc_attn a = {
        .q = fc_in_at(fc_row_in(&j->q, row), at),
        .ldq = j->q.ld,
        .y = fc_out_at(fc_row_out(&j->y, row), at),
        .ldy = j->y.ld,
        .k = keys,
        .v = keys + j->packed,
        .rows = left < j->kernels->q_block ? left : j->kernels->q_block,
        .keys = j->k.w,
        .d = j->d,
        .causal = j->causal,
        .first = first,
        .scale = (float)(1.0 / sqrt((double)j->d)),
        .work = work,
    };
    j->kernels->run(&a);
}

static size_t up64(size_t n)
{
    return (n + FC_HOST_ALIGN - 1) / FC_HOST_ALIGN * FC_HOST_ALIGN;
}

fc_status fc_cpu_attention(fc_dev *dev, fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads,
                           bool causal)
{
    if (heads <= 0 || q.c % heads != 0 || q.h != 1 || k.h != 1 || k.w <= 0) return FC_INTERNAL;
    struct job j = {.y = y, .q = q, .k = k, .v = v, .heads = heads, .d = q.c / heads, .causal = causal};
    bool narrow = q.dtype == FC_BF16 && k.dtype == FC_BF16 && v.dtype == FC_BF16;
    j.kernels = narrow && dev->bf16 ? dev->bf16->attention : dev->kernels->attention;
    j.packed = up64(j.kernels->packed_bytes(k.w, j.d));
    size_t work = up64(j.kernels->work_bytes(j.d)), pairs = (size_t)q.n * (size_t)heads;
    j.pack = fc_cpu_scratch(dev, FC_SCRATCH_PACK, pairs * 2 * j.packed);
    char *works = fc_cpu_scratch(dev, FC_SCRATCH_WORK, work * (size_t)dev->threads);
    if (!j.pack || !works) return FC_NOMEM;

    int32_t key_blocks = (k.w + j.kernels->key_block - 1) / j.kernels->key_block,
            q_blocks = (q.w + j.kernels->q_block - 1) / j.kernels->q_block;
#pragma omp parallel num_threads(dev->threads)
    {
        void *own = works + (size_t)omp_get_thread_num() * work;
#pragma omp for collapse(3) schedule(static)
        for (int32_t i = 0; i < q.n; i++)
            for (int32_t h = 0; h < heads; h++)
                for (int32_t b = 0; b < key_blocks; b++) pack_block(&j, i, h, b, own);
#pragma omp for collapse(3) schedule(static)
        for (int32_t i = 0; i < q.n; i++)
            for (int32_t h = 0; h < heads; h++)
                for (int32_t b = 0; b < q_blocks; b++) run_block(&j, i, h, b, own);
    }
    return FC_OK;
}

/* Host memory and threads for the backends that compute on the CPU. */
#include "backend/host.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "base/machine.h"
#include "base/mem.h"

#define MAX_THREADS 1024
#define LARGE_BLOCK ((size_t)4 << 20)
#define BLOCK_BYTES ((size_t)1 << 20) /* of float32 rows that one thread reads at once */

/* Large blocks are address space that becomes memory when it is touched, in huge pages where there are any:
 * activations are streamed through again and again, and huge pages spare most of the page faults. */
fc_status fc_host_mem_alloc(fc_dev *dev, size_t size, void **out)
{
    (void)dev;
    if (size < LARGE_BLOCK) {
        *out = fc_alloc_aligned(FC_HOST_ALIGN, size);
        return *out ? FC_OK : FC_NOMEM;
    }
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *out = p == MAP_FAILED ? NULL : p;
    if (*out) (void)madvise(p, size, MADV_HUGEPAGE);
    return *out ? FC_OK : FC_NOMEM;
}

void fc_host_mem_free(fc_dev *dev, void *p, size_t size)
{
    (void)dev;
    if (p && size >= LARGE_BLOCK)
        (void)munmap(p, size);
    else
        fc_free(p);
}

fc_status fc_host_wait(fc_dev *dev)
{
    (void)dev;
    return FC_OK;
}

void fc_host_watch(fc_dev *dev, const int *cancel)
{
    (void)dev;
    (void)cancel;
}

const char *fc_host_why(const fc_dev *dev)
{
    (void)dev;
    return "";
}

void fc_host_memory(fc_dev *dev, fc_device_memory *out)
{
    (void)dev;
    fc_machine_memory machine;
    fc_machine_memory_read(&machine);
    *out = (fc_device_memory){.total = machine.total, .available = machine.available};
}

fc_status fc_host_copy_in(fc_dev *dev, void *dst, const void *src, size_t size)
{
    (void)dev;
    if (size > 0) memcpy(dst, src, size);
    return FC_OK;
}

void fc_host_join_stats(const double others[2], int64_t before, int64_t rows, double stat[2])
{
    double a = (double)before, b = (double)rows, all = a + b, d = stat[0] - others[0];
    stat[0] = others[0] + d * (b / all);
    stat[1] = (a * others[1] + b * stat[1]) / all + d * d * (a / all) * (b / all);
}

/* CPUs that a container's quota allows (cgroup v2, rounded up); 0: no quota. */
static int quota_cpus(void)
{
    long long quota = 0, period = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!f) return 0;
    int got = fscanf(f, "%lld %lld", &quota, &period); /* "max 100000" without a quota: got is 0 */
    (void)fclose(f);
    if (got != 2 || quota <= 0 || period <= 0) return 0;
    long long cpus = (quota + period - 1) / period;
    return cpus > MAX_THREADS ? 0 : (int)cpus;
}

int fc_host_threads(int wanted)
{
    int n = wanted;
    if (n <= 0) {
        n = omp_get_num_procs();
        int quota = quota_cpus();
        if (quota > 0 && quota < n) n = quota;
    }
    if (n < 1) n = 1;
    return n > MAX_THREADS ? MAX_THREADS : n;
}

size_t fc_pack_src_cols(const fc_pack_src *src)
{
    if (src->rows <= 0 || src->cin <= 0 || src->kh <= 0 || src->kw <= 0) return 0;
    size_t cols, all;
    if (!fc_size_mul((size_t)src->cin, (size_t)src->kh, &cols)) return 0;
    if (!fc_size_mul(cols, (size_t)src->kw, &cols)) return 0;
    if (!fc_size_mul(cols, (size_t)src->rows, &all)) return 0;
    return fc_size_mul(all, 2 * sizeof(float), &all) ? cols : 0;
}

fc_status fc_host_read_rows(const fc_pack_src *src, int threads, int32_t granule, fc_rows_fn fn, void *user,
                            fc_err *err)
{
    size_t cols = fc_pack_src_cols(src);
    if (cols == 0) return fc_fail(err, FC_INTERNAL, "%s: a weight of impossible size", src->name);
    int32_t step = granule;
    while (step < src->rows / threads && (size_t)step * cols * sizeof(float) < BLOCK_BYTES) step += granule;
    if (step > src->rows) step = src->rows;
    int32_t blocks = (int32_t)(((int64_t)src->rows + step - 1) / step);
    if (threads > blocks) threads = blocks;

    size_t block = (size_t)step * cols, all;
    if (!fc_size_mul(block, (size_t)threads * sizeof(float), &all))
        return fc_fail(err, FC_NOMEM, "%s: too large", src->name);
    float *buffer = fc_alloc_aligned(FC_HOST_ALIGN, all);
    if (!buffer) return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);

    atomic_int failure = FC_OK;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int32_t b = 0; b < blocks; b++) {
        if (atomic_load(&failure) != FC_OK) continue;
        float *rows = buffer + (size_t)omp_get_thread_num() * block;
        int32_t first = b * step;
        int32_t count = src->rows - first < step ? src->rows - first : step;
        fc_status status = src->read_rows(src->user, first, count, rows);
        if (status == FC_OK)
            fn(user, first, count, rows);
        else
            atomic_store(&failure, (int)status);
    }
    fc_free(buffer);
    fc_status status = (fc_status)atomic_load(&failure);
    return status == FC_OK ? FC_OK : fc_fail(err, status, "%s: the weight cannot be read", src->name);
}

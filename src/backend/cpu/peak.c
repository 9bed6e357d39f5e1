/* Chooses the loop for the device's instruction set and runs it on all threads. */
#include "backend/cpu/peak.h"

#include "backend/cpu/dev.h"
#include "backend/host.h"
#include "base/mem.h"

static double work_f32(const fc_dev *dev)
{
#if defined(__x86_64__)
    if (dev->isa >= FC_ISA_AVX512) return fc_peak_avx512();
    if (dev->isa >= FC_ISA_AVX2) return fc_peak_avx2();
#endif
    (void)dev;
    return fc_peak_generic();
}

static double work_bf16(const fc_dev *dev)
{
#if defined(__x86_64__)
    if (dev->isa >= FC_ISA_AMX) return fc_peak_amx();
    if (dev->isa >= FC_ISA_AVX512BF16) return fc_peak_avx512bf16();
#endif
    (void)dev;
    return 0.0;
}

static double work_bf16_loaded(const fc_dev *dev)
{
    double flop = 0.0;
#if defined(__x86_64__)
    if (dev->isa < FC_ISA_AMX) return flop;
    uint16_t *memory = fc_alloc_aligned(FC_HOST_ALIGN, FC_PEAK_AMX_BYTES);
    if (memory) flop = fc_peak_amx_loaded(memory);
    fc_free(memory);
#endif
    (void)dev;
    return flop;
}

double fc_cpu_peak_work(fc_dev *dev, fc_peak kind)
{
    double (*const work[FC_PEAK_KINDS])(const fc_dev *) = {
        [FC_PEAK_F32] = work_f32, [FC_PEAK_BF16] = work_bf16, [FC_PEAK_BF16_LOADED] = work_bf16_loaded};
    double flop = 0.0;
    if (!work[kind]) return flop;
#pragma omp parallel num_threads(dev->threads) reduction(+ : flop)
    flop += work[kind](dev);
    return flop;
}

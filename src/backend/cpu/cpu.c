/* The CPU backend's device and its table. */
#include "backend/cpu/cpu.h"

#include <stdio.h>
#include <string.h>
#include "backend/cpu/dev.h"
#include "backend/host.h"
#include "base/mem.h"

static void choose_kernels(fc_dev *dev)
{
    dev->kernels = &fc_kernels_generic;
#if defined(__x86_64__)
    if (dev->isa >= FC_ISA_AVX512BF16)
        dev->kernels = &fc_kernels_avx512bf16;
    else if (dev->isa >= FC_ISA_AVX512)
        dev->kernels = &fc_kernels_avx512;
    else if (dev->isa >= FC_ISA_AVX2)
        dev->kernels = &fc_kernels_avx2;
    if (dev->isa >= FC_ISA_AMX) dev->bf16 = fc_products_amx();
    if (dev->isa >= FC_ISA_AVX512BF16 && !dev->bf16) dev->bf16 = &fc_products_avx512bf16;
#endif
}

static fc_status choose_isa(const char *cap, fc_isa *out, fc_err *err)
{
    *out = fc_isa_detect();
    if (!cap) return FC_OK;
    fc_isa most;
    if (!fc_isa_parse(cap, &most))
        return fc_fail(err, FC_ARG,
                       "unknown instruction set \"%s\": use scalar, avx2, avx512, avx512bf16 or amx", cap);
    if (most < *out) *out = most;
    return FC_OK;
}

static void cpu_close(fc_dev *dev)
{
    if (!dev) return;
    fc_prims_close(dev->prims);
    for (int i = 0; i < FC_SCRATCH_COUNT; i++) fc_free(dev->scratch[i].p);
    fc_free(dev->spare.p);
    fc_free(dev);
}

static fc_status cpu_open(const fc_backend_opts *opts, fc_dev **out, fc_err *err)
{
    *out = NULL;
    fc_isa isa;
    fc_status status = choose_isa(opts ? opts->isa : NULL, &isa, err);
    if (status != FC_OK) return status;
    fc_dev *dev = fc_calloc(1, sizeof *dev);
    if (!dev) return fc_fail(err, FC_NOMEM, "out of memory");
    dev->threads = fc_host_threads(opts ? opts->threads : 0);
    dev->isa = isa;
    dev->products = opts ? opts->products : FC_PRODUCT_AUTO;
    choose_kernels(dev);
    status = fc_prims_open(&dev->prims, dev->threads, isa, err);
    if (status != FC_OK)
        cpu_close(dev);
    else
        *out = dev;
    return status;
}

static void cpu_info(const fc_dev *dev, fc_backend_info *out)
{
    memset(out, 0, sizeof *out);
    fc_cpu_brand(out->machine, sizeof out->machine);
    fc_prims_describe(out->library, sizeof out->library);
    (void)snprintf(out->isa, sizeof out->isa, "%s", fc_isa_name(dev->isa));
    (void)snprintf(out->name, sizeof out->name, "cpu");
    (void)snprintf(out->description, sizeof out->description, "%s, %d thread%s, %s, %s", out->machine,
                   dev->threads, dev->threads == 1 ? "" : "s", fc_isa_title(dev->isa), out->library);
    out->threads = dev->threads;
    out->dtypes = FC_DTYPE_BIT(FC_F32) | FC_DTYPE_BIT(FC_BF16);
    out->stats = FC_F64;
    out->best = out->best_wide = dev->isa >= FC_ISA_AVX512BF16 ? FC_BF16 : FC_F32;
}

const fc_backend fc_backend_cpu = {
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .info = cpu_info,
    .memory = fc_host_memory,
    .why = fc_host_why,
    .watch = fc_host_watch,
    .mem_alloc = fc_host_mem_alloc,
    .mem_free = fc_host_mem_free,
    .upload = fc_host_copy_in,
    .download = fc_host_copy_in,
    .wait = fc_host_wait,
    .pack_linear = fc_cpu_pack_linear,
    .pack_conv = fc_cpu_pack_conv,
    .pack_vector = fc_cpu_pack_vector,
    .packed_bytes = fc_cpu_packed_bytes,
    .packed_free = fc_cpu_packed_free,
    .packed_kind = fc_cpu_packed_kind,
    .peak_work = fc_cpu_peak_work,
    .linear = fc_cpu_linear,
    .conv2d = fc_cpu_conv2d,
    .group_norm = fc_cpu_group_norm,
    .group_stats = fc_cpu_group_stats,
    .layer_norm = fc_cpu_layer_norm,
    .attention = fc_cpu_attention,
    .geglu = fc_cpu_geglu,
    .unary = fc_cpu_unary,
    .axpby = fc_cpu_axpby,
    .copy = fc_cpu_copy,
};

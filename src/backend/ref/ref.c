/* The reference backend's device and its table. */
#include "backend/ref/ref.h"

#include <stdio.h>
#include <string.h>
#include "backend/host.h"
#include "base/mem.h"

static fc_status ref_open(const fc_backend_opts *opts, fc_dev **out, fc_err *err)
{
    *out = NULL;
    fc_dev *dev = fc_calloc(1, sizeof *dev);
    if (!dev) return fc_fail(err, FC_NOMEM, "out of memory");
    dev->threads = fc_host_threads(opts ? opts->threads : 0);
    *out = dev;
    return FC_OK;
}

static void ref_close(fc_dev *dev)
{
    fc_free(dev);
}

static void ref_info(const fc_dev *dev, fc_backend_info *out)
{
    memset(out, 0, sizeof *out);
    (void)snprintf(out->name, sizeof out->name, "ref");
    (void)snprintf(out->description, sizeof out->description, "reference in plain C, %d threads",
                   dev->threads);
    out->threads = dev->threads;
    out->dtypes = FC_DTYPE_BIT(FC_F32) | FC_DTYPE_BIT(FC_BF16) | FC_DTYPE_BIT(FC_F16);
    out->stats = FC_F64;
    out->best = out->best_wide = FC_F32;
}

const fc_backend fc_backend_ref = {
    .name = "ref",
    .open = ref_open,
    .close = ref_close,
    .info = ref_info,
    .memory = fc_host_memory,
    .why = fc_host_why,
    .watch = fc_host_watch,
    .mem_alloc = fc_host_mem_alloc,
    .mem_free = fc_host_mem_free,
    .upload = fc_host_copy_in,
    .download = fc_host_copy_in,
    .wait = fc_host_wait,
    .pack_linear = fc_ref_pack_linear,
    .pack_conv = fc_ref_pack_conv,
    .pack_vector = fc_ref_pack_vector,
    .packed_bytes = fc_ref_packed_bytes,
    .packed_free = fc_ref_packed_free,
    .linear = fc_ref_linear,
    .conv2d = fc_ref_conv2d,
    .group_norm = fc_ref_group_norm,
    .group_stats = fc_ref_group_stats,
    .layer_norm = fc_ref_layer_norm,
    .attention = fc_ref_attention,
    .geglu = fc_ref_geglu,
    .unary = fc_ref_unary,
    .axpby = fc_ref_axpby,
    .copy = fc_ref_copy,
};

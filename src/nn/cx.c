/* Execution context: see cx.h. */
#include "nn/cx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "nn/oplog.h"

enum { ALIGNMENT = 64 };
#define LEAST_BLOCK ((size_t)16 << 20)

void fc_cx_init(fc_cx *cx, const fc_cx_opts *opts)
{
    fc_backend_info info;
    *cx = (fc_cx){.backend = opts->backend, .dev = opts->dev, .packs = opts->packs, .act = opts->act};
    cx->backend->info(cx->dev, &info);
    cx->dtypes = info.dtypes | FC_DTYPE_BIT(info.stats);
    cx->stats = info.stats;
}

void fc_cx_fini(fc_cx *cx)
{
    if (cx->backend) fc_cx_release(cx);
}

fc_status fc_cx_init_dry(fc_cx *dry, fc_dtype act, fc_err *err)
{
    fc_dev *dev;
    fc_status status = fc_oplog_backend.open(NULL, &dev, err);
    if (status) return status;
    fc_cx_init(dry, &(fc_cx_opts){.backend = &fc_oplog_backend, .dev = dev, .act = act});
    dry->dry = true;
    return fc_cx_reserve(dry, SIZE_MAX / 4, err);
}

void fc_cx_fini_dry(fc_cx *dry)
{
    fc_cx_fini(dry);
    dry->backend->close(dry->dev);
}

/* ---- the stack's memory ---- */

void fc_cx_release(fc_cx *cx)
{
    for (int i = 0; i < cx->blocks; i++) cx->backend->mem_free(cx->dev, cx->block[i].data, cx->block[i].size);
    cx->blocks = 0;
}

static fc_status add_block(fc_cx *cx, size_t size)
{
    void *data;
    if (cx->blocks == FC_CX_BLOCKS) return FC_NOMEM;
    fc_status status = cx->backend->mem_alloc(cx->dev, size, &data);
    if (!status) cx->block[cx->blocks++] = (fc_cx_block){data, size};
    return status;
}

fc_status fc_cx_reserve(fc_cx *cx, size_t bytes, fc_err *err)
{
    if (cx->top > 0 || (cx->blocks == 1 && cx->block[0].size >= bytes)) return FC_OK;
    fc_cx_release(cx);
    fc_status status = bytes > 0 ? add_block(cx, bytes) : FC_OK;
    if (!status) return FC_OK;
    fc_cx failed = {.backend = cx->backend, .dev = cx->dev}; /* for the words alone */
    char what[64];
    snprintf(what, sizeof what, "reserving %zu MiB for the picture's data", bytes >> 20);
    fc_cx_fail_device(&failed, status, what);
    return fc_cx_status(&failed, err);
}

/* Memory for `bytes` at the top of the stack, in the block where the top is or in a later one. */
static fc_status push(fc_cx *cx, size_t bytes, char **out)
{
    size_t first = 0; /* of the block */
    for (int i = 0;; i++) {
        size_t grown = bytes > first ? bytes : first; /* doubles */
        int had = cx->blocks;
        fc_status status = i == had ? add_block(cx, grown > LEAST_BLOCK ? grown : LEAST_BLOCK) : FC_OK;
        if (status) return status;
        if (i == had) cx->grown++;
        size_t size = cx->block[i].size, top = cx->top > first ? cx->top - first : 0;
        size_t start = (top + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
        if (start <= size && bytes <= size - start) {
            cx->top = first + start + bytes;
            if (cx->top > cx->peak) cx->peak = cx->top;
            *out = cx->block[i].data + start;
            return FC_OK;
        }
        first += size;
    }
}

void fc_cx_watch(fc_cx *cx, const int *cancel)
{
    cx->cancel = cancel;
    cx->backend->watch(cx->dev, cancel);
}

/* ---- status, path ---- */

fc_status fc_cx_status(const fc_cx *cx, fc_err *err)
{
    if (cx->status && err) *err = cx->err;
    return cx->status;
}

void fc_cx_reset(fc_cx *cx)
{
    cx->status = FC_OK;
    cx->err = (fc_err){0};
    cx->top = 0;
    cx->depth = 0;
    if (cx->blocks > 1) fc_cx_release(cx);
}

void fc_cx_path(const fc_cx *cx, const char *name, char out[FC_CX_PATH])
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i <= cx->depth; i++) {
        const char *part = i < cx->depth ? cx->path[i] : name;
        if (!part || at >= FC_CX_PATH) continue;
        int n = snprintf(out + at, FC_CX_PATH - at, "%s%s", at ? "/" : "", part);
        if (n > 0) at += (size_t)n;
    }
}

void fc_cx_fail(fc_cx *cx, fc_status code, const char *format, ...)
{
    if (cx->status) return;
    char path[FC_CX_PATH], message[300];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fc_cx_path(cx, NULL, path);
    cx->status = code;
    fc_fail(&cx->err, code, "%s%s%s", path, path[0] ? ": " : "", message);
}

void fc_cx_fail_device(fc_cx *cx, fc_status code, const char *what)
{
    const char *why = cx->backend->why(cx->dev);
    const char *open = why[0] ? " (" : "", *close = why[0] ? ")" : "";
    switch (code) {
    case FC_NOMEM:
        fc_cx_fail(
            cx, code,
            "out of memory in %s%s%s%s: close other programs, or use a smaller picture or --memory low", what,
            open, why, close);
        return;
    case FC_CANCELLED:
        fc_cx_fail(cx, code, "stopped");
        return;
    case FC_DEVICE:
        fc_cx_fail(
            cx, code,
            "the device was lost in %s%s%s%s: try again; if it happens again, use a smaller picture or "
            "--backend cpu",
            what, open, why, close);
        return;
    default:
        fc_cx_fail(cx, code, "%s failed%s%s%s", what, open, why, close);
    }
}

fc_mark fc_enter(fc_cx *cx, const char *name)
{
    fc_mark m = {cx->top, cx->depth};
    if (name) {
        if (cx->depth < FC_CX_DEPTH)
            cx->path[cx->depth++] = name;
        else
            fc_cx_fail(cx, FC_INTERNAL, "names are nested too deeply");
    }
    return m;
}

void fc_leave(fc_cx *cx, fc_mark m)
{
    cx->top = m.top;
    cx->depth = m.depth;
}

fc_tensor fc_new(fc_cx *cx, fc_dtype dtype, int32_t n, int32_t h, int32_t w, int32_t c)
{
    fc_tensor none = {0};
    if (cx->status) return none;
    if (n <= 0 || h <= 0 || w <= 0 || c <= 0) {
        fc_cx_fail(cx, FC_INTERNAL, "a tensor of %d x %d x %d x %d", n, h, w, c);
        return none;
    }
    size_t bytes = 0, rows = 0;
    bool ok = fc_size_mul((size_t)n * (size_t)h, (size_t)w, &rows) && fc_size_mul(rows, (size_t)c, &bytes) &&
              fc_size_mul(bytes, fc_dtype_size(dtype), &bytes);
    if (!(cx->dtypes & FC_DTYPE_BIT(dtype))) {
        fc_cx_fail(cx, FC_UNSUPPORTED, "this device does not compute in %s", fc_dtype_name(dtype));
        return none;
    }
    char *data = NULL;
    fc_status status = ok ? push(cx, bytes, &data) : FC_NOMEM;
    if (status) {
        fc_cx_fail_device(cx, status, "making room for the picture's data");
        return none;
    }
    return (fc_tensor){.data = data, .dtype = dtype, .n = n, .h = h, .w = w, .c = c, .ld = c};
}

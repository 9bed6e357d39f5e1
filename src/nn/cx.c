/* Execution context: see cx.h. */
#include "nn/cx.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define DEFAULT_STACK ((size_t)64 << 30)
enum { ALIGNMENT = 64 };

fc_status fc_cx_init(fc_cx *cx, const fc_cx_opts *opts, fc_err *err)
{
    *cx = (fc_cx){.backend = opts->backend, .dev = opts->dev, .packs = opts->packs, .act = opts->act};
    cx->stack_size = opts->stack_size ? opts->stack_size : DEFAULT_STACK;
    cx->stack = cx->backend->mem_alloc(cx->dev, cx->stack_size, true);
    if (!cx->stack) {
        return fc_fail(err, FC_NOMEM, "cannot reserve %zu MiB of address space for the picture's data",
                       cx->stack_size >> 20);
    }
    return FC_OK;
}

void fc_cx_fini(fc_cx *cx)
{
    if (cx->stack) cx->backend->mem_free(cx->dev, cx->stack, cx->stack_size, true);
    cx->stack = NULL;
}

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
    size_t start = (cx->top + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!ok || start > cx->stack_size || bytes > cx->stack_size - start) {
        fc_cx_fail(cx, FC_LIMIT, "the picture is too large: its data need more than %zu MiB",
                   cx->stack_size >> 20);
        return none;
    }
    cx->top = start + bytes;
    if (cx->top > cx->peak) cx->peak = cx->top;
    return (fc_tensor){.data = cx->stack + start, .dtype = dtype, .n = n, .h = h, .w = w, .c = c, .ld = c};
}

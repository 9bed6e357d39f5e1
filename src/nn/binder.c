/* Binder: see binder.h. Every tensor is looked up by name, checked for dtype and shape, and marked as used.
 */
#include "nn/binder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nn/packcache.h"

enum { MAX_NAME = 256, MAX_PROBLEMS = 20 };

void fc_binder_init(fc_binder *b, fc_weights *weights, fc_arena *arena)
{
    *b = (fc_binder){.weights = weights, .arena = arena};
    fc_buf_init(&b->problems, 64 * 1024);
}

static void problem(fc_binder *b, const char *format, ...) FC_PRINTF(2, 3);
static void problem(fc_binder *b, const char *format, ...)
{
    char line[2 * MAX_NAME];
    if (b->problem_count++ >= MAX_PROBLEMS) return;
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fc_buf_printf(&b->problems, "%s%s", b->problems.len ? "; " : "", line);
}

fc_status fc_binder_finish(fc_binder *b, fc_err *err)
{
    fc_status status = b->status ? b->status : b->arena->status;
    if (status) {
        fc_fail(err, status, "out of memory while binding the model");
    } else if (b->problem_count) {
        int more = b->problem_count - MAX_PROBLEMS;
        char tail[48] = "";
        if (more > 0) snprintf(tail, sizeof tail, "; and %d more", more);
        status = fc_fail(err, FC_FORMAT, "%d %s missing or %s another shape: %.300s%s", b->problem_count,
                         b->problem_count == 1 ? "tensor of the model is" : "tensors of the model are",
                         b->problem_count == 1 ? "has" : "have", fc_buf_cstr(&b->problems), tail);
    }
    fc_buf_fini(&b->problems);
    return status;
}

static bool shape_is(const fc_weight *w, const int64_t *want, int32_t ndim)
{
    if (w->ndim < ndim) return false;
    for (int32_t d = 0; d < w->ndim; d++)
        if (w->shape[d] != (d < ndim ? want[d] : 1)) return false;
    return true;
}

static void shape_text(char *out, size_t size, const int64_t *shape, int32_t ndim)
{
    size_t at = 0;
    out[0] = 0;
    for (int32_t d = 0; d < ndim && at < size; d++) {
        int n = snprintf(out + at, size - at, "%s%lld", d ? " x " : "", (long long)shape[d]);
        if (n < 0) return;
        at += (size_t)n;
    }
}

/* The tensor of this name if its shape is `want`, trailing dimensions of 1 allowed; else NULL and a problem.
 */
static const fc_weight *find(fc_binder *b, const char *name, const int64_t *want, int32_t ndim)
{
    fc_weight *w = fc_weights_find(b->weights, name);
    if (!w) {
        problem(b, "%s: missing", name);
        return NULL;
    }
    w->used = true;
    if (!fc_dtype_is_float(w->dtype)) {
        problem(b, "%s: want a floating-point tensor, the file has %s", name, fc_dtype_name(w->dtype));
        return NULL;
    }
    if (!shape_is(w, want, ndim)) {
        char wanted[80], found[80];
        shape_text(wanted, sizeof wanted, want, ndim);
        shape_text(found, sizeof found, w->shape, w->ndim);
        problem(b, "%s: want %s, the file has %s", name, wanted, found);
        return NULL;
    }
    return w;
}

static fc_slot *new_slot(fc_binder *b, const fc_kernel *k)
{
    fc_slot *s = fc_arena_alloc(b->arena, sizeof *s);
    if (!s) return NULL; /* the arena remembers */
    s->kernel = k;
    s->sibling = b->slots;
    b->slots = s;
    return s;
}

/* A kernel that the fallback has too, weight by weight, is packed once for both. */
static void share(fc_binder *b, fc_kernel *k)
{
    for (fc_slot *s = b->lenders; s && k->parts; s = s->sibling) {
        const fc_kernel *other = s->kernel;
        bool same = other->parts == k->parts && other->int8_fits == k->int8_fits;
        for (int32_t p = 0; p < k->parts && same; p++) same = k->part[p] && k->part[p] == other->part[p];
        if (!same) continue;
        k->slot = s;
        return;
    }
}

static bool make_name(fc_binder *b, char out[MAX_NAME], const char *base, const char *suffix)
{
    int n = snprintf(out, MAX_NAME, "%s%s", base, suffix);
    if (n >= 0 && n < MAX_NAME) return true;
    problem(b, "%.80s...: the name is too long", base);
    return false;
}

/* Adds one tensor of shape want[0..ndim) to a kernel: its rows go below those already there. */
static void add_part(fc_binder *b, fc_kernel *k, const char *name, const int64_t *want, int32_t ndim)
{
    const fc_weight *w = find(b, name, want, ndim);
    if (!k->slot) k->slot = new_slot(b, k);
    k->int8_fits = b->int8_fits;
    k->part[k->parts++] = w;
    k->rows += (int32_t)want[0];
}

static void bind_vector(fc_binder *b, fc_kernel *k, int32_t n, const char *name)
{
    k->cin = k->kh = k->kw = 1;
    add_part(b, k, name, (int64_t[]){n}, 1);
    share(b, k);
}

void fc_bind_linear_named(fc_binder *b, fc_linear_w *w, int32_t cin, int32_t cout, const char *weight_name,
                          const char *bias_name)
{
    *w = (fc_linear_w){.cin = cin, .cout = cout};
    w->weight.cin = cin;
    w->weight.kh = w->weight.kw = 1;
    add_part(b, &w->weight, weight_name, (int64_t[]){cout, cin}, 2);
    share(b, &w->weight);
    if (bias_name) bind_vector(b, &w->bias, cout, bias_name);
}

static bool format_name(fc_binder *b, char out[MAX_NAME], const char *format, va_list args)
{
    int n = vsnprintf(out, MAX_NAME, format, args);
    if (n >= 0 && n < MAX_NAME) return true;
    problem(b, "%.80s...: the name is too long", out);
    return false;
}

void fc_bind_linear(fc_binder *b, fc_linear_w *w, int32_t cin, int32_t cout, int bias, const char *format,
                    ...)
{
    char base[MAX_NAME], weight_name[MAX_NAME], bias_name[MAX_NAME];
    va_list args;
    va_start(args, format);
    bool ok = format_name(b, base, format, args);
    va_end(args);
    if (!ok || !make_name(b, weight_name, base, ".weight") || !make_name(b, bias_name, base, ".bias")) return;
    fc_bind_linear_named(b, w, cin, cout, weight_name, bias ? bias_name : NULL);
}

void fc_bind_linear_stack(fc_binder *b, fc_linear_w *w, int32_t cin, int32_t cout_each, int bias,
                          const char *prefix, const char *const *suffixes)
{
    *w = (fc_linear_w){.cin = cin};
    w->weight.cin = cin;
    w->weight.kh = w->weight.kw = 1;
    w->bias.cin = w->bias.kh = w->bias.kw = 1;
    for (int i = 0; suffixes[i] && i < FC_MAX_PARTS; i++) {
        char name[MAX_NAME], tail[MAX_NAME];
        if (!make_name(b, tail, suffixes[i], ".weight")) return;
        int n = snprintf(name, sizeof name, "%s.%s", prefix, tail);
        if (n < 0 || n >= MAX_NAME) {
            problem(b, "%.80s...: the name is too long", prefix);
            return;
        }
        add_part(b, &w->weight, name, (int64_t[]){cout_each, cin}, 2);
        if (bias) {
            snprintf(name, sizeof name, "%s.%.120s.bias", prefix, suffixes[i]);
            add_part(b, &w->bias, name, (int64_t[]){cout_each}, 1);
        }
        w->cout += cout_each;
    }
    share(b, &w->weight);
    share(b, &w->bias);
}

void fc_bind_conv_named(fc_binder *b, fc_conv_w *w, int32_t cin, int32_t cout, int32_t k,
                        const char *weight_name, const char *bias_name)
{
    int32_t pad = k / 2;
    *w = (fc_conv_w){.cin = cin, .cout = cout};
    w->geom = (fc_conv_geom){k, k, 1, pad, pad, pad, pad, 0};
    w->weight.cin = cin;
    w->weight.kh = w->weight.kw = k;
    add_part(b, &w->weight, weight_name, (int64_t[]){cout, cin, k, k}, 4);
    share(b, &w->weight);
    if (bias_name) bind_vector(b, &w->bias, cout, bias_name);
}

void fc_bind_conv(fc_binder *b, fc_conv_w *w, int32_t cin, int32_t cout, int32_t k, int32_t stride, int bias,
                  const char *format, ...)
{
    char base[MAX_NAME], weight_name[MAX_NAME], bias_name[MAX_NAME];
    va_list args;
    va_start(args, format);
    bool ok = format_name(b, base, format, args);
    va_end(args);
    if (!ok || !make_name(b, weight_name, base, ".weight") || !make_name(b, bias_name, base, ".bias")) return;
    fc_bind_conv_named(b, w, cin, cout, k, weight_name, bias ? bias_name : NULL);
    w->geom.stride = stride;
}

void fc_bind_norm(fc_binder *b, fc_norm_w *w, int32_t c, int32_t groups, float eps, const char *format, ...)
{
    char base[MAX_NAME], name[MAX_NAME];
    *w = (fc_norm_w){.c = c, .groups = groups, .eps = eps};
    va_list args;
    va_start(args, format);
    bool ok = format_name(b, base, format, args);
    va_end(args);
    if (ok && make_name(b, name, base, ".weight")) bind_vector(b, &w->gamma, c, name);
    if (ok && make_name(b, name, base, ".bias")) bind_vector(b, &w->beta, c, name);
}

void fc_bind_table(fc_binder *b, fc_table_w *w, int32_t rows, int32_t c, const char *format, ...)
{
    char name[MAX_NAME];
    *w = (fc_table_w){.c = c};
    va_list args;
    va_start(args, format);
    bool ok = format_name(b, name, format, args);
    va_end(args);
    if (!ok) return;
    int64_t in_file = fc_weights_dim(b->weights, name, 0);
    if (rows < 0) rows = in_file > 0 && in_file < INT32_MAX ? (int32_t)in_file : 1;
    w->rows = rows;
    w->weight = find(b, name, (int64_t[]){rows, c}, 2);
}

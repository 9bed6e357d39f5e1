/* Weights: see weights.h. The entries mirror the file's tensor list; data stay in the mapping. */
#include "nn/weights.h"

#include <string.h>

#include "base/mem.h"
#include "format/safetensors.h"

struct fc_weights {
    fc_safetensors file;
    fc_weight *entries;
    fc_strmap index;
    char *path;
    size_t count;
};

static fc_status fill_entries(fc_weights *w, fc_err *err)
{
    w->count = w->file.count;
    w->entries = fc_calloc(w->count ? w->count : 1, sizeof *w->entries);
    if (!w->entries) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", w->path);
    for (size_t i = 0; i < w->count; i++) {
        const fc_st_tensor *t = &w->file.tensors[i];
        fc_weight *e = &w->entries[i];
        if (t->ndim > FC_MAX_DIMS) {
            return fc_fail(err, FC_UNSUPPORTED,
                           "%s: the tensor %.100s has %d dimensions, at most %d are supported", w->path,
                           t->name, t->ndim, FC_MAX_DIMS);
        }
        *e = (fc_weight){.name = t->name, .dtype = t->dtype, .ndim = t->ndim, .data = t->data};
        memcpy(e->shape, t->shape, (size_t)t->ndim * sizeof *e->shape);
        if (fc_strmap_put(&w->index, e->name, strlen(e->name), (uint32_t)i, NULL))
            return fc_fail(err, FC_NOMEM, "out of memory while opening %s", w->path);
    }
    return FC_OK;
}

fc_status fc_weights_open(fc_weights **out, const char *path, fc_err *err)
{
    *out = NULL;
    fc_weights *w = fc_calloc(1, sizeof *w);
    if (!w) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", path);
    fc_strmap_init(&w->index);
    w->path = fc_strdup(path);
    fc_status s = w->path ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while opening %s", path);
    if (!s) s = fc_safetensors_open(&w->file, path, err);
    if (!s) s = fill_entries(w, err);
    if (s) {
        fc_weights_close(w);
        return s;
    }
    *out = w;
    return FC_OK;
}

void fc_weights_close(fc_weights *w)
{
    if (!w) return;
    fc_strmap_fini(&w->index);
    fc_safetensors_close(&w->file);
    fc_free(w->entries);
    fc_free(w->path);
    fc_free(w);
}

const char *fc_weights_path(const fc_weights *w)
{
    return w->path;
}

size_t fc_weights_count(const fc_weights *w)
{
    return w->count;
}

fc_weight *fc_weights_at(fc_weights *w, size_t i)
{
    return &w->entries[i];
}

fc_weight *fc_weights_find(fc_weights *w, const char *name)
{
    uint32_t i;
    return fc_strmap_get(&w->index, name, strlen(name), &i) ? &w->entries[i] : NULL;
}

int64_t fc_weights_dim(fc_weights *w, const char *name, int32_t d)
{
    const fc_weight *e = fc_weights_find(w, name);
    return e && d >= 0 && d < e->ndim ? e->shape[d] : -1;
}

bool fc_weights_has_prefix(fc_weights *w, const char *prefix)
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < w->count; i++)
        if (strncmp(w->entries[i].name, prefix, n) == 0) return true;
    return false;
}

int64_t fc_weight_rows(const fc_weight *w)
{
    return w->ndim > 0 ? w->shape[0] : 1;
}

int64_t fc_weight_cols(const fc_weight *w)
{
    int64_t cols = 1;
    for (int32_t d = 1; d < w->ndim; d++) cols *= w->shape[d];
    return cols;
}

fc_status fc_weight_read(const fc_weight *w, int32_t first, int32_t count, float *dst)
{
    int64_t cols = fc_weight_cols(w);
    if (first < 0 || count < 0 || (int64_t)first + count > fc_weight_rows(w)) return FC_INTERNAL;
    size_t row_bytes = (size_t)cols * fc_dtype_size(w->dtype);
    fc_to_f32(dst, (const char *)w->data + (size_t)first * row_bytes, w->dtype, (size_t)count * (size_t)cols);
    for (const fc_weight_patch *p = w->patches; p; p = p->next) {
        fc_status s = p->apply(p->user, w, first, count, dst);
        if (s) return s;
    }
    return FC_OK;
}

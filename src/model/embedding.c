/* See embedding.h. */
#include "model/embedding.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "nn/lora.h"
#include "nn/weights.h"

/* [rows][width], or one vector [width] */
static bool has_vectors(const fc_weight *w)
{
    return fc_dtype_is_float(w->dtype) && (w->ndim == 1 || w->ndim == 2) && w->shape[0] > 0 &&
           w->shape[w->ndim - 1] > 0;
}

/* The tensor of a key, else that of the older layouts, else the first one, among those that begin with
 * prefix. */
static const fc_weight *choose(fc_weights *file, const char *prefix, const char *key)
{
    const fc_weight *older = NULL, *first = NULL;
    size_t n = strlen(prefix);
    for (size_t i = 0; i < fc_weights_count(file); i++) {
        const fc_weight *w = fc_weights_at(file, i);
        if (!fc_str_starts(w->name, prefix)) continue;
        if (strcmp(w->name + n, key) == 0) return w;
        if (!older && fc_str_starts(w->name + n, "string_to_param.")) older = w;
        if (!first) first = w;
    }
    return older ? older : first;
}

static fc_status check_values(const float *values, size_t count, const fc_weight *w, fc_err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return fc_fail(err, FC_FORMAT, "its tensor %.100s holds values that are not numbers", w->name);
    return FC_OK;
}

static fc_status read(fc_embedding *e, int encoder, const fc_weight *w, fc_err *err)
{
    if (!w || !has_vectors(w))
        return fc_fail(err, FC_UNSUPPORTED, "it holds no vectors: it is no textual inversion");
    int64_t rows = w->ndim == 1 ? 1 : w->shape[0], width = w->shape[w->ndim - 1];
    if (rows > FC_EMBEDDING_MAX_ROWS || width > FC_EMBEDDING_MAX_WIDTH)
        return fc_fail(err, FC_UNSUPPORTED,
                       "its tensor %.100s is too large for a textual inversion: at most %d vectors of %d "
                       "values",
                       w->name, FC_EMBEDDING_MAX_ROWS, FC_EMBEDDING_MAX_WIDTH);
    if (encoder == 1 && rows != e->count)
        return fc_fail(err, FC_FORMAT, "it has %d vectors for CLIP L and %d for CLIP G", e->count, (int)rows);
    size_t count = (size_t)rows * (size_t)width;
    e->rows[encoder] = fc_alloc(count * sizeof(float));
    if (!e->rows[encoder]) return fc_fail(err, FC_NOMEM, "out of memory");
    e->width[encoder] = (int32_t)width;
    e->count = (int32_t)rows;
    fc_status status = fc_weight_read(w, 0, (int32_t)w->shape[0], e->rows[encoder]);
    return status ? fc_fail(err, status, "its tensor %.100s cannot be read", w->name)
                  : check_values(e->rows[encoder], count, w, err);
}

static fc_status open_below(fc_embedding *e, const char *path, const char *prefix, fc_err *err)
{
    static const char *const keys[2] = {"clip_l", "clip_g"};
    fc_weights *file = NULL;
    *e = (fc_embedding){0};
    fc_status status = fc_weights_open(&file, path, err);
    if (status) return status;
    for (int i = 0; i < 2 && !status; i++) status = read(e, i, choose(file, prefix, keys[i]), err);
    fc_weights_close(file);
    if (status) {
        fc_fail_prefix(err, "%s", path);
        fc_embedding_fini(e);
    }
    return status;
}

fc_status fc_embedding_open(fc_embedding *e, const char *path, fc_err *err)
{
    return open_below(e, path, "", err);
}

enum { PREFIX_SIZE = 300 };

static void bundle_prefix(const char *name, char prefix[PREFIX_SIZE])
{
    snprintf(prefix, PREFIX_SIZE, FC_LORA_BUNDLE "%.200s.", name);
}

fc_status fc_embedding_open_bundled(fc_embedding *e, const char *path, const char *name, fc_err *err)
{
    char prefix[PREFIX_SIZE];
    bundle_prefix(name, prefix);
    return open_below(e, path, prefix, err);
}

bool fc_embedding_is_bundled(const char *path, const char *name)
{
    char prefix[PREFIX_SIZE];
    fc_weights *file;
    if (fc_weights_open(&file, path, NULL) != FC_OK) return false;
    bundle_prefix(name, prefix);
    bool bundled = fc_weights_has_prefix(file, prefix);
    fc_weights_close(file);
    return bundled;
}

void fc_embedding_fini(fc_embedding *e)
{
    fc_free(e->rows[0]);
    fc_free(e->rows[1]);
    *e = (fc_embedding){0};
}

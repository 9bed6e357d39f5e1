/* See embedding.h. */
#include "model/embedding.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "nn/weights.h"

/* [rows][width], or one vector [width] */
static bool has_vectors(const fc_weight *w)
{
    return fc_dtype_is_float(w->dtype) && (w->ndim == 1 || w->ndim == 2) && w->shape[0] > 0 &&
           w->shape[w->ndim - 1] > 0;
}

/* The tensor of a key, else that of the older layouts, else the first one. */
static const fc_weight *choose(fc_weights *file, const char *key)
{
    const fc_weight *w = fc_weights_find(file, key);
    if (w) return w;
    for (size_t i = 0; i < fc_weights_count(file); i++) {
        w = fc_weights_at(file, i);
        if (fc_str_starts(w->name, "string_to_param.")) return w;
    }
    return fc_weights_count(file) ? fc_weights_at(file, 0) : NULL;
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
    fc_status s = fc_weight_read(w, 0, (int32_t)w->shape[0], e->rows[encoder]);
    return s ? fc_fail(err, s, "its tensor %.100s cannot be read", w->name)
             : check_values(e->rows[encoder], count, w, err);
}

fc_status fc_embedding_open(fc_embedding *e, const char *path, fc_err *err)
{
    static const char *const keys[2] = {"clip_l", "clip_g"};
    fc_weights *file = NULL;
    *e = (fc_embedding){0};
    fc_status s = fc_weights_open(&file, path, err);
    if (s) return s;
    for (int i = 0; i < 2 && !s; i++) s = read(e, i, choose(file, keys[i]), err);
    fc_weights_close(file);
    if (s) {
        fc_fail_prefix(err, "%s", path);
        fc_embedding_fini(e);
    }
    return s;
}

void fc_embedding_fini(fc_embedding *e)
{
    fc_free(e->rows[0]);
    fc_free(e->rows[1]);
    *e = (fc_embedding){0};
}

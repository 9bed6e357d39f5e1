/* See difference.h. */
#include "nn/difference.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

enum { NAME_SIZE = 256 };
#define ARENA_CAP ((size_t)64 << 20)

/* One weight's difference. */
struct entry {
    fc_weight_patch patch;
    char *key;
    const fc_weight *values;
    float *least, *span; /* [limits]: span = greatest - least */
    size_t limits;       /* 1, or the number of rows */
};

struct fc_difference {
    fc_weights *file;
    fc_arena arena;
    struct entry *entries;
    size_t count;
};

static fc_status apply(void *user, const fc_weight *w, int32_t first, int32_t count, float *rows)
{
    const struct entry *e = user;
    size_t cols = (size_t)fc_weight_cols(w);
    const uint8_t *from = (const uint8_t *)e->values->data + (size_t)first * cols;
    for (size_t r = 0; r < (size_t)count; r++) {
        size_t limit = e->limits > 1 ? (size_t)first + r : 0;
        const float least = e->least[limit], span = e->span[limit];
        for (size_t i = 0; i < cols; i++, from++, rows++) *rows += (float)*from / 255.0f * span + least;
    }
    return FC_OK;
}

/* ---- the file ---- */

static size_t elements(const fc_weight *w)
{
    return (size_t)(fc_weight_rows(w) * fc_weight_cols(w));
}

/* One value for all, or one for each row. */
static bool limits_fit(const fc_weight *limit, const fc_weight *values)
{
    bool per_row = fc_weight_rows(limit) == fc_weight_rows(values) && fc_weight_cols(limit) == 1;
    return fc_dtype_is_float(limit->dtype) && (elements(limit) == 1 || per_row);
}

static fc_status read_limits(fc_difference *d, struct entry *e, const fc_weight *least,
                             const fc_weight *greatest)
{
    e->limits = elements(least) > elements(greatest) ? elements(least) : elements(greatest);
    e->least = fc_arena_array(&d->arena, e->limits, sizeof *e->least);
    e->span = fc_arena_array(&d->arena, e->limits, sizeof *e->span);
    if (!e->least || !e->span) return FC_NOMEM;
    fc_to_f32(e->least, least->data, least->dtype, elements(least));
    fc_to_f32(e->span, greatest->data, greatest->dtype, elements(greatest));
    for (size_t i = e->limits; i-- > 0;) {
        if (i >= elements(least)) e->least[i] = e->least[0];
        if (i >= elements(greatest)) e->span[i] = e->span[0];
    }
    for (size_t i = 0; i < e->limits; i++) e->span[i] -= e->least[i];
    return FC_OK;
}

/* values: KEY.0 */
static fc_status add_entry(fc_difference *d, const fc_weight *values, fc_err *err)
{
    struct entry *e = &d->entries[d->count];
    size_t length = strlen(values->name) - 2;
    char name[NAME_SIZE];
    const fc_weight *limit[2];
    if (length + 3 > sizeof name) return FC_OK;
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%.*s.%d", (int)length, values->name, i + 1);
        limit[i] = fc_weights_find(d->file, name);
        if (!limit[i] || !limits_fit(limit[i], values))
            return fc_fail(err, FC_FORMAT,
                           "the limits of %.120s are missing or do not fit; fetch the file again",
                           values->name);
    }
    name[length] = '\0';
    e->key = fc_arena_strdup(&d->arena, name);
    e->values = values;
    if (!e->key || read_limits(d, e, limit[0], limit[1]) != FC_OK)
        return fc_fail(err, FC_NOMEM, "out of memory while opening differences of weights");
    e->patch = (fc_weight_patch){.owner = d, .user = e, .apply = apply};
    d->count++;
    return FC_OK;
}

static fc_status read_entries(fc_difference *d, fc_err *err)
{
    size_t tensors = fc_weights_count(d->file);
    d->entries = fc_arena_array(&d->arena, tensors / 3 + 1, sizeof *d->entries);
    if (!d->entries) return fc_fail(err, FC_NOMEM, "out of memory while opening differences of weights");
    for (size_t i = 0; i < tensors; i++) {
        const fc_weight *w = fc_weights_at(d->file, i);
        if (w->dtype != FC_U8 || !fc_str_ends(w->name, ".0") || elements(w) == 0 || !w->data) continue;
        if (d->count > tensors / 3) break;
        fc_status status = add_entry(d, w, err);
        if (status) return status;
    }
    if (d->count) return FC_OK;
    return fc_fail(err, FC_UNSUPPORTED,
                   "this is no file of weight differences in 8 bits (an inpainting engine)");
}

fc_status fc_difference_open(fc_difference **out, const char *path, fc_err *err)
{
    *out = NULL;
    fc_difference *d = fc_calloc(1, sizeof *d);
    if (!d) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", path);
    fc_arena_init(&d->arena, ARENA_CAP);
    fc_status status = fc_weights_open(&d->file, path, err);
    if (!status) {
        status = read_entries(d, err);
        if (status) (void)fc_fail_prefix(err, "%s", path);
    }
    if (status) {
        fc_difference_close(d);
        return status;
    }
    *out = d;
    return FC_OK;
}

void fc_difference_close(fc_difference *d)
{
    if (!d) return;
    fc_weights_close(d->file);
    fc_arena_fini(&d->arena);
    fc_free(d);
}

/* ---- attaching ---- */

static bool same_shape(const fc_weight *a, const fc_weight *b)
{
    return a->ndim == b->ndim && memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

void fc_difference_attach(fc_difference *d, fc_weights *w, const char *prefix, fc_difference_report *report)
{
    uint64_t key = fc_weights_file_key(fc_weights_path(d->file));
    *report = (fc_difference_report){.weights = (int32_t)d->count};
    for (size_t i = 0; i < d->count; i++) {
        struct entry *e = &d->entries[i];
        char name[NAME_SIZE];
        int n = snprintf(name, sizeof name, "%s%s", prefix, e->key);
        fc_weight *target = n > 0 && n < NAME_SIZE ? fc_weights_find(w, name) : NULL;
        if (!target || !same_shape(target, e->values)) {
            if (!report->example[0]) snprintf(report->example, sizeof report->example, "%s", e->key);
            continue;
        }
        e->patch.key = fc_splitmix64(key ^ fc_fnv1a(e->key, strlen(e->key)));
        fc_weight_patch_add(target, &e->patch);
        report->matched++;
    }
}

void fc_difference_take_off(const fc_difference *d, fc_weights *w)
{
    fc_weights_take_off(w, d);
}

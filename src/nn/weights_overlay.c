/* Weights that change another network's: see fc_weights_overlay. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "nn/weights_impl.h"

enum { NAME_SIZE = 256 };
#define ARENA_CAP ((size_t)64 << 20)

/* Two matrices whose product is added to a weight. */
struct factors {
    fc_weight_patch patch;
    const fc_weight *up, *down; /* [rows][rank], [rank][cols] */
};

/* row += left [rank] times right [rank][cols]; the product is summed first, as the reference does */
static void add_row(float *row, const float *left, const float *right, size_t rank, size_t cols, float *sum)
{
    memset(sum, 0, cols * sizeof *sum);
    for (size_t k = 0; k < rank; k++)
        for (size_t i = 0; i < cols; i++) sum[i] += left[k] * right[k * cols + i];
    for (size_t i = 0; i < cols; i++) row[i] += sum[i];
}

static fc_status add_product(void *user, const fc_weight *w, int32_t first, int32_t count, float *rows)
{
    const struct factors *f = user;
    size_t cols = (size_t)fc_weight_cols(w), rank = (size_t)fc_weight_rows(f->down);
    float *left = fc_calloc((size_t)count * rank + 1, sizeof *left);
    float *right = fc_calloc(rank + 1, cols * sizeof *right); /* and a row for sums */
    fc_status status = left && right ? FC_OK : FC_NOMEM;
    if (status != FC_OK) goto out;
    status = fc_weight_read(f->up, first, count, left);
    if (status != FC_OK) goto out;
    status = fc_weight_read(f->down, 0, (int32_t)rank, right);
    for (size_t i = 0; i < (size_t)count && !status; i++)
        add_row(rows + i * cols, left + i * rank, right, rank, cols, right + rank * cols);
out:
    fc_free(left);
    fc_free(right);
    return status;
}

static bool factors_fit(const struct factors *f, const fc_weight *under)
{
    return fc_dtype_is_float(f->up->dtype) && fc_dtype_is_float(f->down->dtype) &&
           fc_weight_rows(f->up) == fc_weight_rows(under) &&
           fc_weight_cols(f->down) == fc_weight_cols(under) &&
           fc_weight_cols(f->up) == fc_weight_rows(f->down) && fc_weight_rows(f->down) > 0 &&
           fc_weight_rows(f->down) <= INT32_MAX;
}

/* up: X.up of the file; name: X in the overlay */
static fc_status add_factors(fc_weights *w, fc_weights *file, const fc_weight *up, const char *name,
                             fc_err *err)
{
    char down[NAME_SIZE];
    struct factors *f = fc_arena_alloc(&w->arena, sizeof *f);
    fc_weight e = {.name = fc_arena_printf(&w->arena, "%s.weight", name)};
    if (!f || !e.name) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", w->path);
    snprintf(down, sizeof down, "%.*s.down", (int)(strlen(up->name) - strlen(".up")), up->name);
    *f = (struct factors){.up = up, .down = fc_weights_find(file, down)};
    e.under = w->under ? fc_weights_find(w->under, e.name) : NULL;
    if (!f->down) return fc_fail(err, FC_FORMAT, "%.120s is missing; download the file again", down);
    if (!e.under || !factors_fit(f, e.under))
        return fc_fail(err, FC_UNSUPPORTED,
                       "the file changes %.120s, which the model does not have in that shape: it is made for "
                       "another kind of model",
                       e.name);
    f->patch =
        (fc_weight_patch){.owner = w, .user = f, .apply = add_product, .key = fc_weights_file_key(w->path)};
    e.dtype = e.under->dtype;
    e.ndim = e.under->ndim;
    memcpy(e.shape, e.under->shape, sizeof e.shape);
    fc_status status = fc_weights_add(w, &e, err);
    if (!status) fc_weight_patch_add(&w->entries[w->count - 1], &f->patch);
    return status;
}

static fc_status add_tensor(fc_weights *w, fc_weights *file, const fc_weight *t, const char *from,
                            const char *to, fc_err *err)
{
    char name[NAME_SIZE];
    if (!fc_str_starts(t->name, from) || fc_str_ends(t->name, ".down")) return FC_OK;
    int n = snprintf(name, sizeof name, "%s%s", to, t->name + strlen(from));
    if (n < 0 || n >= NAME_SIZE) return FC_OK; /* nobody asks for such a name */
    if (fc_str_ends(name, ".up")) {
        name[n - 3] = '\0';
        return add_factors(w, file, t, name, err);
    }
    fc_weight e = *t;
    e.patches = NULL;
    e.version = 0;
    e.name = fc_arena_strdup(&w->arena, name);
    if (!e.name) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", w->path);
    return fc_weights_add(w, &e, err);
}

fc_status fc_weights_overlay(fc_weights **out, fc_weights *base, fc_weights *file, const char *from,
                             const char *to, fc_err *err)
{
    *out = NULL;
    fc_weights *w = fc_calloc(1, sizeof *w);
    if (!w) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", file->path);
    fc_strmap_init(&w->index);
    fc_arena_init(&w->arena, ARENA_CAP);
    w->under = base;
    w->path = fc_strdup(file->path);
    fc_status status = w->path ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while opening %s", file->path);
    for (size_t i = 0; i < file->count && !status; i++)
        status = add_tensor(w, file, &file->entries[i], from, to, err);
    if (status) {
        fc_weights_close(w);
        return status;
    }
    *out = w;
    return FC_OK;
}

/* Weights: see weights.h. Looking up and reading; opening is in weights_open.c. */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "nn/weights_impl.h"

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
    if (fc_strmap_get(&w->index, name, strlen(name), &i)) return &w->entries[i];
    return w->under ? fc_weights_find(w->under, name) : NULL;
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

const char *fc_weights_metadata(const fc_weights *w, const char *key)
{
    const char *text = NULL;
    for (size_t i = 0; i < w->file_count && !text; i++) text = fc_safetensors_metadata(&w->files[i]->st, key);
    return text;
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

static void read_block(const fc_weight *w, const void *data, int64_t first, int64_t count, float *dst)
{
    size_t cols = (size_t)fc_weight_cols(w), row_bytes = cols * fc_dtype_size(w->dtype);
    fc_to_f32(dst, (const char *)data + (size_t)first * row_bytes, w->dtype, (size_t)count * cols);
}

void fc_weight_turn(fc_weight *w)
{
    if (w->turned || w->ndim != 2 || !w->data) return;
    int64_t rows = w->shape[0];
    w->shape[0] = w->shape[1];
    w->shape[1] = rows;
    w->turned = true;
}

/* The rows of a turned matrix: columns of what is stored. */
static void read_turned(const fc_weight *w, size_t first, size_t count, float *dst)
{
    enum { STRIP = 256 };
    float strip[STRIP];
    size_t rows = (size_t)fc_weight_rows(w), cols = (size_t)fc_weight_cols(w), size = fc_dtype_size(w->dtype);
    for (size_t c = 0; c < cols; c++)
        for (size_t r = 0; r < count; r += STRIP) {
            size_t n = count - r < STRIP ? count - r : STRIP;
            fc_to_f32(strip, (const char *)w->data + (c * rows + first + r) * size, w->dtype, n);
            for (size_t i = 0; i < n; i++) dst[(r + i) * cols + c] = strip[i];
        }
}

static void read_stack(const fc_weight *w, int64_t first, int64_t count, float *dst)
{
    int64_t each = fc_weight_rows(w) / FC_WEIGHT_PARTS;
    while (count > 0) {
        int64_t at = first % each, n = each - at < count ? each - at : count;
        read_block(w, w->part[first / each], at, n, dst);
        dst += n * fc_weight_cols(w);
        first += n;
        count -= n;
    }
}

fc_status fc_weight_read(const fc_weight *w, int32_t first, int32_t count, float *dst)
{
    return fc_weight_read_before(w, first, count, NULL, dst);
}

fc_status fc_weight_read_before(const fc_weight *w, int32_t first, int32_t count, const fc_weight_patch *stop,
                                float *dst)
{
    if (first < 0 || count < 0 || (int64_t)first + count > fc_weight_rows(w)) return FC_INTERNAL;
    fc_status below = w->under ? fc_weight_read(w->under, first, count, dst) : FC_OK;
    if (below) return below;
    if (w->turned)
        read_turned(w, (size_t)first, (size_t)count, dst);
    else if (w->data)
        read_block(w, w->data, first, count, dst);
    else if (!w->under)
        read_stack(w, first, count, dst);
    for (const fc_weight_patch *p = w->patches; p && p != stop; p = p->next) {
        fc_status status = p->apply(p->user, w, first, count, dst);
        if (status) return status;
    }
    return FC_OK;
}

uint64_t fc_weights_file_key(const char *path)
{
    struct stat st;
    uint64_t key = fc_fnv1a(path, strlen(path));
    if (stat(path, &st) != 0) return key;
    key = fc_splitmix64(key ^ (uint64_t)st.st_size);
    return fc_splitmix64(key ^ (uint64_t)st.st_mtim.tv_sec * 1000000007u ^ (uint64_t)st.st_mtim.tv_nsec);
}

uint64_t fc_weight_version(const fc_weight *w)
{
    return w->under ? fc_splitmix64(w->version ^ fc_weight_version(w->under)) : w->version;
}

static void set_version(fc_weight *w)
{
    w->version = 0;
    for (const fc_weight_patch *p = w->patches; p; p = p->next)
        w->version = fc_splitmix64(w->version + 0x9E3779B97F4A7C15u + p->key);
}

void fc_weight_patch_add(fc_weight *w, fc_weight_patch *p)
{
    fc_weight_patch **end = &w->patches;
    while (*end) end = &(*end)->next;
    p->next = NULL;
    *end = p;
    set_version(w);
}

void fc_weights_take_off(fc_weights *w, const void *owner)
{
    for (size_t i = 0; i < w->count; i++) {
        fc_weight_patch **at = &w->entries[i].patches;
        while (*at) {
            if (!owner || (*at)->owner == owner)
                *at = (*at)->next;
            else
                at = &(*at)->next;
        }
        set_version(&w->entries[i]);
    }
}

void fc_weight_forget(const fc_weight *w)
{
    if (!w->mapped) return;
    size_t bytes = (size_t)fc_weight_rows(w) * (size_t)fc_weight_cols(w) * fc_dtype_size(w->dtype);
    if (w->data) {
        fc_map_forget(w->data, bytes);
        return;
    }
    for (int i = 0; i < FC_WEIGHT_PARTS; i++) fc_map_forget(w->part[i], bytes / FC_WEIGHT_PARTS);
}

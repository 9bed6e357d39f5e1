/* Pack cache: see packcache.h. Weights that no longer fit in the budget are packed for one use: with a cyclic
 * order of use (every step walks all layers) keeping the first ones is the best a cache can do,
 * least-recently-used the worst. */
#include "nn/packcache.h"

#include <string.h>

void fc_packcache_init(fc_packcache *c, const fc_backend *backend, fc_dev *dev, size_t budget_bytes)
{
    *c = (fc_packcache){.backend = backend, .dev = dev, .budget = budget_bytes};
}

static void unlink_slot(fc_packcache *c, fc_slot *s)
{
    if (s->prev) s->prev->next = s->next;
    if (s->next) s->next->prev = s->prev;
    if (c->head == s) c->head = s->next;
    s->prev = s->next = NULL;
}

static void drop(fc_packcache *c, fc_slot *s)
{
    if (!s->packed) return;
    unlink_slot(c, s);
    c->backend->packed_free(c->dev, s->packed);
    c->resident -= s->bytes;
    s->packed = NULL;
    s->bytes = 0;
    s->owner = NULL;
}

void fc_packcache_clear(fc_packcache *c)
{
    while (c->head) drop(c, c->head);
}

void fc_packcache_fini(fc_packcache *c)
{
    fc_packcache_clear(c);
}

void fc_slots_forget(fc_slot *first)
{
    for (fc_slot *s = first; s; s = s->sibling)
        if (s->owner) drop(s->owner, s);
}

/* Rows of a stack of tensors, for the backend. */
static fc_status read_rows(void *user, int32_t first, int32_t count, float *dst)
{
    const fc_kernel *k = user;
    size_t cols = (size_t)k->cin * (size_t)k->kh * (size_t)k->kw;
    for (int32_t p = 0, base = 0; p < k->parts && count > 0; p++) {
        int32_t rows = (int32_t)fc_weight_rows(k->part[p]);
        int32_t from = first - base;
        if (from >= 0 && from < rows) {
            int32_t n = count < rows - from ? count : rows - from;
            fc_status s = fc_weight_read(k->part[p], from, n, dst);
            if (s) return s;
            dst += (size_t)n * cols;
            first += n;
            count -= n;
        }
        base += rows;
    }
    return count == 0 ? FC_OK : FC_INTERNAL;
}

static uint64_t version_of(const fc_kernel *k)
{
    uint64_t version = 0;
    for (int32_t p = 0; p < k->parts; p++) version += k->part[p]->version;
    return version;
}

static fc_status pack(fc_packcache *c, const fc_kernel *k, fc_kernel_kind kind, const fc_conv_geom *geom,
                      fc_dtype compute, fc_err *err)
{
    fc_slot *s = k->slot;
    fc_pack_src src = {.name = k->part[0]->name,
                       .rows = k->rows,
                       .cin = k->cin,
                       .kh = k->kh,
                       .kw = k->kw,
                       .user = (void *)(uintptr_t)k,
                       .read_rows = read_rows,
                       .int8 = c->int8 && k->int8_fits};
    fc_status st;
    switch (kind) {
    case FC_KERNEL_LINEAR:
        st = c->backend->pack_linear(c->dev, &src, compute, &s->packed, err);
        break;
    case FC_KERNEL_CONV:
        st = c->backend->pack_conv(c->dev, &src, geom, compute, &s->packed, err);
        break;
    default:
        st = c->backend->pack_vector(c->dev, &src, &s->packed, err);
        break;
    }
    if (st) {
        s->packed = NULL;
        return st;
    }
    s->owner = c;
    s->bytes = c->backend->packed_bytes(s->packed);
    s->version = version_of(k);
    s->compute = compute;
    s->transient = kind != FC_KERNEL_VECTOR && c->resident + s->bytes > c->budget;
    s->prev = NULL;
    s->next = c->head;
    if (c->head) c->head->prev = s;
    c->head = s;
    c->resident += s->bytes;
    if (c->resident > c->peak) c->peak = c->resident;
    c->packs++;
    for (int32_t p = 0; p < k->parts && !s->transient; p++) fc_weight_forget(k->part[p]);
    return FC_OK;
}

fc_status fc_packcache_get(fc_packcache *c, const fc_kernel *k, fc_kernel_kind kind, const fc_conv_geom *geom,
                           fc_dtype compute, const fc_packed **out, fc_err *err)
{
    *out = NULL;
    fc_slot *s = k->slot;
    bool fits = s->packed && s->owner == c && s->version == version_of(k) &&
                (s->compute == compute || kind == FC_KERNEL_VECTOR);
    if (!fits) {
        if (s->packed) drop(s->owner, s);
        fc_status st = pack(c, k, kind, geom, compute, err);
        if (st) return st;
    }
    *out = s->packed;
    return FC_OK;
}

void fc_packcache_release(fc_packcache *c, const fc_kernel *k)
{
    if (k->slot->transient && k->slot->owner == c) drop(c, k->slot);
}

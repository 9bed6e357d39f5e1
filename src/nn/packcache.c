/* Pack cache: see packcache.h. Weights that no longer fit in the budget are packed for one use: with a cyclic
 * order of use (every step walks all layers) keeping the first ones is the best a cache can do,
 * least-recently-used the worst. */
#include "nn/packcache.h"

#include "base/mem.h"

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

static void unstage(fc_packcache *c, fc_slot *s)
{
    if (!s->staged) return;
    c->backend->unstage(c->dev, s->packed);
    c->staged -= s->bytes;
    s->staged = false;
}

/* The order is learnt anew when a weight leaves it. */
static void forget_order(fc_packcache *c)
{
    for (int32_t i = 0; i < c->order_count; i++) c->order[i]->turn = -1;
    c->order_count = 0;
}

static void drop(fc_packcache *c, fc_slot *s)
{
    if (!s->packed) return;
    unlink_slot(c, s);
    if (s->place == FC_PLACE_HOST) {
        unstage(c, s);
        if (s->turn >= 0) forget_order(c);
        c->host -= s->bytes;
    } else {
        c->resident -= s->bytes;
    }
    c->backend->packed_free(c->dev, s->packed);
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
    fc_free(c->order);
    c->order = NULL;
    c->order_room = 0;
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
            fc_status status = fc_weight_read(k->part[p], from, n, dst);
            if (status) return status;
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
    for (int32_t p = 0; p < k->parts; p++) version += fc_weight_version(k->part[p]);
    return version;
}

/* What k will take, near enough to decide where it goes. */
static size_t estimate(const fc_packcache *c, const fc_kernel *k, fc_dtype compute)
{
    size_t bytes = (size_t)k->rows * (size_t)k->cin * (size_t)k->kh * (size_t)k->kw;
    return c->int8 && k->int8_fits ? bytes : bytes * fc_dtype_size(compute);
}

static fc_place choose_place(const fc_packcache *c, const fc_kernel *k, fc_kernel_kind kind, fc_dtype compute)
{
    size_t bytes = estimate(c, k, compute);
    if (!c->backend->stage || kind == FC_KERNEL_VECTOR || bytes > c->stage_budget) return FC_PLACE_DEVICE;
    if (c->resident <= c->budget && bytes <= c->budget - c->resident) return FC_PLACE_DEVICE;
    bool host = c->host <= c->host_budget && bytes <= c->host_budget - c->host;
    return host ? FC_PLACE_HOST : FC_PLACE_DEVICE;
}

static fc_status pack_into(fc_packcache *c, const fc_kernel *k, fc_kernel_kind kind, const fc_conv_geom *geom,
                           fc_dtype compute, fc_place place, fc_err *err)
{
    fc_packed **out = &k->slot->packed;
    fc_pack_src src = {.name = k->part[0]->name,
                       .rows = k->rows,
                       .cin = k->cin,
                       .kh = k->kh,
                       .kw = k->kw,
                       .user = (void *)(uintptr_t)k,
                       .read_rows = read_rows,
                       .int8 = c->int8 && k->int8_fits,
                       .place = place};
    fc_status status;
    switch (kind) {
    case FC_KERNEL_LINEAR:
        status = c->backend->pack_linear(c->dev, &src, compute, out, err);
        break;
    case FC_KERNEL_CONV:
        status = c->backend->pack_conv(c->dev, &src, geom, compute, out, err);
        break;
    default:
        status = c->backend->pack_vector(c->dev, &src, out, err);
        break;
    }
    if (status) *out = NULL;
    return status;
}

/* Enters a weight that was just packed into the lists. */
static void enter(fc_packcache *c, const fc_kernel *k, fc_kernel_kind kind, fc_dtype compute, fc_place place)
{
    fc_slot *s = k->slot;
    s->owner = c;
    s->bytes = c->backend->packed_bytes(s->packed);
    s->version = version_of(k);
    s->compute = compute;
    s->place = place;
    s->turn = -1;
    s->staged = s->in_use = false;
    s->vector = kind == FC_KERNEL_VECTOR;
    s->transient = place == FC_PLACE_DEVICE && kind != FC_KERNEL_VECTOR && c->resident + s->bytes > c->budget;
    s->prev = NULL;
    s->next = c->head;
    if (c->head) c->head->prev = s;
    c->head = s;
    if (place == FC_PLACE_HOST)
        c->host += s->bytes;
    else
        c->resident += s->bytes;
    if (c->resident > c->peak) c->peak = c->resident;
    c->packs++;
    for (int32_t p = 0; p < k->parts && !s->transient; p++) fc_weight_forget(k->part[p]);
}

bool fc_packcache_give_up(fc_packcache *c, size_t bytes)
{
    size_t before = c->resident, wanted = before > bytes ? before - bytes : 0;
    fc_slot *next;
    for (fc_slot *s = c->head; s && c->resident > wanted; s = next) {
        next = s->next;
        if (s->place == FC_PLACE_DEVICE && !s->vector && !s->in_use) drop(c, s);
    }
    if (c->budget > c->resident) c->budget = c->resident;
    return c->resident < before;
}

static fc_status pack(fc_packcache *c, const fc_kernel *k, fc_kernel_kind kind, const fc_conv_geom *geom,
                      fc_dtype compute, fc_err *err)
{
    fc_place place = choose_place(c, k, kind, compute);
    fc_status status = pack_into(c, k, kind, geom, compute, place, err);
    if (status == FC_NOMEM && fc_packcache_give_up(c, estimate(c, k, compute) + c->stage_budget)) {
        place = choose_place(c, k, kind, compute);
        status = pack_into(c, k, kind, geom, compute, place, err);
    }
    if (!status) enter(c, k, kind, compute, place);
    return status;
}

/* ---- staging ---- */

/* Makes room for `bytes` more by giving up what was used or staged longest ago, but not `keep`. */
static void make_room(fc_packcache *c, size_t bytes, const fc_slot *keep)
{
    while (c->staged + bytes > c->stage_budget) {
        fc_slot *oldest = NULL;
        for (int32_t i = 0; i < c->order_count; i++) {
            fc_slot *s = c->order[i];
            if (s->staged && s != keep && (!oldest || s->used < oldest->used)) oldest = s;
        }
        if (!oldest) return;
        unstage(c, oldest);
    }
}

static fc_status stage(fc_packcache *c, fc_slot *s, const fc_slot *keep)
{
    make_room(c, s->bytes, keep);
    fc_status status = c->backend->stage(c->dev, s->packed);
    if (status == FC_NOMEM && s == keep) { /* less room than thought: without the others, if it must be */
        make_room(c, c->stage_budget, keep);
        (void)fc_packcache_give_up(c, c->stage_budget);
        status = c->backend->stage(c->dev, s->packed);
    }
    if (status) return status;
    s->staged = true;
    s->used = ++c->clock;
    c->staged += s->bytes;
    c->stages++;
    return FC_OK;
}

static fc_status learn(fc_packcache *c, fc_slot *s)
{
    if (c->order_count == c->order_room) {
        int32_t room = c->order_room ? 2 * c->order_room : 256;
        fc_slot **order = fc_realloc(c->order, (size_t)room * sizeof *order);
        if (!order) return FC_NOMEM;
        c->order = order;
        c->order_room = room;
    }
    s->turn = c->order_count;
    c->order[c->order_count++] = s;
    c->round = false;
    return FC_OK;
}

/* Half of the room is for what comes, the rest for what was just used: a strip's weights come again at once.
 */
static void look_ahead(fc_packcache *c, const fc_slot *now)
{
    size_t ahead = 0;
    int32_t known = c->round ? c->order_count : c->order_count - now->turn;
    for (int32_t i = 1; i < known; i++) {
        fc_slot *s = c->order[(now->turn + i) % c->order_count];
        ahead += s->bytes;
        if (ahead > c->stage_budget / 2) return;
        if (!s->staged && stage(c, s, now)) return; /* it will be tried again when it is needed */
    }
}

/* ---- use ---- */

fc_status fc_packcache_get(fc_packcache *c, const fc_kernel *k, fc_kernel_kind kind, const fc_conv_geom *geom,
                           fc_dtype compute, const fc_packed **out, fc_err *err)
{
    *out = NULL;
    fc_slot *s = k->slot;
    bool fits = s->packed && s->owner == c && s->version == version_of(k) &&
                (s->compute == compute || kind == FC_KERNEL_VECTOR);
    if (!fits) {
        if (s->packed) drop(s->owner, s);
        fc_status status = pack(c, k, kind, geom, compute, err);
        if (status) return status;
    }
    if (s->place == FC_PLACE_HOST) {
        fc_status status = FC_OK;
        if (s->turn < 0)
            status = learn(c, s);
        else if (s->turn == 0)
            c->round = true;
        if (!status && !s->staged) {
            c->misses++;
            status = stage(c, s, s);
        }
        if (status)
            return fc_fail(err, status, "%s: it cannot be brought to the device: %s", k->part[0]->name,
                           status == FC_NOMEM ? "out of memory" : c->backend->why(c->dev));
        s->used = ++c->clock;
    }
    s->in_use = true;
    *out = s->packed;
    return FC_OK;
}

void fc_packcache_release(fc_packcache *c, const fc_kernel *k)
{
    fc_slot *s = k->slot;
    if (s->owner != c) return;
    s->in_use = false;
    if (s->transient)
        drop(c, s);
    else if (s->place == FC_PLACE_HOST)
        look_ahead(c, s);
}

#include "support/late.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "base/mem.h"

enum { MAX_BLOCKS = 64, WORDS = 160 };

/* A piece of device memory: the address that is handed out, and where its content really is. */
struct block {
    char *address, *content;
    size_t size;
};

struct fc_packed {
    fc_packed *inner; /* ref's */
    fc_place place;
    bool staged;
    size_t bytes;
};

enum kind {
    LINEAR,
    CONV2D,
    GROUP_NORM,
    GROUP_STATS,
    LAYER_NORM,
    ATTENTION,
    GEGLU,
    UNARY,
    AXPBY,
    COPY,
    UPLOAD,
    FREE_BLOCK,
    FREE_WEIGHT
};

/* One thing that was asked for. */
struct work {
    struct work *next;
    enum kind kind;
    fc_status fails; /* with this, when its turn comes */
    fc_tensor y, x, z, v;
    const fc_packed *weight, *bias;
    fc_conv_geom geom;
    fc_epi epi;
    fc_act act;
    float a, b;
    int32_t groups; /* or heads */
    int64_t before;
    bool causal;
    void *to, *from; /* UPLOAD; FREE_*: from */
    size_t size;
};

struct fc_dev {
    fc_dev *ref;
    struct block block[MAX_BLOCKS];
    struct work *first, **end;
    const int *cancel;
    size_t limit, bytes;
    bool lost;
    fc_status broken; /* what went wrong since the last call that told */
    char why[WORDS];
};

static const fc_backend *ref;
static uint64_t calls, fail_n, cancel_n, done_ops;
static fc_status fail_status;
static int cancel_value;
static bool fail_on;
static late_counts counts;

uint64_t late_fail_at(uint64_t n, fc_status status)
{
    uint64_t seen = late_fail_from(n, status);
    fail_on = false;
    return seen;
}

uint64_t late_fail_from(uint64_t n, fc_status status)
{
    uint64_t seen = calls;
    calls = 0;
    fail_n = n;
    fail_on = true;
    fail_status = status;
    return seen;
}

void late_cancel_at(uint64_t n, int value)
{
    done_ops = 0;
    cancel_n = n;
    cancel_value = value;
}

late_counts late_count(void)
{
    return counts;
}

void late_count_reset(void)
{
    counts.most_bytes = counts.bytes;
    counts.ops = counts.waits = counts.stages = 0;
}

/* ---- failures ---- */

static fc_status fail(fc_dev *dev, fc_status status, const char *why)
{
    snprintf(dev->why, sizeof dev->why, "%s", why);
    if (status == FC_DEVICE) dev->lost = true;
    return status;
}

static fc_status fail_as_wanted(fc_dev *dev, fc_status status)
{
    return fail(dev, status, status == FC_NOMEM ? "no memory, as wanted" : "pulled out, as wanted");
}

static fc_status due(void)
{
    calls++;
    return fail_n && (calls == fail_n || (fail_on && calls > fail_n)) ? fail_status : FC_OK;
}

/* The status of a call that fails, if it does, at once. */
static fc_status enter(fc_dev *dev)
{
    if (dev->lost) return fail(dev, FC_DEVICE, "the device was lost before");
    if (!dev->broken) dev->why[0] = '\0';
    fc_status status = due();
    return status ? fail_as_wanted(dev, status) : FC_OK;
}

static bool take(fc_dev *dev, size_t bytes)
{
    if (bytes > dev->limit - dev->bytes) return false;
    dev->bytes += bytes;
    counts.bytes += bytes;
    if (counts.bytes > counts.most_bytes) counts.most_bytes = counts.bytes;
    return true;
}

static void give(fc_dev *dev, size_t bytes)
{
    dev->bytes -= bytes;
    counts.bytes -= bytes;
}

/* ---- carrying out ---- */

static void free_content(char *content)
{
    fc_free(content);
}

static void free_weight(fc_dev *dev, fc_packed *p)
{
    ref->packed_free(dev->ref, p->inner);
    fc_free(p);
}

static bool readable(const fc_packed *p)
{
    return !p || p->place == FC_PLACE_DEVICE || p->staged;
}

static const fc_packed *inner(const fc_packed *p)
{
    return p ? p->inner : NULL;
}

static fc_status carry_out(fc_dev *dev, const struct work *w)
{
    fc_dev *r = dev->ref;
    if (w->fails) return fail_as_wanted(dev, w->fails);
    switch (w->kind) {
    case LINEAR:
        return ref->linear(r, w->y, w->x, inner(w->weight), inner(w->bias), &w->epi);
    case CONV2D:
        return ref->conv2d(r, w->y, w->x, inner(w->weight), inner(w->bias), &w->geom, &w->epi);
    case GROUP_NORM:
        return ref->group_norm(r, w->y, w->x, inner(w->weight), inner(w->bias), w->groups, w->a, w->act,
                               w->z);
    case GROUP_STATS:
        return ref->group_stats(r, w->y, w->x, w->groups, w->before);
    case LAYER_NORM:
        return ref->layer_norm(r, w->y, w->x, inner(w->weight), inner(w->bias), w->a);
    case ATTENTION:
        return ref->attention(r, w->y, w->x, w->z, w->v, w->groups, w->causal);
    case GEGLU:
        return ref->geglu(r, w->y, w->x);
    case UNARY:
        return ref->unary(r, w->y, w->x, w->act);
    case AXPBY:
        return ref->axpby(r, w->y, w->a, w->x, w->b, w->z);
    case COPY:
        return ref->copy(r, w->y, w->x);
    case UPLOAD:
        memcpy(w->to, w->from, w->size);
        return FC_OK;
    default:
        return FC_OK;
    }
}

static void dispose(fc_dev *dev, struct work *w)
{
    if (w->kind == UPLOAD) fc_free(w->from);
    if (w->kind == FREE_BLOCK) free_content(w->from);
    if (w->kind == FREE_WEIGHT) free_weight(dev, w->from);
    counts.waiting--;
    fc_free(w);
}

/* Carries out, or after a failure drops, what was written down. */
static fc_status finish(fc_dev *dev)
{
    fc_status status = dev->lost ? FC_DEVICE : dev->broken;
    dev->broken = FC_OK;
    while (dev->first) {
        struct work *w = dev->first;
        dev->first = w->next;
        bool op = w->kind < UPLOAD;
        if (op && !status) {
            counts.ops++;
            if (++done_ops == cancel_n && dev->cancel) *(int *)(uintptr_t)dev->cancel = cancel_value;
            if (dev->cancel && *dev->cancel) status = fail(dev, FC_CANCELLED, "");
        }
        if (!status) status = carry_out(dev, w);
        dispose(dev, w);
    }
    dev->end = &dev->first;
    return status;
}

/* ---- writing down ---- */

/* Where a tensor's content is; a mistake of the caller is noted. */
static char *find(fc_dev *dev, const void *address, size_t size)
{
    const char *p = address;
    for (int i = 0; i < MAX_BLOCKS; i++) {
        const struct block *b = &dev->block[i];
        if (b->address && p >= b->address && p <= b->address + b->size &&
            size <= b->size - (size_t)(p - b->address))
            return b->content + (p - b->address);
    }
    dev->broken = fail(dev, FC_INTERNAL, "an address that was not allocated");
    return NULL;
}

static void locate(fc_dev *dev, fc_tensor *t)
{
    if (!t->data) return;
    int64_t elements = (fc_tensor_rows(*t) - 1) * t->ld + t->c;
    t->data = find(dev, t->data, (size_t)elements * fc_dtype_size(t->dtype));
}

static fc_status write_down(fc_dev *dev, const struct work *what)
{
    struct work w = *what;
    if (w.kind < UPLOAD) {
        if (dev->lost) return fail(dev, FC_DEVICE, "the device was lost before");
        w.fails = due(); /* it will be known later */
        locate(dev, &w.y);
        locate(dev, &w.x);
        locate(dev, &w.z);
        locate(dev, &w.v);
        locate(dev, &w.epi.rowadd);
        locate(dev, &w.epi.add);
        if (!readable(w.weight) || !readable(w.bias))
            dev->broken = fail(dev, FC_INTERNAL, "a weight that is not on the device");
    }
    struct work *copy = fc_alloc(sizeof *copy);
    if (!copy) return FC_NOMEM;
    *copy = w;
    copy->next = NULL;
    *dev->end = copy;
    dev->end = &copy->next;
    counts.waiting++;
    return FC_OK;
}

/* What frees must not fail: without memory to write it down everything before is carried out. */
static void write_down_free(fc_dev *dev, enum kind kind, void *what)
{
    if (write_down(dev, &(struct work){.kind = kind, .from = what}) == FC_OK) return;
    fc_status status = finish(dev);
    if (status) dev->broken = status;
    if (kind == FREE_BLOCK)
        free_content(what);
    else
        free_weight(dev, what);
}

/* ---- the table ---- */

static fc_status late_open(const fc_backend_opts *opts, fc_dev **out, fc_err *err)
{
    *out = NULL;
    ref = fc_backend_get("ref");
    fc_dev *dev = fc_calloc(1, sizeof *dev);
    if (!dev) return fc_fail(err, FC_NOMEM, "out of memory");
    dev->end = &dev->first;
    dev->limit = opts && opts->memory_limit ? (size_t)opts->memory_limit : SIZE_MAX;
    fc_status status = enter(dev);
    if (status) (void)fc_fail(err, status, "the device cannot be opened: %s", dev->why);
    if (!status) status = ref->open(opts, &dev->ref, err);
    if (status) {
        fc_free(dev);
        return status;
    }
    counts.devices++;
    *out = dev;
    return FC_OK;
}

static void late_close(fc_dev *dev)
{
    if (!dev) return;
    dev->broken = FC_DEVICE; /* nothing more is carried out */
    (void)finish(dev);
    ref->close(dev->ref);
    counts.devices--;
    fc_free(dev);
}

static void late_info(const fc_dev *dev, fc_backend_info *out)
{
    ref->info(dev->ref, out);
    snprintf(out->name, sizeof out->name, "late");
    snprintf(out->description, sizeof out->description, "reference, as late as can be");
}

static void late_memory(fc_dev *dev, fc_device_memory *out)
{
    bool limited = dev->limit != SIZE_MAX;
    *out = (fc_device_memory){.total = limited ? dev->limit : 0,
                              .available = limited ? dev->limit - dev->bytes : 0};
}

static const char *late_why(const fc_dev *dev)
{
    return dev->why;
}

static void late_watch(fc_dev *dev, const int *cancel)
{
    dev->cancel = cancel;
}

static fc_status late_mem_alloc(fc_dev *dev, size_t size, void **out)
{
    int i = 0;
    *out = NULL;
    fc_status status = enter(dev);
    if (status) return status;
    while (i < MAX_BLOCKS && dev->block[i].address) i++;
    if (i == MAX_BLOCKS || !take(dev, size)) return fail(dev, FC_NOMEM, "the device is full");
    char *content = fc_alloc_aligned(64, size);
    void *address = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!content || address == MAP_FAILED) {
        if (address != MAP_FAILED) munmap(address, size);
        fc_free(content);
        give(dev, size);
        return fail(dev, FC_NOMEM, "the machine is full");
    }
    memset(content, 0xff, size); /* NaN in every type */
    dev->block[i] = (struct block){address, content, size};
    counts.allocations++;
    *out = address;
    return FC_OK;
}

static void late_mem_free(fc_dev *dev, void *p, size_t size)
{
    if (!p) return;
    for (int i = 0; i < MAX_BLOCKS; i++) {
        struct block *b = &dev->block[i];
        if (b->address != p) continue;
        if (b->size != size) dev->broken = fail(dev, FC_INTERNAL, "memory freed with another size");
        munmap(b->address, b->size);
        give(dev, b->size);
        write_down_free(dev, FREE_BLOCK, b->content);
        *b = (struct block){0};
        counts.allocations--;
        return;
    }
    dev->broken = fail(dev, FC_INTERNAL, "memory freed that was not allocated");
}

static fc_status late_upload(fc_dev *dev, void *dst, const void *src, size_t size)
{
    fc_status status = enter(dev);
    if (status) return status;
    char *to = find(dev, dst, size);
    void *copy = to ? fc_alloc(size) : NULL;
    if (!copy) return to ? FC_NOMEM : FC_INTERNAL;
    memcpy(copy, src, size);
    status = write_down(dev, &(struct work){.kind = UPLOAD, .to = to, .from = copy, .size = size});
    if (status) fc_free(copy);
    return status;
}

static fc_status late_wait(fc_dev *dev)
{
    fc_status now = enter(dev);
    counts.waits++;
    fc_status status = finish(dev);
    return now ? now : status;
}

static fc_status late_download(fc_dev *dev, void *dst, const void *src, size_t size)
{
    char *from = find(dev, src, size);
    fc_status status = late_wait(dev);
    if (!status) memcpy(dst, from, size);
    return status;
}

/* inner: what ref made */
static fc_status keep(fc_dev *dev, fc_packed *made, fc_place place, const char *name, fc_packed **out,
                      fc_err *err)
{
    fc_packed *p = fc_calloc(1, sizeof *p);
    if (p) *p = (fc_packed){.inner = made, .place = place, .bytes = ref->packed_bytes(made)};
    if (!p || (place == FC_PLACE_DEVICE && !take(dev, p->bytes))) {
        ref->packed_free(dev->ref, made);
        fc_free(p);
        return fc_fail(err, FC_NOMEM, "%s: the device is full", name);
    }
    counts.weights++;
    *out = p;
    return FC_OK;
}

static fc_status begin_pack(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err)
{
    *out = NULL;
    fc_status status = enter(dev);
    return status ? fc_fail(err, status, "%s: %s", src->name, dev->why) : FC_OK;
}

static fc_status late_pack_linear(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out,
                                  fc_err *err)
{
    fc_packed *made = NULL;
    fc_status status = begin_pack(dev, src, out, err);
    if (!status) status = ref->pack_linear(dev->ref, src, compute, &made, err);
    return status ? status : keep(dev, made, src->place, src->name, out, err);
}

static fc_status late_pack_conv(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom,
                                fc_dtype compute, fc_packed **out, fc_err *err)
{
    fc_packed *made = NULL;
    fc_status status = begin_pack(dev, src, out, err);
    if (!status) status = ref->pack_conv(dev->ref, src, geom, compute, &made, err);
    return status ? status : keep(dev, made, src->place, src->name, out, err);
}

static fc_status late_pack_vector(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err)
{
    fc_packed *made = NULL;
    fc_status status = begin_pack(dev, src, out, err);
    if (!status) status = ref->pack_vector(dev->ref, src, &made, err);
    return status ? status : keep(dev, made, FC_PLACE_DEVICE, src->name, out, err);
}

static size_t late_packed_bytes(const fc_packed *p)
{
    return p->bytes;
}

static void late_unstage(fc_dev *dev, fc_packed *p)
{
    if (p->staged) give(dev, p->bytes);
    p->staged = false;
}

static void late_packed_free(fc_dev *dev, fc_packed *p)
{
    if (!p) return;
    late_unstage(dev, p);
    if (p->place == FC_PLACE_DEVICE) give(dev, p->bytes);
    counts.weights--;
    write_down_free(dev, FREE_WEIGHT, p);
}

static fc_status late_stage(fc_dev *dev, fc_packed *p)
{
    fc_status status = enter(dev);
    if (status || p->staged || p->place == FC_PLACE_DEVICE) return status;
    if (!take(dev, p->bytes)) return fail(dev, FC_NOMEM, "no room to stage a weight");
    p->staged = true;
    counts.stages++;
    return FC_OK;
}

static fc_status late_linear(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight,
                             const fc_packed *bias, const fc_epi *epi)
{
    return write_down(
        dev, &(struct work){.kind = LINEAR, .y = y, .x = x, .weight = weight, .bias = bias, .epi = *epi});
}

static fc_status late_conv2d(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight,
                             const fc_packed *bias, const fc_conv_geom *geom, const fc_epi *epi)
{
    struct work w = {.kind = CONV2D, .y = y, .x = x, .weight = weight, .bias = bias, .epi = *epi};
    w.geom = *geom;
    return write_down(dev, &w);
}

static fc_status late_group_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                                 const fc_packed *beta, int32_t groups, float eps, fc_act act,
                                 fc_tensor stats)
{
    struct work w = {.kind = GROUP_NORM, .y = y, .x = x, .z = stats, .weight = gamma, .bias = beta};
    w.groups = groups;
    w.a = eps;
    w.act = act;
    return write_down(dev, &w);
}

static fc_status late_group_stats(fc_dev *dev, fc_tensor stats, fc_tensor x, int32_t groups, int64_t before)
{
    return write_down(
        dev, &(struct work){.kind = GROUP_STATS, .y = stats, .x = x, .groups = groups, .before = before});
}

static fc_status late_layer_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                                 const fc_packed *beta, float eps)
{
    return write_down(
        dev, &(struct work){.kind = LAYER_NORM, .y = y, .x = x, .weight = gamma, .bias = beta, .a = eps});
}

static fc_status late_attention(fc_dev *dev, fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v,
                                int32_t heads, bool causal)
{
    struct work w = {.kind = ATTENTION, .y = y, .x = q, .z = k, .v = v, .groups = heads, .causal = causal};
    return write_down(dev, &w);
}

static fc_status late_geglu(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    return write_down(dev, &(struct work){.kind = GEGLU, .y = y, .x = x});
}

static fc_status late_unary(fc_dev *dev, fc_tensor y, fc_tensor x, fc_act act)
{
    return write_down(dev, &(struct work){.kind = UNARY, .y = y, .x = x, .act = act});
}

static fc_status late_axpby(fc_dev *dev, fc_tensor y, float a, fc_tensor x, float b, fc_tensor z)
{
    return write_down(dev, &(struct work){.kind = AXPBY, .y = y, .x = x, .z = z, .a = a, .b = b});
}

static fc_status late_copy(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    return write_down(dev, &(struct work){.kind = COPY, .y = y, .x = x});
}

const fc_backend fc_backend_late = {
    .name = "late",
    .open = late_open,
    .close = late_close,
    .info = late_info,
    .memory = late_memory,
    .why = late_why,
    .watch = late_watch,
    .mem_alloc = late_mem_alloc,
    .mem_free = late_mem_free,
    .upload = late_upload,
    .download = late_download,
    .wait = late_wait,
    .pack_linear = late_pack_linear,
    .pack_conv = late_pack_conv,
    .pack_vector = late_pack_vector,
    .packed_bytes = late_packed_bytes,
    .packed_free = late_packed_free,
    .stage = late_stage,
    .unstage = late_unstage,
    .linear = late_linear,
    .conv2d = late_conv2d,
    .group_norm = late_group_norm,
    .group_stats = late_group_stats,
    .layer_norm = late_layer_norm,
    .attention = late_attention,
    .geglu = late_geglu,
    .unary = late_unary,
    .axpby = late_axpby,
    .copy = late_copy,
};

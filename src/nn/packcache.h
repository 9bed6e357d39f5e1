/* Pack cache: packed weights under a byte budget. A weight is packed at its first use. While the budget lasts
 * it stays; beyond it, weights are packed for one use and dropped again, so that memory stays bounded
 * whatever the model's size. */
#ifndef FC_NN_PACKCACHE_H
#define FC_NN_PACKCACHE_H

#include "nn/binder.h"

struct fc_slot {
    fc_packed *packed;
    size_t bytes;
    uint64_t version; /* sum of the parts' versions when it was packed */
    fc_dtype compute;
    struct fc_packcache *owner;
    struct fc_slot *prev, *next; /* in the cache's list of resident weights */
    bool transient;              /* drop after this use */
    struct fc_slot *sibling;     /* next slot of the same model */
};

typedef struct fc_packcache {
    const fc_backend *backend;
    fc_dev *dev;
    size_t budget, resident, peak;
    bool int8; /* kernels that allow it are packed in 8 bits */
    fc_slot *head;
    uint64_t packs; /* how often something was packed: for tests and profiles */
} fc_packcache;

void fc_packcache_init(fc_packcache *c, const fc_backend *backend, fc_dev *dev, size_t budget_bytes);
void fc_packcache_fini(
    fc_packcache *c); /* frees all packed weights; slots may be used with another cache afterwards */
/* Frees what is resident; the next use packs again. */
void fc_packcache_clear(fc_packcache *c);

typedef enum fc_kernel_kind { FC_KERNEL_LINEAR, FC_KERNEL_CONV, FC_KERNEL_VECTOR } fc_kernel_kind;

/* The packed form of k, packing it if needed. Valid until fc_packcache_release. */
fc_status fc_packcache_get(fc_packcache *c, const fc_kernel *k, fc_kernel_kind kind, const fc_conv_geom *geom,
                           fc_dtype compute, const fc_packed **out, fc_err *err) FC_MUST_USE;
void fc_packcache_release(fc_packcache *c, const fc_kernel *k);
/* Drops the packed forms of all kernels of a model that is going away or will not be needed soon: first is
 * its binder's list of slots. */
void fc_slots_forget(fc_slot *first);

#endif

/* Pack cache: where each weight lies. A weight is prepared at its first use:
 * - on the device while the budget lasts; there it stays;
 * - then, with a device that has memory of its own, on the host while that budget lasts; from there it is
 * staged for use. The cache learns in which order these weights are used, so that from the second pass on the
 * next ones are under way while the device computes;
 * - beyond both, for one use: it is read from the file each time, and memory stays bounded whatever the
 * model's size. */
#ifndef FC_NN_PACKCACHE_H
#define FC_NN_PACKCACHE_H

#include "nn/binder.h"

struct fc_slot {
    fc_packed *packed;
    size_t bytes;
    uint64_t version; /* sum of the parts' versions when it was packed */
    fc_dtype compute;
    fc_place place;
    struct fc_packcache *owner;
    struct fc_slot *prev, *next; /* in the cache's list of prepared weights */
    bool vector;                 /* small: it always stays */
    bool in_use;                 /* between get and release */
    bool transient;              /* drop after this use */
    bool staged;                 /* HOST: it is on the device, too, or on its way */
    int32_t turn;                /* HOST: its index in the order of use */
    uint64_t used;               /* HOST: larger: more recently used or staged */
    struct fc_slot *sibling;     /* next slot of the same model */
    const fc_kernel *kernel;     /* whose it is */
};

typedef struct fc_packcache {
    const fc_backend *backend;
    fc_dev *dev;
    size_t budget, resident, peak; /* bytes on the device (staged ones not counted) */
    size_t host_budget, host;      /* bytes on the host, of a device that has memory of its own */
    size_t stage_budget, staged;   /* bytes of the device for staged weights */
    bool int8;                     /* kernels that allow it are packed in 8 bits */
    fc_slot *head;
    fc_slot **order; /* HOST weights in the order in which they were first used */
    int32_t order_count, order_room;
    bool round;              /* the first of them has come again: the order is a circle */
    uint64_t packs;          /* how often something was packed: for tests and profiles */
    uint64_t stages, misses; /* weights staged, and those of them that an op had to wait for */
    uint64_t clock;
} fc_packcache;

/* Without host weights: stage_budget and host_budget are set by who wants them. */
void fc_packcache_init(fc_packcache *c, const fc_backend *backend, fc_dev *dev, size_t budget_bytes);
void fc_packcache_fini(
    fc_packcache *c); /* frees all packed weights; slots may be used with another cache afterwards */
/* Frees what is resident; the next use packs again. */
void fc_packcache_clear(fc_packcache *c);

/* The device is fuller than the budget says: weights of some `bytes` are dropped, and the budget becomes what
 * is left. False: there was nothing to drop. */
bool fc_packcache_give_up(fc_packcache *c, size_t bytes);

typedef enum fc_kernel_kind { FC_KERNEL_LINEAR, FC_KERNEL_CONV, FC_KERNEL_VECTOR } fc_kernel_kind;

/* The packed form of k, packing it if needed. Valid until fc_packcache_release. */
fc_status fc_packcache_get(fc_packcache *c, const fc_kernel *k, fc_kernel_kind kind, const fc_conv_geom *geom,
                           fc_dtype compute, const fc_packed **out, fc_err *err) FC_MUST_USE;
void fc_packcache_release(fc_packcache *c, const fc_kernel *k);
/* Drops the packed forms of all kernels of a model that is going away or will not be needed soon: first is
 * its binder's list of slots. */
void fc_slots_forget(fc_slot *first);

#endif

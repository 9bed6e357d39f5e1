/* An opened graphics device, and what the files of this folder share. Order of the layers here, each over the
 * one before: loader, caps, fail, heap (device memory), batch (recording and waiting), memory (what waits for
 * device memory, and addresses), pipelines, transfer (uploads and downloads), weights, the ops, selftest, and
 * vulkan, which opens it all. */
#ifndef FC_BACKEND_VULKAN_DEVICE_H
#define FC_BACKEND_VULKAN_DEVICE_H

#include "backend/vulkan/caps.h"
#include "backend/vulkan/kept.h"
#include "base/buf.h"
#include "nn/backend.h"

enum {
    VK_BINDINGS = 8,            /* storage buffers of every shader */
    VK_PUSH_BYTES = 128,        /* what every device offers */
    VK_BATCHES = 2,             /* under way at once */
    VK_BATCH_OPS = 256,         /* dispatches and copies of one batch */
    VK_MAX_ACCESSES = 64,       /* ranges remembered between two barriers */
    VK_SPECS = 12,              /* constants a pipeline is made for */
    VK_STAGING_BYTES = 16 << 20 /* of each batch */
};

/* A part of a buffer in device memory. */
typedef struct vk_piece {
    struct vk_block *block; /* NULL: nothing */
    VkBuffer buffer;
    uint64_t offset, size; /* bytes */
} vk_piece;

/* Blocks of device memory that pieces are cut from, and the bytes they take. */
typedef struct vk_heap {
    struct vk_block *first;
    uint64_t held, peak, limit; /* bytes of all blocks now, at most, and allowed */
    uint64_t used;              /* bytes of them in pieces */
    uint64_t block_bytes;
    int memory_type;
} vk_heap;

/* Memory to be given back when a batch is done. */
typedef struct vk_deferred {
    vk_piece piece;
    uint64_t serial;
} vk_deferred;

/* Bytes that a dispatch or copy reads or writes. */
typedef struct vk_access {
    VkBuffer buffer;
    uint64_t first, end;
    bool write;
} vk_access;

typedef struct vk_batch {
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkDescriptorPool sets;
    VkFence fence;
    VkBuffer staging;
    VkDeviceMemory staging_memory;
    char *mapped;  /* of staging */
    size_t staged; /* bytes of staging in use */
    uint64_t serial;
    int ops;
    double work, submitted; /* FLOP; seconds of fc_now */
    bool recording, pending;
} vk_batch;

typedef enum vk_shader {
    VK_PRODUCT,
    VK_PRODUCT_COOP,
    VK_ATTENTION,
    VK_ATTENTION_COOP,
    VK_SOFTMAX,
    VK_NORM_STATS,
    VK_NORM_FINISH,
    VK_NORM_APPLY,
    VK_LAYER_NORM,
    VK_ELEMENTWISE,
    VK_PEAK,
    VK_PEAK_COOP,
    VK_SHADERS
} vk_shader;

typedef struct vk_pipeline {
    vk_shader shader;
    uint32_t spec[VK_SPECS];
    VkPipeline handle;
} vk_pipeline;

/* A range of addresses that stands for device memory: inaccessible to the host. */
typedef struct vk_range {
    char *base;
    size_t size;
    vk_piece piece; /* backs the first piece.size bytes */
} vk_range;

struct fc_dev {
    vk_instance instance;
    vk_caps caps;
    VkDevice handle;
    vk_functions f;
    VkQueue queue;
    int threads; /* for preparing weights on the host */

    vk_heap heap;
    vk_range *ranges; /* sorted by base */
    int range_count, range_room;
    vk_deferred *deferred;
    int deferred_count, deferred_room;
    char *scratch; /* addresses for what an op needs beside its operands */

    vk_batch batch[VK_BATCHES];
    int current;
    uint64_t serial, done; /* of the batch being recorded; of the last one known to be complete */
    vk_access access[VK_MAX_ACCESSES];
    int accesses;
    int max_ops;
    double speed, last_done; /* FLOP/s as measured, 0: not yet; when the last batch was seen complete */
    uint32_t tile;           /* of all products; 0: chosen */
    bool direct;             /* shaders read operands where they are, not through shared memory */
    double share;            /* of what a dispatch may be: less after a loss */
    double max_work;         /* pretended limit of a dispatch; 0: none */
    const int *cancel;       /* non-zero ends a wait; NULL: never */

    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipelineCache cache;
    VkShaderModule modules[VK_SHADERS];
    vk_pipeline *pipelines;
    int pipeline_count, pipeline_room;
    int pipelines_made, kept_pipelines; /* since the device was opened; when the file was written */
    uint64_t kept_key;
    char kept_path[4096]; /* "": nothing is kept */
    fc_buf kept_bytes;    /* of the file as it was; kept borrows from it */
    vk_kept kept;
    char note[200]; /* what was switched off and why */

    fc_status status;   /* DEVICE when it is lost: nothing runs any more */
    char why[200];      /* of the last failure */
    char fail_call[16]; /* FC_VK_FAIL */
    int fail_at;
    bool fail_lost, poison, no_barriers;
};

/* Records a failure in dev->why and gives the status of a Vulkan result. */
fc_status vk_fail(fc_dev *dev, VkResult r, const char *what);
fc_status vk_fail_text(fc_dev *dev, fc_status status, const char *format, ...) FC_PRINTF(3, 4);
/* The result of a call as FC_VK_FAIL wants it: r, or the failure that is due. */
VkResult vk_inject(fc_dev *dev, const char *call, VkResult r);

#endif

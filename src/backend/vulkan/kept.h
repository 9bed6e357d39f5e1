/* What is kept of a device between runs, in a file of the cache folder: the driver's compiled shaders, what
 * the self-test found, what was measured. The file is no more than a memory: one that is broken, or is
 * another device's, driver's or program's, is as good as none and is written anew. */
#ifndef FC_BACKEND_VULKAN_KEPT_H
#define FC_BACKEND_VULKAN_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VK_KEPT_HEADER = 56, VK_KEPT_MOST = 64 << 20 };

typedef struct vk_kept {
    bool tested;             /* the self-test has run; what follows is what it found */
    bool no_coopmat, no_f16; /* wrong, hence not used */
    uint32_t tile;           /* of large products; 0: not measured */
    double speed;            /* FLOP/s; 0: not known */
    const uint8_t *shaders;  /* of the driver; NULL: none */
    size_t shaders_size;
} vk_kept;

/* Reads a file's bytes, which out->shaders then borrows; false: it says nothing about this key. */
bool vk_kept_parse(const uint8_t *data, size_t size, uint64_t key, vk_kept *out);
/* The header in front of the shaders' bytes. */
void vk_kept_header(const vk_kept *k, uint64_t key, uint8_t out[VK_KEPT_HEADER]);

#endif

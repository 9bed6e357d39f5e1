/* What a graphics device can do, as far as this backend asks. Switches in the environment, for tests and for
 * drivers that lie, make a device look smaller than it is:
 *   FC_VK_NO_F16=1           no 16-bit values in memory: activations are float32
 *   FC_VK_NO_COOPMAT=1       no cooperative matrices
 *   FC_VK_COOPMAT=8, 16      those of this size, whether the device lists it or not
 *   FC_VK_HEAP_MB=N          the device has N MiB of memory
 *   FC_VK_RANGE=N            a shader sees at most N bytes of a buffer at once (at least 65536)
 *   FC_VK_BATCH=N            at most N operations in a batch
 *   FC_VK_MFLOP=N            at most N MFLOP in a dispatch, whatever was measured
 *   FC_VK_TILE=64, 128       the tile of all products
 *   FC_VK_DIRECT=0, 1        products and attention read operands through shared memory, or where they are
 *   FC_VK_FAIL=CALL:N:oom    the N-th CALL (alloc, submit, wait, pipeline) fails; "lost" in place of "oom"
 *   FC_VK_LIE=F16, F32       the self-test finds numbers of this type wrong
 *   FC_VK_AS_CARD=1          software counts as a card
 *   FC_VK_NO_BARRIERS=1      none between operations: shows that the check of barriers finds what is missing
 *   FC_VK_POISON=1           fresh memory is filled with NaN */
#ifndef FC_BACKEND_VULKAN_CAPS_H
#define FC_BACKEND_VULKAN_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include "backend/vulkan/loader.h"

enum { VK_MAX_DEVICES = 16 };

/* Sizes of the cooperative matrices (f16 times f16, sums in f32) that the device offers. */
typedef enum vk_coopmat { VK_COOPMAT_NONE, VK_COOPMAT_8, VK_COOPMAT_16 } vk_coopmat;

typedef struct vk_caps {
    VkPhysicalDevice handle;
    char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
    char driver[VK_MAX_DRIVER_NAME_SIZE + VK_MAX_DRIVER_INFO_SIZE + 2];
    uint32_t api, driver_version, vendor;
    uint8_t uuid[VK_UUID_SIZE]; /* of the pipeline cache: changes with device and driver */
    bool software;              /* computes on the CPU */
    bool slow;                  /* the same, also when it plays a card: compiles and computes slowly */
    bool unified;               /* its memory is the machine's */
    bool f16;                   /* 16-bit values in storage buffers */
    bool memory_budget, portability, float_controls;
    vk_coopmat coopmat;
    bool subgroup_choice;      /* a pipeline must name the subgroup's size to be sure of it */
    uint32_t subgroup, family; /* family: index of the queue family used */
    uint32_t max_invocations, max_shared, max_groups;
    uint64_t max_range, max_allocation, offset_align, atom;
    VkPhysicalDeviceMemoryProperties memory;
    uint64_t heap_limit; /* pretended; 0: none */
} vk_caps;

/* All devices with Vulkan 1.2 and a compute queue, in the loader's order. */
fc_status vk_caps_list(const vk_instance *in, vk_caps *out, int *count, fc_err *err) FC_MUST_USE;
/* Size of the largest device-local heap, and what of it is free now (both after FC_VK_HEAP_MB). */
void vk_caps_memory(const vk_instance *in, const vk_caps *caps, uint64_t *total, uint64_t *available);
/* Index of the memory type that suits best; -1: none. bits: the types a buffer may live in. A pure function
 * of its arguments. device: where shaders read and write, else memory that the host maps. */
int vk_memory_type(const VkPhysicalDeviceMemoryProperties *memory, uint32_t bits, bool device);

#endif

/* Features and limits of the devices: see caps.h. */
#include "backend/vulkan/caps.h"

#include <stdio.h>
#include <string.h>
#include "backend/vulkan/coopmat.h"
#include "base/mem.h"

enum { MIN_RANGE = 65536 };

static bool has_extension(const VkExtensionProperties *list, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(list[i].extensionName, name) == 0) return true;
    return false;
}

static void read_extensions(const vk_instance *in, vk_caps *c)
{
    uint32_t count = 0;
    if (in->EnumerateDeviceExtensionProperties(c->handle, NULL, &count, NULL) || count == 0 || count > 4096)
        return;
    VkExtensionProperties *list = fc_calloc(count, sizeof *list);
    if (!list) return;
    if (!in->EnumerateDeviceExtensionProperties(c->handle, NULL, &count, list)) {
        c->memory_budget = has_extension(list, count, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
        c->portability = has_extension(list, count, "VK_KHR_portability_subset");
        bool extended = has_extension(list, count, VK_COOPMAT_EXTENSION) &&
                        has_extension(list, count, VK_SUBGROUP_EXTENSION);
        vk_coopmat_read(in, c, extended);
    }
    fc_free(list);
}

/* A queue family that computes; one without graphics first, for a desktop's pictures are not held up by it.
 */
static bool find_queue(const vk_instance *in, vk_caps *c)
{
    VkQueueFamilyProperties families[32];
    uint32_t count = 32;
    in->GetPhysicalDeviceQueueFamilyProperties(c->handle, &count, families);
    int best = -1;
    for (uint32_t i = 0; i < count; i++) {
        if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)) continue;
        if (best < 0 || !(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT)) best = (int)i;
    }
    c->family = best < 0 ? 0 : (uint32_t)best;
    return best >= 0;
}

static void read_features(const vk_instance *in, vk_caps *c)
{
    VkPhysicalDevice16BitStorageFeatures storage16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &storage16};
    in->GetPhysicalDeviceFeatures2(c->handle, &features);
    c->f16 = storage16.storageBuffer16BitAccess && !vk_switch("FC_VK_NO_F16");
}

static void read_limits(const VkPhysicalDeviceLimits *l, vk_caps *c)
{
    c->max_invocations = l->maxComputeWorkGroupInvocations;
    c->max_shared = l->maxComputeSharedMemorySize;
    c->max_groups = l->maxComputeWorkGroupCount[0] < 65535 ? l->maxComputeWorkGroupCount[0] : 65535;
    c->max_range = l->maxStorageBufferRange;
    c->offset_align = l->minStorageBufferOffsetAlignment;
    c->atom = l->nonCoherentAtomSize;
    uint64_t range = vk_switch("FC_VK_RANGE");
    if (range && range < c->max_range) c->max_range = range < MIN_RANGE ? MIN_RANGE : range;
}

static bool read_device(const vk_instance *in, VkPhysicalDevice handle, vk_caps *c)
{
    *c = (vk_caps){.handle = handle};
    VkPhysicalDeviceMaintenance3Properties limits = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
    VkPhysicalDeviceSubgroupProperties subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES, .pNext = &limits};
    VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                               .pNext = &subgroup};
    VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                     .pNext = &driver};
    in->GetPhysicalDeviceProperties2(handle, &p);
    if (p.properties.apiVersion < VK_API_VERSION_1_2 || !find_queue(in, c)) return false;
    (void)snprintf(c->name, sizeof c->name, "%s", p.properties.deviceName);
    (void)snprintf(c->driver, sizeof c->driver, "%s %s", driver.driverName, driver.driverInfo);
    c->api = p.properties.apiVersion;
    c->driver_version = p.properties.driverVersion;
    c->vendor = p.properties.vendorID;
    memcpy(c->uuid, p.properties.pipelineCacheUUID, sizeof c->uuid);
    c->slow = p.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    c->software = c->slow && !vk_switch("FC_VK_AS_CARD");
    c->unified = c->software || p.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU;
    c->subgroup = subgroup.subgroupSize;
    c->max_allocation = limits.maxMemoryAllocationSize;
    read_limits(&p.properties.limits, c);
    read_features(in, c);
    read_extensions(in, c);
    c->heap_limit = vk_switch("FC_VK_HEAP_MB") << 20;
    VkPhysicalDeviceMemoryProperties2 memory = {.sType =
                                                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    in->GetPhysicalDeviceMemoryProperties2(handle, &memory);
    c->memory = memory.memoryProperties;
    return true;
}

fc_status vk_caps_list(const vk_instance *in, vk_caps *out, int *count, fc_err *err)
{
    VkPhysicalDevice handles[VK_MAX_DEVICES];
    uint32_t found = VK_MAX_DEVICES;
    *count = 0;
    VkResult r = in->EnumeratePhysicalDevices(in->handle, &found, handles);
    if (r && r != VK_INCOMPLETE)
        return fc_fail(err, FC_UNSUPPORTED, "the graphics driver does not tell its devices: %s",
                       vk_result_name(r));
    for (uint32_t i = 0; i < found; i++)
        if (read_device(in, handles[i], &out[*count])) (*count)++;
    return FC_OK;
}

void vk_caps_memory(const vk_instance *in, const vk_caps *caps, uint64_t *total, uint64_t *available)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {.sType =
                                                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                                .pNext = caps->memory_budget ? &budget : NULL};
    in->GetPhysicalDeviceMemoryProperties2(caps->handle, &memory);
    *total = *available = 0;
    for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; i++) {
        const VkMemoryHeap *heap = &memory.memoryProperties.memoryHeaps[i];
        if (!(heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) || heap->size <= *total) continue;
        uint64_t used = budget.heapUsage[i], may = budget.heapBudget[i];
        *total = heap->size;
        /* Without the extension nobody tells what others hold: a share is left to them. */
        *available = caps->memory_budget && may ? (may > used ? may - used : 0) : heap->size - heap->size / 7;
    }
    if (caps->heap_limit) *total = *available = caps->heap_limit;
}

int vk_memory_type(const VkPhysicalDeviceMemoryProperties *memory, uint32_t bits, bool device)
{
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                                mapped = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
                                coherent = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                                cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    int best = -1, best_score = -1;
    for (uint32_t i = 0; i < memory->memoryTypeCount && i < VK_MAX_MEMORY_TYPES; i++) {
        VkMemoryPropertyFlags flags = memory->memoryTypes[i].propertyFlags;
        if (!(bits & (1u << i))) continue;
        if (flags & (VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT | VK_MEMORY_PROPERTY_PROTECTED_BIT)) continue;
        int score;
        if (device) {
            if (!(flags & local)) continue;
            /* Plain device memory first: where the host can map it, it may be a small window of 256 MiB. */
            uint64_t heap = memory->memoryHeaps[memory->memoryTypes[i].heapIndex].size;
            score = (int)(heap >> 26) * 2 + (flags & mapped ? 0 : 1);
        } else {
            if (!(flags & mapped) || !(flags & coherent)) continue;
            score = (flags & cached ? 2 : 0) + (flags & local ? 0 : 1);
        }
        if (score > best_score) {
            best = (int)i;
            best_score = score;
        }
    }
    return best;
}

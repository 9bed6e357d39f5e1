/* VK_KHR_cooperative_matrix: products of small matrices by a card's matrix units, shared by a subgroup. Which
 * sizes there are, and what a device must be asked for before shaders may use them. The declarations are our
 * own: headers of 2023 do not have them yet. */
#ifndef FC_BACKEND_VULKAN_COOPMAT_H
#define FC_BACKEND_VULKAN_COOPMAT_H

#include "backend/vulkan/caps.h"

#define VK_COOPMAT_EXTENSION  "VK_KHR_cooperative_matrix"
#define VK_SUBGROUP_EXTENSION "VK_EXT_subgroup_size_control" /* part of Vulkan 1.3 */

/* What create_device hands over; pNext of the first points to the others. */
typedef struct vk_coopmat_features {
    struct {
        VkStructureType sType;
        void *pNext;
        VkBool32 cooperativeMatrix, robustBufferAccess;
    } matrix;
    VkPhysicalDeviceShaderFloat16Int8Features arithmetic;
    VkPhysicalDeviceVulkanMemoryModelFeatures memory_model;
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroups;
} vk_coopmat_features;

/* A chain of the features; those that a device must have are set when wanted is. */
void vk_coopmat_chain(vk_coopmat_features *f, bool wanted, void *next);
/* Fills in c->coopmat. extended: the device lists both extensions */
void vk_coopmat_read(const vk_instance *in, vk_caps *c, bool extended);

#endif

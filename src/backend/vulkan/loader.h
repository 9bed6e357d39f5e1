/* Vulkan's functions, found at run time: the program starts on machines without the loader library. */
#ifndef FC_BACKEND_VULKAN_LOADER_H
#define FC_BACKEND_VULKAN_LOADER_H

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>
#include "base/status.h"

#define VK_INSTANCE_FUNCTIONS(X)                                                                             \
    X(DestroyInstance)                                                                                       \
    X(EnumeratePhysicalDevices)                                                                              \
    X(EnumerateDeviceExtensionProperties)                                                                    \
    X(GetPhysicalDeviceProperties2)                                                                          \
    X(GetPhysicalDeviceFeatures2)                                                                            \
    X(GetPhysicalDeviceMemoryProperties2)                                                                    \
    X(GetPhysicalDeviceQueueFamilyProperties)                                                                \
    X(CreateDevice)                                                                                          \
    X(GetDeviceProcAddr)

#define VK_DEVICE_FUNCTIONS(X)                                                                               \
    X(DestroyDevice)                                                                                         \
    X(GetDeviceQueue)                                                                                        \
    X(AllocateMemory)                                                                                        \
    X(FreeMemory)                                                                                            \
    X(MapMemory)                                                                                             \
    X(FlushMappedMemoryRanges)                                                                               \
    X(InvalidateMappedMemoryRanges)                                                                          \
    X(CreateBuffer)                                                                                          \
    X(DestroyBuffer)                                                                                         \
    X(GetBufferMemoryRequirements)                                                                           \
    X(BindBufferMemory)                                                                                      \
    X(CreateShaderModule)                                                                                    \
    X(DestroyShaderModule)                                                                                   \
    X(CreateDescriptorSetLayout)                                                                             \
    X(DestroyDescriptorSetLayout)                                                                            \
    X(CreatePipelineLayout)                                                                                  \
    X(DestroyPipelineLayout)                                                                                 \
    X(CreatePipelineCache)                                                                                   \
    X(DestroyPipelineCache)                                                                                  \
    X(GetPipelineCacheData)                                                                                  \
    X(CreateComputePipelines)                                                                                \
    X(DestroyPipeline)                                                                                       \
    X(CreateDescriptorPool)                                                                                  \
    X(DestroyDescriptorPool)                                                                                 \
    X(ResetDescriptorPool)                                                                                   \
    X(AllocateDescriptorSets)                                                                                \
    X(UpdateDescriptorSets)                                                                                  \
    X(CreateCommandPool)                                                                                     \
    X(DestroyCommandPool)                                                                                    \
    X(ResetCommandPool)                                                                                      \
    X(AllocateCommandBuffers)                                                                                \
    X(BeginCommandBuffer)                                                                                    \
    X(EndCommandBuffer)                                                                                      \
    X(CmdBindPipeline)                                                                                       \
    X(CmdBindDescriptorSets)                                                                                 \
    X(CmdPushConstants)                                                                                      \
    X(CmdDispatch)                                                                                           \
    X(CmdPipelineBarrier)                                                                                    \
    X(CmdCopyBuffer)                                                                                         \
    X(CmdFillBuffer)                                                                                         \
    X(CreateFence)                                                                                           \
    X(DestroyFence)                                                                                          \
    X(ResetFences)                                                                                           \
    X(WaitForFences)                                                                                         \
    X(QueueSubmit)                                                                                           \
    X(DeviceWaitIdle)

#define VK_DECLARE(name) PFN_vk##name name;

/* The loader library, an instance, and the instance's functions. */
typedef struct vk_instance {
    void *library;
    VkInstance handle;
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
    VK_INSTANCE_FUNCTIONS(VK_DECLARE)
} vk_instance;

/* The functions of one device. */
typedef struct vk_functions {
    VK_DEVICE_FUNCTIONS(VK_DECLARE)
} vk_functions;

/* UNSUPPORTED, with what to install, when there is no loader library or no driver at all. */
fc_status vk_instance_open(vk_instance *in, fc_err *err) FC_MUST_USE;
void vk_instance_close(vk_instance *in);
fc_status vk_functions_load(const vk_instance *in, VkDevice device, vk_functions *out,
                            fc_err *err) FC_MUST_USE;
/* A switch in the environment (caps.h lists them): a whole number, 0 when it is not set or no number. */
uint64_t vk_switch(const char *name);
/* "VK_ERROR_DEVICE_LOST" */
const char *vk_result_name(VkResult r);

#endif

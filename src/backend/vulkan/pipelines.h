/* Pipelines: shaders made for given constants, when they are first needed. */
#ifndef FC_BACKEND_VULKAN_PIPELINES_H
#define FC_BACKEND_VULKAN_PIPELINES_H

#include "backend/vulkan/device.h"

fc_status vk_pipelines_open(fc_dev *dev);
void vk_pipelines_close(fc_dev *dev);
/* spec: values of the constants 0 .. VK_SPECS-1 (those that the shader does not have are not looked at). */
fc_status vk_pipeline_get(fc_dev *dev, vk_shader shader, const uint32_t spec[VK_SPECS],
                          VkPipeline *out) FC_MUST_USE;

#endif

/* Graphics cards through Vulkan 1.2. */
#ifndef FC_BACKEND_VULKAN_VULKAN_H
#define FC_BACKEND_VULKAN_VULKAN_H

#include "nn/backend.h"

extern const fc_backend fc_backend_vulkan;

#endif

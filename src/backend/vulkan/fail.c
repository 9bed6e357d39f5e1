/* Failures: what the device remembers of the last one, and those that tests ask for. */
#include "backend/vulkan/device.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

fc_status vk_fail_text(fc_dev *dev, fc_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(dev->why, sizeof dev->why, format, args);
    va_end(args);
    return status;
}

fc_status vk_fail(fc_dev *dev, VkResult r, const char *what)
{
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY || r == VK_ERROR_OUT_OF_HOST_MEMORY)
        return vk_fail_text(dev, FC_NOMEM, "%s: %s", what, vk_result_name(r));
    if (r == VK_ERROR_DEVICE_LOST) {
        (void)vk_fail_text(dev, FC_DEVICE, "the graphics card or its driver stopped answering (%s)", what);
        dev->status = FC_DEVICE;
        return FC_DEVICE;
    }
    return vk_fail_text(dev, FC_INTERNAL, "%s: %s (%d)", what, vk_result_name(r), (int)r);
}

static bool is_call(const fc_dev *dev, const char *call)
{
    return strcmp(dev->fail_call, call) == 0;
}

VkResult vk_inject(fc_dev *dev, const char *call, VkResult r)
{
    if (dev->fail_at > 0 && is_call(dev, call) && --dev->fail_at == 0)
        return dev->fail_lost ? VK_ERROR_DEVICE_LOST : VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return r;
}

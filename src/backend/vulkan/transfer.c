/* Between host and device, through the staging memory of the batches. */
#include <string.h>
#include "backend/vulkan/ops.h"

fc_status vk_upload_piece(fc_dev *dev, vk_piece to, const void *src, size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t count = size - done < VK_STAGING_BYTES ? size - done : VK_STAGING_BYTES;
        char *mapped;
        vk_piece staged, part = to;
        fc_status status = vk_batch_stage(dev, count, &mapped, &staged);
        if (status) return status;
        memcpy(mapped, (const char *)src + done, count);
        part.offset += done;
        status = vk_batch_copy(dev, part, staged);
        if (status) return status;
        done += count;
    }
    return FC_OK;
}

fc_status vk_upload(fc_dev *dev, void *dst, const void *src, size_t size)
{
    if (size == 0) return FC_OK;
    vk_piece to;
    fc_status status = vk_locate(dev, dst, size, &to);
    return status ? status : vk_upload_piece(dev, to, src, size);
}

fc_status vk_download(fc_dev *dev, void *dst, const void *src, size_t size)
{
    vk_piece from;
    fc_status status = size ? vk_locate(dev, src, size, &from) : FC_OK;
    for (size_t done = 0; done < size && !status;) {
        size_t count = size - done < VK_STAGING_BYTES ? size - done : VK_STAGING_BYTES;
        char *mapped;
        vk_piece staged, part = from;
        status = vk_batch_stage(dev, count, &mapped, &staged);
        if (status) return status;
        part.offset += done;
        part.size = count;
        status = vk_batch_copy(dev, staged, part);
        if (!status) status = vk_batch_finish(dev);
        if (!status) memcpy((char *)dst + done, mapped, count);
        done += count;
    }
    return status;
}

/* The file of a graphics card in the cache folder, of any bytes: says nothing, or what makes the same header
 * again. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "backend/vulkan/kept.h"

enum { KEY = 77 }; /* of the corpus */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vk_kept k;
    uint8_t header[VK_KEPT_HEADER];
    if (!vk_kept_parse(data, size, KEY, &k)) {
        require(!k.tested && !k.shaders && k.shaders_size == 0);
        return 0;
    }
    require(k.shaders_size == size - VK_KEPT_HEADER);
    if (k.shaders) require(k.shaders == data + VK_KEPT_HEADER);
    vk_kept_header(&k, KEY, header); /* but for flags that nobody knows */
    require(memcmp(header, data, 16) == 0 && memcmp(header + 20, data + 20, 28) == 0);
    return 0;
}

/* The list of backends; nothing else knows which exist. The first is the default. */
#include <stdlib.h>
#include <string.h>
#include "backend/cpu/cpu.h"
#include "backend/ref/ref.h"
#ifdef FC_VULKAN
#include "backend/vulkan/vulkan.h"
#endif
#include "nn/backend.h"

static const fc_backend *const backends[] = {
    &fc_backend_cpu,
    &fc_backend_ref,
#ifdef FC_VULKAN
    &fc_backend_vulkan,
#endif
};
static const char *const names[] = {
    "cpu",
    "ref",
#ifdef FC_VULKAN
    "vulkan",
#endif
    NULL,
};

const fc_backend *fc_backend_get(const char *name)
{
    if (!name) name = getenv("FC_BACKEND");
    if (!name || !*name) return backends[0];
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i]->name, name) == 0) return backends[i];
    return NULL;
}

const char *const *fc_backend_names(void)
{
    return names;
}

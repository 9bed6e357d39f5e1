/* Finds the Vulkan loader library and its functions: see loader.h. */
#include "backend/vulkan/loader.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/str.h"

uint64_t vk_switch(const char *name)
{
    const char *text = getenv(name);
    int64_t value = 0;
    if (!text || !fc_parse_i64(text, &value) || value < 0) return 0;
    return (uint64_t)value;
}

static const char *const libraries[] = {"libvulkan.so.1", "libvulkan.so", "libvulkan.1.dylib",
                                        "libMoltenVK.dylib"};

/* A function pointer out of dlsym's object pointer, which POSIX allows and ISO C does not. */
static PFN_vkGetInstanceProcAddr entry_point(void *library)
{
    PFN_vkGetInstanceProcAddr f = NULL;
    void *symbol = dlsym(library, "vkGetInstanceProcAddr");
    memcpy(&f, &symbol, sizeof f);
    return f;
}

static void *open_library(void)
{
    const char *named = getenv("FC_VK_LIBRARY");
    if (named && *named) return dlopen(named, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        void *library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
        if (library) return library;
    }
    return NULL;
}

static fc_status create_instance(vk_instance *in, fc_err *err)
{
    PFN_vkEnumerateInstanceVersion version_of =
        (PFN_vkEnumerateInstanceVersion)in->GetInstanceProcAddr(NULL, "vkEnumerateInstanceVersion");
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)in->GetInstanceProcAddr(NULL, "vkCreateInstance");
    uint32_t version = 0;
    if (!create || !version_of || version_of(&version) || version < VK_API_VERSION_1_2)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this system's Vulkan is older than 1.2: update the graphics driver");
    VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                             .pApplicationName = "fooocus",
                             .apiVersion = VK_API_VERSION_1_2};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &app};
    VkResult r = create(&info, NULL, &in->handle);
    if (r)
        return fc_fail(err, FC_UNSUPPORTED,
                       "no graphics driver answers through Vulkan (%s): install your card's driver",
                       vk_result_name(r));
    return FC_OK;
}

fc_status vk_instance_open(vk_instance *in, fc_err *err)
{
    *in = (vk_instance){.library = open_library()};
    if (!in->library)
        return fc_fail(err, FC_UNSUPPORTED,
                       "the Vulkan loader is not installed: install libvulkan1 and your card's driver");
    in->GetInstanceProcAddr = entry_point(in->library);
    fc_status status = in->GetInstanceProcAddr
                           ? create_instance(in, err)
                           : fc_fail(err, FC_UNSUPPORTED, "the Vulkan loader library lacks its entry point");
    bool whole = !status;
#define LOAD(name)                                                                                           \
    if (whole) {                                                                                             \
        in->name = (PFN_vk##name)in->GetInstanceProcAddr(in->handle, "vk" #name);                            \
        whole = in->name != NULL;                                                                            \
    }
    VK_INSTANCE_FUNCTIONS(LOAD)
#undef LOAD
    if (status) goto out;
    if (!whole) status = fc_fail(err, FC_UNSUPPORTED, "the Vulkan loader lacks functions of Vulkan 1.2");
out:
    if (status) vk_instance_close(in);
    return status;
}

void vk_instance_close(vk_instance *in)
{
    if (in->handle && in->DestroyInstance) in->DestroyInstance(in->handle, NULL);
    if (in->library) (void)dlclose(in->library);
    *in = (vk_instance){0};
}

fc_status vk_functions_load(const vk_instance *in, VkDevice device, vk_functions *out, fc_err *err)
{
#define LOAD(name)                                                                                           \
    out->name = (PFN_vk##name)in->GetDeviceProcAddr(device, "vk" #name);                                     \
    if (!out->name) return fc_fail(err, FC_UNSUPPORTED, "the graphics driver lacks vk%s", #name);
    VK_DEVICE_FUNCTIONS(LOAD)
#undef LOAD
    return FC_OK;
}

const char *vk_result_name(VkResult r)
{
    switch (r) {
    case VK_SUCCESS:
        return "VK_SUCCESS";
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return "VK_ERROR_OUT_OF_HOST_MEMORY";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return "VK_ERROR_OUT_OF_DEVICE_MEMORY";
    case VK_ERROR_INITIALIZATION_FAILED:
        return "VK_ERROR_INITIALIZATION_FAILED";
    case VK_ERROR_DEVICE_LOST:
        return "VK_ERROR_DEVICE_LOST";
    case VK_ERROR_MEMORY_MAP_FAILED:
        return "VK_ERROR_MEMORY_MAP_FAILED";
    case VK_ERROR_FEATURE_NOT_PRESENT:
        return "VK_ERROR_FEATURE_NOT_PRESENT";
    case VK_ERROR_INCOMPATIBLE_DRIVER:
        return "VK_ERROR_INCOMPATIBLE_DRIVER";
    case VK_ERROR_TOO_MANY_OBJECTS:
        return "VK_ERROR_TOO_MANY_OBJECTS";
    case VK_TIMEOUT:
        return "VK_TIMEOUT";
    default:
        return "a Vulkan error";
    }
}

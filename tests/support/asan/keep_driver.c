/* Part of every test under address checks. Mesa's software driver of Vulkan remembers what it allocates in
 * variables of its own, which are gone when the driver is unloaded with the last device: what a program of
 * ten lines leaves behind by opening and closing one looks like a leak. So the driver stays loaded. */
#include <dlfcn.h>

__attribute__((constructor)) static void keep_driver(void)
{
    (void)dlopen("libvulkan_lvp.so", RTLD_LAZY | RTLD_NODELETE); /* NULL: it is not installed */
}

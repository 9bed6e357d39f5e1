/* The backend's table; opening and closing a device, and choosing one. */
#include "backend/vulkan/vulkan.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/host.h"
#include "backend/vulkan/coopmat.h"
#include "backend/vulkan/ops.h"
#include "backend/vulkan/trust.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define MOST_HALVINGS     4                  /* of a batch, after as many losses */
#define SCRATCH_ADDRESSES ((size_t)64 << 30) /* address space; memory comes when an op asks */

/* ---- choosing ---- */

/* Real cards with memory of their own first, then the processor's, then software. */
static int rank(const vk_caps *c)
{
    return c->software ? 0 : c->unified ? 1 : 2;
}

/* All devices, the best first. */
static fc_status list_devices(const vk_instance *in, vk_caps *caps, int *count, fc_err *err)
{
    fc_status status = vk_caps_list(in, caps, count, err);
    for (int i = 1; !status && i < *count; i++) {
        vk_caps c = caps[i];
        int at = i;
        for (; at > 0 && rank(&caps[at - 1]) < rank(&c); at--) caps[at] = caps[at - 1];
        caps[at] = c;
    }
    return status;
}

static int32_t vk_devices(fc_device_info *out, int32_t room)
{
    vk_instance in;
    vk_caps *caps = fc_alloc(VK_MAX_DEVICES * sizeof *caps);
    int count = 0;
    if (!caps || vk_instance_open(&in, NULL)) {
        fc_free(caps);
        return 0;
    }
    if (list_devices(&in, caps, &count, NULL)) count = 0;
    if (count > room) count = room;
    for (int i = 0; i < count; i++) {
        uint64_t total, available;
        vk_caps_memory(&in, &caps[i], &total, &available);
        out[i] = (fc_device_info){.memory = total, .emulated = caps[i].software};
        (void)snprintf(out[i].name, sizeof out[i].name, "%.95s", caps[i].name);
    }
    vk_instance_close(&in);
    fc_free(caps);
    return count;
}

/* What the kernels of Linux and of Windows below it show of graphics cards; other systems are asked. */
static bool vk_present(void)
{
#ifdef __linux__
    static const char *const nodes[] = {"/dev/dri", "/dev/nvidiactl", "/dev/dxg", "/dev/kgsl-3d0",
                                        "/dev/mali0"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        if (fc_path_exists(nodes[i])) return true;
    return vk_switch("FC_VK_AS_CARD") != 0;
#else
    return true;
#endif
}

static bool contains(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < n && text[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) i++;
        if (i == n) return true;
    }
    return false;
}

static fc_status choose(const vk_caps *caps, int count, const char *wanted, const vk_caps **out, fc_err *err)
{
    *out = NULL;
    int64_t index = -1;
    bool number = wanted && fc_parse_i64(wanted, &index);
    for (int i = 0; i < count && !*out; i++) {
        bool fits = !wanted ? !caps[i].software : number ? index == i : contains(caps[i].name, wanted);
        if (fits) *out = &caps[i];
    }
    if (*out) return FC_OK;
    if (wanted)
        return fc_fail(err, FC_NOT_FOUND, "there is no graphics device %s; `fooocus devices` lists them",
                       wanted);
    return fc_fail(err, FC_UNSUPPORTED, "there is no graphics card that Vulkan 1.2 drives%s",
                   count ? ", only software that plays one: name it to use it" : "");
}

/* ---- opening ---- */

static void read_switches(fc_dev *dev)
{
    dev->max_ops = VK_BATCH_OPS;
    uint64_t ops = vk_switch("FC_VK_BATCH");
    if (ops && ops < VK_BATCH_OPS) dev->max_ops = (int)ops;
    dev->max_work = (double)vk_switch("FC_VK_MFLOP") * 1e6;
    dev->poison = vk_switch("FC_VK_POISON") != 0;
    dev->no_barriers = vk_switch("FC_VK_NO_BARRIERS") != 0;
    dev->direct = dev->caps.software;
    const char *shared = getenv("FC_VK_DIRECT"), *tile = getenv("FC_VK_TILE"), *fail = getenv("FC_VK_FAIL");
    if (shared && *shared) dev->direct = *shared == '1';
    if (tile && strcmp(tile, "128") == 0) dev->tile = 128;
    if (tile && strcmp(tile, "64") == 0) dev->tile = 64;
    if (!fail) return;
    const char *first = strchr(fail, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    size_t length = first ? (size_t)(first - fail) : sizeof dev->fail_call;
    if (!second || length >= sizeof dev->fail_call) return;
    char number[16];
    int64_t at = 0;
    (void)snprintf(number, sizeof number, "%.*s", (int)(second - first - 1), first + 1);
    memcpy(dev->fail_call, fail, length);
    if (fc_parse_i64(number, &at) && at > 0 && at < 1000000) dev->fail_at = (int)at;
    dev->fail_lost = strcmp(second + 1, "lost") == 0;
}

static fc_status create_device(fc_dev *dev, fc_err *err)
{
    const vk_caps *c = &dev->caps;
    const char *extensions[5];
    uint32_t count = 0;
    if (c->memory_budget) extensions[count++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    if (c->portability) extensions[count++] = "VK_KHR_portability_subset";
    VkPhysicalDevice16BitStorageFeatures storage16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
        .storageBuffer16BitAccess = c->f16};
    vk_coopmat_features coopmat;
    vk_coopmat_chain(&coopmat, true, &storage16);
    if (c->coopmat) extensions[count++] = VK_COOPMAT_EXTENSION;
    if (c->coopmat) extensions[count++] = VK_SUBGROUP_EXTENSION;
    float priority = 0.5f;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = c->family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = c->coopmat ? (void *)&coopmat.matrix : (void *)&storage16,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = count,
                               .ppEnabledExtensionNames = extensions};
    VkResult r = dev->instance.CreateDevice(c->handle, &info, NULL, &dev->handle);
    if (r) return fc_fail(err, FC_UNSUPPORTED, "%s cannot be opened: %s", c->name, vk_result_name(r));
    fc_status status = vk_functions_load(&dev->instance, dev->handle, &dev->f, err);
    if (!status) dev->f.GetDeviceQueue(dev->handle, c->family, 0, &dev->queue);
    return status;
}

static fc_status open_parts(fc_dev *dev, const fc_backend_opts *opts)
{
    uint64_t total, limit;
    vk_caps_memory(&dev->instance, &dev->caps, &total, &limit);
    if (opts && opts->memory_limit && opts->memory_limit < limit) limit = opts->memory_limit;
    fc_status status = vk_heap_open(dev, limit);
    if (status != FC_OK) return status;
    status = vk_pipelines_open(dev);
    if (status != FC_OK) return status;
    status = vk_batches_open(dev);
    if (status) return status;
    void *scratch = NULL;
    status = vk_addresses(dev, SCRATCH_ADDRESSES, &scratch);
    dev->scratch = scratch;
    return status;
}

static void vk_close(fc_dev *dev)
{
    if (!dev) return;
    if (dev->handle && dev->f.DeviceWaitIdle) {
        (void)dev->f.DeviceWaitIdle(dev->handle);
        vk_remember(dev);
        vk_batches_close(dev);
        vk_pipelines_close(dev);
        vk_addresses_close(dev);
        vk_heap_close(dev);
        dev->f.DestroyDevice(dev->handle, NULL);
    }
    vk_instance_close(&dev->instance);
    fc_buf_fini(&dev->kept_bytes);
    fc_free(dev);
}

static fc_status prepare(fc_dev *dev, const fc_backend_opts *opts)
{
    fc_status status = open_parts(dev, opts);
    return status ? status : vk_trust(dev);
}

static fc_status vk_open(const fc_backend_opts *opts, fc_dev **out, fc_err *err)
{
    *out = NULL;
    fc_dev *dev = fc_calloc(1, sizeof *dev);
    vk_caps *caps = fc_alloc(VK_MAX_DEVICES * sizeof *caps);
    fc_status status =
        dev && caps ? vk_instance_open(&dev->instance, err) : fc_fail(err, FC_NOMEM, "out of memory");
    int count = 0;
    const vk_caps *chosen = NULL;
    if (status) goto out;
    status = list_devices(&dev->instance, caps, &count, err);
    if (status) goto out;
    status = choose(caps, count, opts ? opts->device : NULL, &chosen, err);
    if (status) goto out;
    dev->caps = *chosen;
    dev->threads = fc_host_threads(opts ? opts->threads : 0);
    dev->share = ldexp(1.0, -(opts && opts->losses < MOST_HALVINGS ? opts->losses
                              : opts                               ? MOST_HALVINGS
                                                                   : 0));
    read_switches(dev);
    vk_recall(dev, opts ? opts->cache_dir : NULL);
    status = create_device(dev, err);
    if (status) goto out;
    status = prepare(dev, opts);
    if (status) (void)fc_fail(err, status, "%s: %s", dev->caps.name, dev->why);
out:
    fc_free(caps);
    if (status)
        vk_close(dev);
    else
        *out = dev;
    return status;
}

/* ---- the rest of the table ---- */

static void vk_info(const fc_dev *dev, fc_backend_info *out)
{
    *out = (fc_backend_info){
        .threads = dev->threads, .dtypes = FC_DTYPE_BIT(FC_F32), .best = FC_F32, .best_wide = FC_F32};
    if (dev->caps.f16) {
        out->dtypes |= FC_DTYPE_BIT(FC_F16) | FC_DTYPE_BIT(FC_BF16);
        out->best = FC_F16;
        out->best_wide = FC_BF16;
    }
    (void)snprintf(out->name, sizeof out->name, "vulkan");
    (void)snprintf(out->note, sizeof out->note, "%s", dev->note);
    (void)snprintf(out->machine, sizeof out->machine, "%.63s", dev->caps.name);
    (void)snprintf(out->library, sizeof out->library, "Vulkan %u.%u.%u", VK_API_VERSION_MAJOR(dev->caps.api),
                   VK_API_VERSION_MINOR(dev->caps.api), VK_API_VERSION_PATCH(dev->caps.api));
    (void)snprintf(out->description, sizeof out->description, "%.70s, %llu MiB, %.60s", dev->caps.name,
                   (unsigned long long)(dev->heap.limit >> 20), dev->caps.driver);
}

/* What the driver still gives and the holes in what it gave already. */
static void vk_memory(fc_dev *dev, fc_device_memory *out)
{
    uint64_t total, available;
    vk_deferred_run(dev);
    vk_caps_memory(&dev->instance, &dev->caps, &total, &available);
    if (!dev->caps.memory_budget) available = available > dev->heap.held ? available - dev->heap.held : 0;
    available += dev->heap.held - dev->heap.used;
    uint64_t left = dev->heap.limit > dev->heap.used ? dev->heap.limit - dev->heap.used : 0;
    out->total = dev->heap.limit;
    out->peak = dev->heap.peak;
    out->available = available < left ? available : left;
}

static const char *vk_why(const fc_dev *dev)
{
    return dev->why;
}

static void vk_watch(fc_dev *dev, const int *cancel)
{
    dev->cancel = cancel;
}

const fc_backend fc_backend_vulkan = {
    .name = "vulkan",
    .devices = vk_devices,
    .present = vk_present,
    .open = vk_open,
    .close = vk_close,
    .info = vk_info,
    .memory = vk_memory,
    .why = vk_why,
    .watch = vk_watch,
    .mem_alloc = vk_mem_alloc,
    .mem_free = vk_mem_free,
    .upload = vk_upload,
    .download = vk_download,
    .wait = vk_batch_finish,
    .pack_linear = vk_pack_linear,
    .pack_conv = vk_pack_conv,
    .pack_vector = vk_pack_vector,
    .packed_bytes = vk_packed_bytes,
    .packed_free = vk_packed_free,
    .stage = vk_stage,
    .unstage = vk_unstage,
    .peak_work = vk_peak_work,
    .linear = vk_linear,
    .conv2d = vk_conv2d,
    .group_norm = vk_group_norm,
    .group_stats = vk_group_stats,
    .layer_norm = vk_layer_norm,
    .attention = vk_attention,
    .geglu = vk_geglu,
    .unary = vk_unary,
    .axpby = vk_axpby,
    .copy = vk_copy,
};

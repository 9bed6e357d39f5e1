/* Trust in a device, kept between runs: see trust.h. */
#include "backend/vulkan/trust.h"

#include <stdio.h>
#include <string.h>
#include "backend/vulkan/ops.h"
#include "backend/vulkan/selftest.h"
#include "base/clock.h"
#include "base/embed.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

extern const fc_embedded_set fc_vk_shaders;

/* ---- the file ---- */

/* Device, driver and program, and what switches leave of the device: the file of another is none. */
static uint64_t key_of(const vk_caps *c, bool direct)
{
    struct {
        uint8_t uuid[VK_UUID_SIZE];
        uint64_t program, driver, name;
        uint32_t vendor, version, api, subgroup, coopmat, f16, direct, unused;
    } k = {.driver = fc_fnv1a(c->driver, strlen(c->driver)),
           .name = fc_fnv1a(c->name, strlen(c->name)),
           .vendor = c->vendor,
           .version = c->driver_version,
           .api = c->api,
           .subgroup = c->subgroup,
           .coopmat = (uint32_t)c->coopmat,
           .f16 = c->f16,
           .direct = direct};
    memcpy(k.uuid, c->uuid, sizeof k.uuid);
    k.program = fc_fnv1a(FC_VERSION, sizeof FC_VERSION);
    for (size_t i = 0; i < fc_vk_shaders.count; i++) {
        const fc_embedded_file *f = &fc_vk_shaders.files[i];
        k.program = fc_splitmix64(k.program ^ fc_fnv1a(f->data, f->size));
    }
    return fc_fnv1a(&k, sizeof k);
}

void vk_recall(fc_dev *dev, const char *cache_dir)
{
    char name[40];
    dev->kept_key = key_of(&dev->caps, dev->direct);
    if (!cache_dir || !*cache_dir || dev->caps.software) return;
    (void)snprintf(name, sizeof name, "card-%016llx.bin", (unsigned long long)dev->kept_key);
    if (fc_mkdir_all(cache_dir, NULL) ||
        fc_path_join(dev->kept_path, sizeof dev->kept_path, cache_dir, name)) {
        dev->kept_path[0] = 0;
        return;
    }
    fc_buf_init(&dev->kept_bytes, VK_KEPT_MOST);
    if (!fc_path_exists(dev->kept_path) || fc_file_read(dev->kept_path, &dev->kept_bytes, NULL)) return;
    const uint8_t *bytes = (const uint8_t *)dev->kept_bytes.data;
    if (!vk_kept_parse(bytes, dev->kept_bytes.len, dev->kept_key, &dev->kept))
        fc_log(FC_LOG_INFO, "%s is broken and will be written anew", dev->kept_path);
}

/* The driver's compiled shaders; NULL: there are none to be had. */
static uint8_t *shaders_of(fc_dev *dev, size_t *size)
{
    *size = 0;
    if (!dev->cache || dev->f.GetPipelineCacheData(dev->handle, dev->cache, size, NULL) || *size == 0 ||
        *size > VK_KEPT_MOST - VK_KEPT_HEADER) {
        *size = 0;
        return NULL;
    }
    uint8_t *data = fc_alloc(*size);
    if (data && !dev->f.GetPipelineCacheData(dev->handle, dev->cache, size, data)) return data;
    fc_free(data);
    *size = 0;
    return NULL;
}

void vk_remember(fc_dev *dev)
{
    fc_buf file;
    uint8_t header[VK_KEPT_HEADER];
    if (!dev->kept_path[0] || dev->status || dev->kept_pipelines == dev->pipelines_made) return;
    vk_kept k = dev->kept;
    uint8_t *shaders = shaders_of(dev, &k.shaders_size);
    k.shaders = shaders;
    if (dev->speed > 0) k.speed = dev->speed;
    vk_kept_header(&k, dev->kept_key, header);
    fc_buf_init(&file, VK_KEPT_MOST);
    fc_buf_append(&file, header, sizeof header);
    fc_buf_append(&file, shaders, k.shaders_size);
    fc_err err = {0};
    if (!file.status && fc_file_write_atomic(dev->kept_path, file.data, file.len, &err))
        fc_log(FC_LOG_INFO, "what was found out about %s is not kept: %s", dev->caps.name, err.message);
    dev->kept_pipelines = dev->pipelines_made;
    fc_buf_fini(&file);
    fc_free(shaders);
}

/* ---- the self-test ---- */

static void note(fc_dev *dev, const char *what, const char *why)
{
    (void)snprintf(dev->note, sizeof dev->note, "%.60s: %s not used, for %.90s", dev->caps.name, what, why);
    fc_log(FC_LOG_WARN, "%s", dev->note);
}

static fc_status without_f16(fc_dev *dev)
{
    dev->caps.f16 = false;
    dev->caps.coopmat = VK_COOPMAT_NONE;
    vk_pipelines_close(dev);
    return vk_pipelines_open(dev);
}

/* Wrong numbers, or a driver that cannot even compile what it promised to. */
static bool is_wrong(fc_status status)
{
    return status != FC_OK && status != FC_DEVICE;
}

/* One that is wrong with matrix units computes without them, one that is wrong in 16 bits in float32. */
static fc_status find_out(fc_dev *dev)
{
    fc_status status = vk_selftest(dev);
    if (is_wrong(status) && dev->caps.coopmat) {
        note(dev, "matrix units are", dev->why);
        dev->caps.coopmat = VK_COOPMAT_NONE;
        dev->kept.no_coopmat = true;
        status = vk_selftest(dev);
    }
    if (is_wrong(status) && dev->caps.f16) {
        note(dev, "16-bit numbers are", dev->why);
        dev->kept.no_f16 = true;
        status = without_f16(dev);
        if (!status) status = vk_selftest(dev);
    }
    return status;
}

fc_status vk_trust(fc_dev *dev)
{
    if (dev->caps.software) return FC_OK;
    if (dev->kept.tested) {
        dev->speed = dev->kept.speed;
        const char *known = "its driver computed wrongly when it was tested";
        if (dev->kept.no_coopmat) note(dev, "matrix units are", known);
        if (dev->kept.no_f16) note(dev, "16-bit numbers are", known);
        if (dev->kept.no_coopmat) dev->caps.coopmat = VK_COOPMAT_NONE;
        return dev->kept.no_f16 ? without_f16(dev) : FC_OK;
    }
    fc_status status = find_out(dev);
    if (status) return status;
    dev->kept.tested = true;
    vk_remember(dev);
    return FC_OK;
}

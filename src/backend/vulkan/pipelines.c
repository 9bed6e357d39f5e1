/* Shader modules and pipelines: see pipelines.h. */
#include "backend/vulkan/pipelines.h"

#include <stdio.h>
#include <string.h>
#include "base/embed.h"
#include "base/mem.h"

extern const fc_embedded_set fc_vk_shaders; /* spirv/: made by tools/shaders.sh */

static const char *const names[VK_SHADERS] = {"product",    "product_coop", "attention",   "attention_coop",
                                              "softmax",    "norm_stats",   "norm_finish", "norm_apply",
                                              "layer_norm", "elementwise",  "peak",        "peak_coop"};

static bool is_coop(vk_shader shader)
{
    return shader == VK_PRODUCT_COOP || shader == VK_ATTENTION_COOP || shader == VK_PEAK_COOP;
}

fc_status vk_pipelines_open(fc_dev *dev)
{
    VkDescriptorSetLayoutBinding bindings[VK_BINDINGS];
    for (uint32_t i = 0; i < VK_BINDINGS; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                                                     .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                                     .descriptorCount = 1,
                                                     .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    VkDescriptorSetLayoutCreateInfo set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                           .bindingCount = VK_BINDINGS,
                                           .pBindings = bindings};
    VkResult r = dev->f.CreateDescriptorSetLayout(dev->handle, &set, NULL, &dev->set_layout);
    if (r) return vk_fail(dev, r, "descriptor layout");
    VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, VK_PUSH_BYTES};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .setLayoutCount = 1,
                                         .pSetLayouts = &dev->set_layout,
                                         .pushConstantRangeCount = 1,
                                         .pPushConstantRanges = &push};
    r = dev->f.CreatePipelineLayout(dev->handle, &layout, NULL, &dev->layout);
    if (r) return vk_fail(dev, r, "pipeline layout");
    VkPipelineCacheCreateInfo cache = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                       .initialDataSize = dev->kept.shaders_size,
                                       .pInitialData = dev->kept.shaders};
    r = dev->f.CreatePipelineCache(dev->handle, &cache, NULL, &dev->cache);
    return r ? vk_fail(dev, r, "pipeline cache") : FC_OK;
}

void vk_pipelines_close(fc_dev *dev)
{
    for (int i = 0; i < dev->pipeline_count; i++)
        dev->f.DestroyPipeline(dev->handle, dev->pipelines[i].handle, NULL);
    for (int i = 0; i < VK_SHADERS; i++)
        if (dev->modules[i]) dev->f.DestroyShaderModule(dev->handle, dev->modules[i], NULL);
    if (dev->cache) dev->f.DestroyPipelineCache(dev->handle, dev->cache, NULL);
    if (dev->layout) dev->f.DestroyPipelineLayout(dev->handle, dev->layout, NULL);
    if (dev->set_layout) dev->f.DestroyDescriptorSetLayout(dev->handle, dev->set_layout, NULL);
    fc_free(dev->pipelines);
    memset(dev->modules, 0, sizeof dev->modules);
    dev->pipelines = NULL;
    dev->pipeline_count = dev->pipeline_room = 0;
}

static fc_status load_module(fc_dev *dev, vk_shader shader)
{
    if (dev->modules[shader]) return FC_OK;
    char name[40];
    const char *kind = dev->caps.f16 ? "_16" : "";
    if (is_coop(shader)) kind = dev->caps.coopmat == VK_COOPMAT_8 ? "8" : "16";
    (void)snprintf(name, sizeof name, "%s%s.spv", names[shader], kind);
    const fc_embedded_file *file = fc_embedded_find(&fc_vk_shaders, name);
    if (!file) return vk_fail_text(dev, FC_INTERNAL, "there is no shader %s", name);
    uint32_t *words = fc_alloc(file->size); /* the embedded bytes have no alignment */
    if (!words) return vk_fail_text(dev, FC_NOMEM, "out of memory");
    memcpy(words, file->data, file->size);
    VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = file->size, .pCode = words};
    VkResult r = dev->f.CreateShaderModule(dev->handle, &info, NULL, &dev->modules[shader]);
    fc_free(words);
    return r ? vk_fail(dev, r, name) : FC_OK;
}

static VkResult make(fc_dev *dev, vk_pipeline *p)
{
    VkSpecializationMapEntry entries[VK_SPECS];
    for (uint32_t i = 0; i < VK_SPECS; i++)
        entries[i] = (VkSpecializationMapEntry){i, i * (uint32_t)sizeof(uint32_t), sizeof(uint32_t)};
    VkSpecializationInfo special = {VK_SPECS, entries, sizeof p->spec, p->spec};
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = dev->modules[p->shader],
                  .pName = "main",
                  .pSpecializationInfo = &special},
        .layout = dev->layout};
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = dev->caps.subgroup};
    if (is_coop(p->shader)) {
        info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
        if (dev->caps.subgroup_choice) info.stage.pNext = &subgroup;
    }
    VkResult r = vk_inject(dev, "pipeline", VK_SUCCESS);
    return r ? r : dev->f.CreateComputePipelines(dev->handle, dev->cache, 1, &info, NULL, &p->handle);
}

fc_status vk_pipeline_get(fc_dev *dev, vk_shader shader, const uint32_t spec[VK_SPECS], VkPipeline *out)
{
    *out = VK_NULL_HANDLE;
    if (dev->status) return dev->status;
    for (int i = 0; i < dev->pipeline_count; i++) {
        const vk_pipeline *p = &dev->pipelines[i];
        if (p->shader != shader || memcmp(p->spec, spec, sizeof p->spec) != 0) continue;
        *out = p->handle;
        return FC_OK;
    }
    if (dev->pipeline_count == dev->pipeline_room) {
        int room = dev->pipeline_room ? 2 * dev->pipeline_room : 64;
        vk_pipeline *more = fc_realloc(dev->pipelines, (size_t)room * sizeof *more);
        if (!more) return vk_fail_text(dev, FC_NOMEM, "out of memory");
        dev->pipelines = more;
        dev->pipeline_room = room;
    }
    fc_status status = load_module(dev, shader);
    if (status) return status;
    vk_pipeline fresh = {.shader = shader};
    memcpy(fresh.spec, spec, sizeof fresh.spec);
    VkResult r = make(dev, &fresh);
    if (r) return vk_fail(dev, r, names[shader]);
    dev->pipelines[dev->pipeline_count++] = fresh;
    dev->pipelines_made++;
    *out = fresh.handle;
    return FC_OK;
}

/* Which cooperative matrices a device offers: see coopmat.h. */
#include "backend/vulkan/coopmat.h"

#include "base/mem.h"

/* Numbers of the registry of Vulkan. */
enum { FLOAT16 = 0, FLOAT32 = 1, SCOPE_SUBGROUP = 3, MOST_SHAPES = 256 };
#define TYPE_FEATURES ((VkStructureType)1000506000)
#define TYPE_SHAPE    ((VkStructureType)1000506001)
#define TYPE_STAGES   ((VkStructureType)1000506002)

typedef struct shape {
    VkStructureType sType;
    void *pNext;
    uint32_t m, n, k;
    int a, b, c, result; /* types of components */
    VkBool32 saturating;
    int scope;
} shape;

typedef struct stages {
    VkStructureType sType;
    void *pNext;
    VkShaderStageFlags stages;
} stages;

typedef VkResult(VKAPI_PTR *read_shapes)(VkPhysicalDevice device, uint32_t *count, shape *out);

#ifdef VK_KHR_cooperative_matrix
_Static_assert(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR == 1000506000 &&
                   VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR == 1000506001 &&
                   VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR == 1000506002 &&
                   VK_COMPONENT_TYPE_FLOAT16_KHR == 0 && VK_COMPONENT_TYPE_FLOAT32_KHR == 1 &&
                   VK_SCOPE_SUBGROUP_KHR == 3,
               "numbers");
_Static_assert(sizeof(shape) == sizeof(VkCooperativeMatrixPropertiesKHR) &&
                   offsetof(shape, scope) == offsetof(VkCooperativeMatrixPropertiesKHR, scope) &&
                   sizeof(stages) == sizeof(VkPhysicalDeviceCooperativeMatrixPropertiesKHR) &&
                   sizeof(((vk_coopmat_features *)0)->matrix) ==
                       sizeof(VkPhysicalDeviceCooperativeMatrixFeaturesKHR),
               "layouts");
#endif

void vk_coopmat_chain(vk_coopmat_features *f, bool wanted, void *next)
{
    *f = (vk_coopmat_features){
        .matrix = {.sType = TYPE_FEATURES, .cooperativeMatrix = wanted},
        .arithmetic = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES,
                       .shaderFloat16 = wanted},
        .memory_model = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES,
                         .vulkanMemoryModel = wanted},
        .subgroups = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
                      .subgroupSizeControl = wanted,
                      .computeFullSubgroups = wanted}};
    f->matrix.pNext = &f->arithmetic;
    f->arithmetic.pNext = &f->memory_model;
    f->memory_model.pNext = &f->subgroups;
    f->subgroups.pNext = next;
}

static bool has_features(const vk_instance *in, const vk_caps *c)
{
    vk_coopmat_features f;
    vk_coopmat_chain(&f, false, NULL);
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = &f.matrix};
    in->GetPhysicalDeviceFeatures2(c->handle, &all);
    return f.matrix.cooperativeMatrix && f.arithmetic.shaderFloat16 && f.memory_model.vulkanMemoryModel &&
           f.subgroups.subgroupSizeControl && f.subgroups.computeFullSubgroups;
}

/* The shaders count on a subgroup's size: the one that the device names must be what they get. */
static bool has_subgroups(const vk_instance *in, vk_caps *c)
{
    VkPhysicalDeviceSubgroupSizeControlProperties size = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceSubgroupProperties can = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
                                              .pNext = &size};
    stages where = {.sType = TYPE_STAGES, .pNext = &can};
    VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                     .pNext = &where};
    in->GetPhysicalDeviceProperties2(c->handle, &p);
    const VkSubgroupFeatureFlags need = VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    bool fixed = size.minSubgroupSize == size.maxSubgroupSize;
    bool chosen = (size.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
    c->subgroup_choice = !fixed;
    return (where.stages & VK_SHADER_STAGE_COMPUTE_BIT) && (fixed || chosen) &&
           (can.supportedOperations & need) == need && c->subgroup >= 8 && c->subgroup <= 64 &&
           4 * c->subgroup <= c->max_invocations;
}

static bool offers(const shape *s, uint32_t side)
{
    return s->m == side && s->n == side && s->k == side && s->a == FLOAT16 && s->b == FLOAT16 &&
           s->c == FLOAT32 && s->result == FLOAT32 && s->scope == SCOPE_SUBGROUP;
}

static vk_coopmat best_shape(const vk_instance *in, const vk_caps *c)
{
    read_shapes read =
        (read_shapes)in->GetInstanceProcAddr(in->handle, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    uint32_t count = 0;
    vk_coopmat best = VK_COOPMAT_NONE;
    if (!read || read(c->handle, &count, NULL) || count == 0 || count > MOST_SHAPES) return best;
    shape *list = fc_calloc(count, sizeof *list);
    if (!list) return best;
    for (uint32_t i = 0; i < count; i++) list[i].sType = TYPE_SHAPE;
    VkResult r = read(c->handle, &count, list);
    for (uint32_t i = 0; i < count && (!r || r == VK_INCOMPLETE); i++) {
        if (offers(&list[i], 16)) best = VK_COOPMAT_16;
        if (offers(&list[i], 8) && best == VK_COOPMAT_NONE) best = VK_COOPMAT_8;
    }
    fc_free(list);
    return best;
}

void vk_coopmat_read(const vk_instance *in, vk_caps *c, bool extended)
{
    c->coopmat = VK_COOPMAT_NONE;
    if (!extended || !c->f16 || vk_switch("FC_VK_NO_COOPMAT")) return;
    if (!has_features(in, c) || !has_subgroups(in, c)) return;
    c->coopmat = best_shape(in, c);
    uint64_t asked = vk_switch("FC_VK_COOPMAT");
    if (asked == 8) c->coopmat = VK_COOPMAT_8;
    if (asked == 16) c->coopmat = VK_COOPMAT_16;
}

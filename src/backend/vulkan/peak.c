/* The device's limits, measured: arithmetic on values in registers. */
#include "backend/vulkan/ops.h"

enum { ROUNDS = 512, RESULT_BYTES = 4096 };

/* As in the shaders. */
struct push {
    uint32_t rounds;
    float a, b;
};

/* Workgroups of `each` FLOP for some tens of milliseconds at the speed seen so far. */
static double work(fc_dev *dev, vk_shader shader, const uint32_t spec[VK_SPECS], double each)
{
    struct push u = {ROUNDS, 0.5f, 0.25f};
    vk_dispatch d = {.push = &u, .push_bytes = sizeof u};
    double groups = vk_batch_work_limit(dev) / each, most = dev->caps.max_groups;
    d.groups[0] = groups < 1 ? 1 : groups > most ? (uint32_t)most : (uint32_t)groups;
    d.groups[1] = d.groups[2] = 1;
    d.work = each * d.groups[0];
    fc_status status = vk_locate(dev, dev->scratch, RESULT_BYTES, &d.operand[5].part);
    if (status) return 0.0;
    d.operand[5].write = true;
    status = vk_pipeline_get(dev, shader, spec, &d.pipeline);
    if (status) return 0.0;
    status = vk_batch_dispatch(dev, &d);
    if (status) return 0.0;
    return vk_batch_finish(dev) == FC_OK ? d.work : 0.0;
}

double vk_peak_work(fc_dev *dev, fc_peak kind)
{
    const double matrices = 4.0, side = dev->caps.coopmat == VK_COOPMAT_8 ? 8 : 16;
    if (kind == FC_PEAK_F32) return work(dev, VK_PEAK, (uint32_t[VK_SPECS]){0}, 64.0 * ROUNDS * 8 * 4 * 2);
    if (kind != FC_PEAK_F16 || !dev->caps.coopmat) return 0.0;
    /* four subgroups a workgroup, four products a round */
    return work(dev, VK_PEAK_COOP, (uint32_t[VK_SPECS]){4 * dev->caps.subgroup},
                4.0 * ROUNDS * matrices * 2.0 * side * side * side);
}

/* What the fields of kind ENUM may be. Samplers, schedulers and performance modes come from the tables of
 * their owners. */
#include "app/params.h"

#include "diffusion/schedule.h"

#define TABLE(fn, ...)                                                                                       \
    const char *fn(size_t index)                                                                             \
    {                                                                                                        \
        static const char *const names[] = {__VA_ARGS__};                                                    \
        return index < sizeof names / sizeof names[0] ? names[index] : NULL;                                 \
    }

TABLE(fc_choice_recipe, "1.0", "2.5")
TABLE(fc_choice_format, "png", "jpeg", "webp")
TABLE(fc_choice_metadata, "none", "fooocus", "a1111")
TABLE(fc_choice_swap, "joint", "separate")
TABLE(fc_choice_performance, "speed", "quality", "extreme-speed", "lightning", "hyper-sd")
TABLE(fc_choice_sampler, "euler", "euler_ancestral", "heun", "heunpp2", "dpm_2", "dpm_2_ancestral", "lms",
      "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_sde_gpu", "dpmpp_2m",
      "dpmpp_2m_sde", "dpmpp_2m_sde_gpu", "dpmpp_3m_sde", "dpmpp_3m_sde_gpu", "ddpm", "lcm", "tcd", "restart",
      "ddim", "uni_pc", "uni_pc_bh2")

const char *fc_choice_scheduler(size_t index)
{
    const fc_scheduler *s = fc_scheduler_at(index);
    return s ? s->name : NULL;
}

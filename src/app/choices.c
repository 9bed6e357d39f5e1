/* Names of performance modes, samplers and schedulers. */
#include "app/params.h"

#define TABLE(fn, ...)                                                                                       \
    const char *const *fn(size_t *count)                                                                     \
    {                                                                                                        \
        static const char *const names[] = {__VA_ARGS__};                                                    \
        *count = sizeof names / sizeof names[0];                                                             \
        return names;                                                                                        \
    }

TABLE(fc_choices_performance, "speed", "quality", "extreme-speed", "lightning", "hyper-sd")
TABLE(fc_choices_sampler, "euler", "euler_ancestral", "heun", "heunpp2", "dpm_2", "dpm_2_ancestral", "lms",
      "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_sde_gpu", "dpmpp_2m",
      "dpmpp_2m_sde", "dpmpp_2m_sde_gpu", "dpmpp_3m_sde", "dpmpp_3m_sde_gpu", "ddpm", "lcm", "tcd", "restart",
      "ddim", "uni_pc", "uni_pc_bh2")
TABLE(fc_choices_scheduler, "normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "lcm",
      "turbo", "align_your_steps", "tcd", "edm_playground_v2.5")

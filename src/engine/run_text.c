/* A picture from texts alone, and what every run ends with: sampling and decoding. */
#include <string.h>

#include "base/mem.h"
#include "engine/engine_impl.h"

fc_status fc_engine_paint(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                          fc_picture *out, fc_err *err)
{
    float *latent = NULL;
    fc_status status = fc_engine_sample(e, task, hooks, arena, &latent, err);
    if (status) return status;
    out->latent_width = task->width / 8;
    out->latent_height = task->height / 8;
    size_t bytes =
        (size_t)out->latent_width * (size_t)out->latent_height * FC_LATENT_CHANNELS * sizeof(float);
    out->latent = fc_alloc(bytes);
    if (!out->latent) return fc_fail(err, FC_NOMEM, "out of memory");
    memcpy(out->latent, latent, bytes);
    return fc_engine_decode(e, task, hooks, out, err);
}

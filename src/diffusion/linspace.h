/* PyTorch's float32 linspace, bit for bit: schedules are built on it, and the last bits of sigmas matter. */
#ifndef FC_DIFFUSION_LINSPACE_H
#define FC_DIFFUSION_LINSPACE_H

#include <stddef.h>

/* out[count] from start to end, both included; count 1 gives start. */
void fc_linspace(float *out, float start, float end, size_t count);

#endif

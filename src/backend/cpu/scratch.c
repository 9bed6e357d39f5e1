/* Memory that kernels need for one call; it grows and stays. */
#include "backend/cpu/dev.h"
#include "backend/host.h"
#include "base/mem.h"

void *fc_cpu_scratch(fc_dev *dev, fc_scratch kind, size_t size)
{
    if (size <= dev->scratch[kind].size) return dev->scratch[kind].p;
    void *p = fc_alloc_aligned(FC_HOST_ALIGN, size);
    if (!p) return NULL;
    fc_free(dev->scratch[kind].p);
    dev->scratch[kind].p = p;
    dev->scratch[kind].size = size;
    return p;
}

/* A device of its own on the processor for networks beside the pictures: translating and describing are
 * little work, and need no model that draws to be loaded. */
#ifndef FC_ENGINE_SIDE_DEVICE_H
#define FC_ENGINE_SIDE_DEVICE_H

#include "nn/cx.h"

typedef struct fc_side_device {
    const fc_backend *backend;
    fc_dev *dev; /* NULL: closed */
    fc_packcache packs;
    fc_cx cx;
} fc_side_device;

fc_status fc_side_device_open(fc_side_device *d, fc_err *err) FC_MUST_USE;
/* Zeroed is fine. Models that were run on it are closed before. */
void fc_side_device_close(fc_side_device *d);

#endif

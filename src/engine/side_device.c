/* See side_device.h. */
#include "engine/side_device.h"

fc_status fc_side_device_open(fc_side_device *d, fc_err *err)
{
    d->backend = fc_backend_get("cpu");
    fc_status status = d->backend->open(&(fc_backend_opts){0}, &d->dev, err);
    if (status) return status;
    fc_packcache_init(&d->packs, d->backend, d->dev, SIZE_MAX);
    fc_cx_init(&d->cx,
               &(fc_cx_opts){.backend = d->backend, .dev = d->dev, .packs = &d->packs, .act = FC_F32});
    return FC_OK;
}

void fc_side_device_close(fc_side_device *d)
{
    if (!d->dev) return;
    fc_cx_fini(&d->cx);
    fc_packcache_fini(&d->packs);
    d->backend->close(d->dev);
    d->dev = NULL;
}

/* Inside fooocus*.c; each file calls those before it: request, run, pictures, fooocus. */
#ifndef FC_SERVER_COMPAT_FOOOCUS_H
#define FC_SERVER_COMPAT_FOOOCUS_H

#include "server/compat/compat.h"

/* What the body says about any picture, as our parameters; NULL: err tells why. */
json_t *fc_fooocus_parameters(fc_http *h, fc_err *err);
/* Whether the answer is to be the picture itself. */
bool fc_fooocus_wants_png(fc_http *h);
/* Submits what `make` gives, at once or waiting as the body wishes, and answers. */
void fc_fooocus_run(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err));
/* The answer to what failed, in the client's names; http 0: as the status says. */
void fc_fooocus_refuse(fc_http *h, unsigned http, const fc_err *err);
/* How a job stands. */
json_t *fc_fooocus_async_job(fc_http *h, const fc_job_row *job, bool preview);

#endif

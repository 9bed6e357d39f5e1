/* Inside fooocus*.c. */
#ifndef FC_SERVER_COMPAT_FOOOCUS_H
#define FC_SERVER_COMPAT_FOOOCUS_H

#include "server/compat/compat.h"

/* What the body says about any picture, as our parameters; NULL: err tells why. */
json_t *fc_fooocus_parameters(fc_http *h, fc_err *err);
/* Submits what `make` gives, at once or waiting as the body wishes, and answers. */
void fc_fooocus_run(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err));

#endif

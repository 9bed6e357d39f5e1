/* What stands behind fc_generate (fooocus.h), for programs that keep a queue. */
#ifndef FC_APP_GENERATE_H
#define FC_APP_GENERATE_H

#include <stdint.h>
#include "app/settings/config.h"

/* fc_generate with the configuration that the caller has read; request's home must be that of the
 * configuration. */
fc_status fc_generate_with(fc_engine *engine, const fc_config *config, const fc_request *request,
                           const fc_hooks *hooks, fc_err *err) FC_MUST_USE;
/* The same without the first `skip` pictures: an interrupted job goes on, and the rest comes out as it would
 * have. What the model's card has to tell people is left to the caller. */
fc_status fc_generate_from(fc_engine *engine, const fc_config *config, const fc_request *request,
                           int32_t skip, const fc_hooks *hooks, fc_err *err) FC_MUST_USE;
/* Everything that can be found wrong before a model is loaded. */
fc_status fc_generate_check(const fc_config *config, const fc_request *request, fc_err *err) FC_MUST_USE;

#endif

/* Fetching models while the rest goes on: a list of downloads and one thread that works it off, in the order
 * in which they were asked for. Any thread may call any function. What has arrived of a download that is
 * stopped or breaks off stays, and is not fetched again. Every change is an event "download" with the object
 * that fc_downloads_to_json lists. */
#ifndef FC_APP_MODELS_DOWNLOADS_H
#define FC_APP_MODELS_DOWNLOADS_H

#include <jansson.h>
#include "app/common/events.h"
#include "app/settings/live_config.h"
#include "app/models/catalog.h"

typedef struct fc_downloads fc_downloads;

/* home and events must outlive the downloads. */
fc_status fc_downloads_open(fc_live_config *settings, fc_events *events, fc_downloads **downloads,
                            fc_err *err) FC_MUST_USE;
/* Stops the running one. */
void fc_downloads_close(fc_downloads *d);

/* Fine when it is waiting or running already; one that ended starts again. LIMIT: too many are in the list.
 */
fc_status fc_downloads_add(fc_downloads *d, const fc_catalog_model *model, fc_err *err) FC_MUST_USE;
/* NOT_FOUND: nobody asked for a file of this name. BUSY: it has ended. */
fc_status fc_downloads_stop(fc_downloads *d, const char *name, fc_err *err) FC_MUST_USE;
/* An array of {name, folder, state: waiting, running, checking, done, failed or stopped, received, total,
 * rate, seconds_left, error}; NULL when out of memory. */
json_t *fc_downloads_to_json(fc_downloads *d);

#endif

/* The configuration of a program that lives long: read again, between two users, when config.txt has changed.
 * Any thread may call. */
#ifndef FC_APP_SETTINGS_LIVE_CONFIG_H
#define FC_APP_SETTINGS_LIVE_CONFIG_H

#include "app/settings/config.h"

typedef struct fc_live_config fc_live_config;

/* Reads it; preset may be NULL. Errors are those of fc_config_open. */
fc_status fc_live_config_open(fc_live_config **live, const char *home, const char *preset,
                              fc_err *err) FC_MUST_USE;
void fc_live_config_close(fc_live_config *live);

/* The configuration without and with the preset, as it is now; to be closed by the caller, who keeps it for
 * as long as one request or job lasts. What cannot be read leaves the former one. */
fc_config *fc_live_config_take(fc_live_config *live);
fc_config *fc_live_config_take_preset(fc_live_config *live);

#endif

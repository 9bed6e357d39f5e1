/* The folder data/ as it is built into the program: styles, presets, wildcards, the model catalogue. */
#ifndef FC_APP_COMMON_APP_DATA_H
#define FC_APP_COMMON_APP_DATA_H

#include "base/embed.h"

extern const fc_embedded_set fc_app_data; /* names as in data/: "styles/sai.json" */

#endif

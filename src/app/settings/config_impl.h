/* Between the parts of config. */
#ifndef FC_APP_SETTINGS_CONFIG_IMPL_H
#define FC_APP_SETTINGS_CONFIG_IMPL_H

#include "app/settings/config.h"
#include "app/settings/params.h"

typedef enum fc_config_kind {
    FC_CONFIG_DIRS,
    FC_CONFIG_DIR,
    FC_CONFIG_TEXT,
    FC_CONFIG_PROMPT, /* a text that may be empty */
    FC_CONFIG_BOOL,
    FC_CONFIG_INT,
    FC_CONFIG_NUM,
    FC_CONFIG_FRACTION,
    FC_CONFIG_CHOICE,
    FC_CONFIG_SUBSET,
    FC_CONFIG_TEXTS,
    FC_CONFIG_STYLES,
    FC_CONFIG_LORAS,
    FC_CONFIG_URLS,
    FC_CONFIG_RATIO,
    FC_CONFIG_RATIOS,
    FC_CONFIG_SAMPLER,
    FC_CONFIG_SCHEDULER,
    FC_CONFIG_MODE
} fc_config_kind;

typedef struct fc_config_row {
    const char *key, *value; /* value: the default, as JSON */
    const char *choices;     /* "a|b|c" */
    double lowest, highest;
    fc_config_kind kind;
    fc_param_id sets; /* the field of requests that takes the value as it is; FC_PARAM_COUNT: none */
} fc_config_row;

extern const fc_config_row fc_config_table[];
extern const size_t fc_config_table_size;

const fc_config_row *fc_config_row_find(const char *key); /* NULL: no such key */
bool fc_config_is_valid(const fc_config_row *row, const json_t *value);
json_t *fc_config_from_environment(const fc_config_row *row, const char *text); /* a new reference */

#endif

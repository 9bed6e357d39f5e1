/* Configuration: config.txt, presets and environment variables under Fooocus's keys. Later sources
 * win key by key: built-in defaults, preset "default", config.txt, the chosen preset, environment. A value
 * that does not pass its check is warned about with its range, and the source below it counts. Nothing is
 * ever written. An open configuration is a value: it never changes, is handed down to whoever needs it, and a
 * process reads the files once (a server again when they have changed: live_config.h). */
#ifndef FC_APP_SETTINGS_CONFIG_H
#define FC_APP_SETTINGS_CONFIG_H

#include <jansson.h>
#include "app/common/lines.h"
#include "app/common/warn.h"
#include "app/settings/request.h"

typedef enum fc_config_source {
    FC_CONFIG_BUILT_IN,
    FC_CONFIG_DEFAULT_PRESET,
    FC_CONFIG_FILE,
    FC_CONFIG_PRESET,
    FC_CONFIG_ENVIRONMENT,
    FC_CONFIG_SOURCE_COUNT
} fc_config_source;

typedef struct fc_config fc_config;

/* preset: a name, NULL for none; one that does not say its default_recipe follows 2.5, whose idea presets
 * are. A preset that does not exist is an error (NOT_FOUND) with a suggestion; a
 * broken config.txt is a warning that names the line. */
fc_status fc_config_open(fc_config **config, const char *home, const char *preset, fc_warn warn,
                         fc_err *err) FC_MUST_USE;
/* The same with a preset besides; the files that base was made from are not read again. preset NULL: a copy.
 */
fc_status fc_config_with_preset(fc_config **config, const fc_config *base, const char *preset, fc_warn warn,
                                fc_err *err) FC_MUST_USE;
/* One more user, who closes it too. */
fc_config *fc_config_retain(const fc_config *config);
void fc_config_close(fc_config *config);

const char *fc_config_home(const fc_config *config);

/* Keys in the order of the table; NULL behind the last. */
const char *fc_config_key(size_t index);
/* Borrowed; NULL for an unknown key. */
const json_t *fc_config_get(const fc_config *config, const char *key);
fc_config_source fc_config_source_of(const fc_config *config, const char *key);
/* "config.txt", "the environment variable default_model" ... what a person calls the source of a key. */
void fc_config_describe_source(const fc_config *config, const char *key, fc_buf *out);
const char *fc_config_file(const fc_config *config); /* the config.txt that was looked for */
/* The config.txt that fc_config_open looks for: of the home, or the one that the environment names. */
void fc_config_find(const char *home, char *path, size_t size);
/* "0 to 1", "one of png, jpeg, webp": what the key may be. */
void fc_config_describe_allowed(const char *key, fc_buf *out);

/* Adds the folders of a kind ("checkpoints", "loras", "outputs", "wildcards" ...), home put in front of
 * relative ones. At least one. */
void fc_config_folders(const fc_config *config, const char *kind, fc_lines *folders);
/* The folder for pictures: path_outputs, else home/outputs. */
fc_status fc_config_outputs(const fc_config *config, char *path, size_t size, fc_err *err) FC_MUST_USE;

/* Sets the fields of request that config.txt, a preset or the environment speak of and that are not set yet.
 * default_model gives way to one of previous_default_models that is there when it is not. */
fc_status fc_config_apply(const fc_config *config, fc_request *request, fc_warn warn,
                          fc_err *err) FC_MUST_USE;

/* Names of presets in home/presets and of the built-in ones, each once, sorted. */
fc_status fc_config_presets(const char *home, fc_lines *names, fc_err *err) FC_MUST_USE;

#endif

/* Model files on this machine: where they are, fetching them, and whether they still are what they were.
 * Hashes seen first are kept in home/models/SHA256SUMS (the format of sha256sum), so that a later change is
 * noticed. */
#ifndef FC_APP_MODELS_STORE_H
#define FC_APP_MODELS_STORE_H

#include "app/models/catalog.h"
#include "app/models/fetch.h"

/* Where the model is, in whichever folder of its kind or sub-folder, or (*there false) would be put: directly
 * into the first folder. */
fc_status fc_modelstore_path(const fc_config *config, const fc_catalog_model *model, char *path, size_t size,
                             bool *there, fc_err *err) FC_MUST_USE;
/* Fetches the model unless it is there, and remembers the hash. The path goes to `path` (may be NULL). */
fc_status fc_modelstore_get(const fc_config *config, const fc_catalog_model *model,
                            const fc_fetch_options *options, char *path, size_t size,
                            fc_err *err) FC_MUST_USE;

/* The models of the catalogue that a resolved request names (base, refiner, VAE, LoRAs, the LoRA of its mode)
 * and that are nowhere on this machine. models: at least FC_CATALOG_MAX_NEEDED. -> how many */
size_t fc_modelstore_missing(const fc_catalog *catalog, const fc_config *config, const fc_params *params,
                             const fc_catalog_model **models);

typedef enum fc_verified {
    FC_VERIFIED_GOOD,    /* the hash is the expected one */
    FC_VERIFIED_FIRST,   /* nothing was known; the hash is remembered from now on */
    FC_VERIFIED_CHANGED, /* another content than before or than the catalogue says */
    FC_VERIFIED_BROKEN   /* cut, a web page, not readable as what its name promises */
} fc_verified;

typedef struct fc_verify_result {
    fc_verified verdict;
    fc_sha256 sha256;  /* "" when BROKEN */
    char expected[65]; /* "" when nothing was known */
    char problem[300]; /* for BROKEN */
} fc_verify_result;

/* Reads the whole file. model may be NULL: a file that is in no catalogue. options: on_progress (phase
 * CHECKING) and cancel; NULL: none. */
fc_status fc_modelstore_verify(const char *home, const char *path, const fc_catalog_model *model,
                               const fc_fetch_options *options, fc_verify_result *result,
                               fc_err *err) FC_MUST_USE;
/* Renames a file to NAME.corrupted (with a number when that is taken), as Fooocus does; only ever after the
 * user agreed. */
fc_status fc_modelstore_set_aside(const char *path, char *new_path, size_t size, fc_err *err) FC_MUST_USE;

#endif

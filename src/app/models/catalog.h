/* The models the program knows by name: data/catalog.json (built in), then home/catalog.json of the user,
 * whose entries replace those of the same folder and name, then the *_downloads of the settings. Rules in
 * docs/DATA.md: an unknown hash or size is absent. */
#ifndef FC_APP_MODELS_CATALOG_H
#define FC_APP_MODELS_CATALOG_H

#include "app/settings/config.h"

typedef struct fc_catalog_model {
    const char *name, *folder;               /* folder: kind below models/, "checkpoints" */
    const char *url, *sha256;                /* sha256: NULL when it is not known */
    const char *needed_for, *licence, *note; /* "" when absent */
    uint64_t size, approx_bytes;             /* 0: not known; size is exact */
} fc_catalog_model;

typedef struct fc_catalog {
    fc_catalog_model *models;
    size_t count, cap;
    fc_arena arena;
} fc_catalog;

/* config may be NULL. What is wrong with an entry is warned about, and the entry is left out. */
fc_status fc_catalog_open(fc_catalog *catalog, const char *home, const fc_config *config, fc_warn warn,
                          fc_err *err) FC_MUST_USE;
void fc_catalog_close(fc_catalog *catalog);

/* By file name, "folder/name" or stem, in any case; NOT_FOUND suggests a name. */
fc_status fc_catalog_find(const fc_catalog *catalog, const char *name, const fc_catalog_model **model,
                          fc_err *err) FC_MUST_USE;
/* The same by exact folder and file name; NULL when there is none. */
const fc_catalog_model *fc_catalog_exact(const fc_catalog *catalog, const char *folder, const char *name);
/* "checkpoints", "fooocus_expansion" ...: the kind as fc_config_folders and path_KIND name it, which is the
 * folder but for the one of prompt expansion. */
const char *fc_catalog_kind(const fc_catalog_model *model);
const fc_catalog_model *fc_catalog_of_kind(const fc_catalog *catalog, const char *kind, const char *name);
/* The models that the settings ask for: base, refiner, VAE, LoRAs, and the LoRA of a fast mode. *missing
 * counts names that are in no catalogue. models: at least FC_CATALOG_MAX_NEEDED. -> how many */
enum { FC_CATALOG_MAX_NEEDED = 80 };
size_t fc_catalog_needed(const fc_catalog *catalog, const fc_config *config, const fc_catalog_model **models,
                         size_t *missing);
uint64_t fc_catalog_bytes(const fc_catalog_model *model); /* exact or about; 0: not known */

#endif

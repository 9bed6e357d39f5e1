/* Finding model files: a path, or a name in the folders below home/models. */
#ifndef FC_APP_MODELS_FILES_H
#define FC_APP_MODELS_FILES_H

#include "app/common/lines.h"
#include "app/settings/config.h"
#include "app/settings/params.h"
#include "app/settings/request.h"

/* The files of a kind that can be chosen by name. */
typedef struct fc_model_folder {
    const char *dir; /* the first folder, "home/models/loras": new files go there */
    fc_lines names;  /* relative to their folder, in the order in which names are looked up */
    fc_lines paths;  /* of the same files, folder included */
    size_t own;      /* so many of them, the first, are the user's */
    size_t box;      /* from here on they are those that come with the program (fc_box_dir) */
    bool demo;       /* the user has no checkpoint: the demo model's files follow */
} fc_model_folder;

/* The files of a request, looked up; paths live in an arena. */
typedef struct fc_model_files {
    const char *base;
    const char *refiner, *vae, *preview_decoder; /* NULL: none */
    const char *notice;           /* what people should know about the base, from its card; NULL: nothing */
    const char *fallback;         /* a complete base model that may lend text encoders and VAE; NULL: none */
    fc_string_list checkpoints;   /* paths of all that lie there: without a fallback one of them may do */
    const char *performance_lora; /* NULL: the mode needs none */
    fc_lora_list loras;           /* of the request, in its order */
    fc_string_list
        other_bases; /* when no model was chosen: what may stand in for a base that cannot be used */
    fc_string_list known_loras; /* paths: what <lora:NAME:WEIGHT> may name */
    fc_model_folder embeddings; /* what embedding:NAME may name */
} fc_model_files;

/* kind: "checkpoints", "loras", "vae", "vae_approx" ... The folders are those of config.txt (path_KIND), else
 * home/models/KIND. One that does not exist is empty. A model of many files is one name, that of its folder.
 * While no checkpoint is there, the demo model's files stand in (app/common/demo.h). */
fc_status fc_model_folder_open(const fc_config *config, const char *kind, fc_arena *arena,
                               fc_model_folder *folder, fc_err *err) FC_MUST_USE;
/* The path of a file chosen by name (relative, file name or stem) in the folder. DENIED: `name` is a path;
 * NOT_FOUND says what is near. field: what errors begin with. */
fc_status fc_model_folder_find(const fc_model_folder *folder, const char *field, const char *name,
                               const char **path, fc_err *err) FC_MUST_USE;
/* The path of the file that `name` (relative, file name or stem) means; NULL: there is none. */
const char *fc_model_folder_path(const fc_model_folder *folder, const char *name);
/* Without a choice of theirs, refiner and preview decoder are those that the base's card names
 * (app/models/card.h). params: of request, resolved. Without a choice the files that the recipe was made with
 * are taken when its model is there - model, refiner and LoRA; else the first model found. In requests from
 * the network paths are refused. NOT_FOUND errors say where was looked and what is near. */
fc_status fc_model_files_find(const fc_config *config, const fc_params *params, const fc_request *request,
                              fc_arena *arena, fc_model_files *files, fc_err *err) FC_MUST_USE;

#endif

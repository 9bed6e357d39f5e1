/* An opened model file and what is bound from it. Private to the engine. */
#ifndef FC_ENGINE_MODEL_FILE_H
#define FC_ENGINE_MODEL_FILE_H

#include "engine/task.h"
#include "model/clip.h"
#include "model/clip_vision.h"
#include "model/controlnet.h"
#include "model/detect.h"
#include "model/esrgan.h"
#include "model/inpaint_head.h"
#include "model/ip_adapter.h"
#include "model/taesd.h"
#include "model/unet.h"
#include "model/vae.h"
#include "text/clip_vocab.h"

/* Where a file may carry the vocabulary of its text encoders: the text of a merges.txt. Without it they read
 * CLIP's. */
#define FC_VOCABULARY_KEY "fooocus.clip_merges"
/* Where an upscaler's file may say how many pixels around a picture are to be repeated for it. */
#define FC_BORDER_KEY "fooocus.border"

/* Places in fc_engine.model; engine/module.def says what lies there. */
typedef enum fc_model_role {
#define FC_MODULE(kind, most, ...) FC_ROLE_##kind, FC_ROLE_##kind##_LAST = FC_ROLE_##kind + (most)-1,
#include "engine/module.def"
#undef FC_MODULE
    FC_ROLE_COUNT
} fc_model_role;

typedef struct fc_model {
    fc_model_role role;
    struct fc_model *base; /* that it is bound to; NULL: it stands alone */
    char *path;
    int64_t file_size, file_time; /* identity: another file under the same name is another model */
    uint64_t serial;              /* unique within the process: key of caches */
    fc_weights *weights;
    fc_model_info info;
    uint64_t patches; /* tells which LoRAs hang on the weights: key of caches; 0: none */
    fc_packcache packs;
    fc_clip *clip_l, *clip_g; /* NULL where the file has none; refiner: clip_g alone */
    fc_clip_vocab own_vocab;  /* of the file; empty when it has none */
    const fc_clip_vocab *vocab;
    fc_unet *unet;
    fc_vae *vae; /* base and VAE files */
    fc_taesd *taesd;
    fc_esrgan *esrgan;
    fc_inpaint_head *head;
    fc_clip_vision *vision;
    fc_controlnet *control; /* bound to the base, as the adapter */
    fc_ip_adapter *adapter;
    bool encodes; /* the VAE has its encoder */
} fc_model;

/* The path of what is chosen for a role; NULL: nothing, or something that leans on a base without one. */
const char *fc_model_chosen(const fc_model_choice *choice, fc_model_role role);
/* "Loading the model" */
const char *fc_model_phase(fc_model_role role);
/* Whether what lies there is bound to the base, and must be opened anew with another one. */
bool fc_model_leans(fc_model_role role);
/* Opens the file and binds what the role needs; a file of another kind is refused with what it looks like.
 * base: the one that it may lean on, which must stay as long as it does; NULL for the base itself. */
fc_status fc_model_open(fc_model **out, fc_model_role role, const char *path, fc_model *base,
                        const fc_backend *backend, fc_dev *dev, fc_err *err) FC_MUST_USE;
void fc_model_close(fc_model *m); /* NULL is fine */
/* Whether m is what opening path would give. */
bool fc_model_is(const fc_model *m, const char *path);
/* Bytes of all its weights once packed as dtype. */
uint64_t fc_model_packed_estimate(const fc_model *m, fc_dtype dtype);
/* After a run that gave something that is not a number: names a damaged tensor of the file if there is one.
 */
fc_status fc_model_check_finite(const fc_model *m, fc_err *err);

#endif

/* Private to src/engine: the engine's parts. */
#ifndef FC_ENGINE_ENGINE_IMPL_H
#define FC_ENGINE_ENGINE_IMPL_H

#include "base/sha256.h"
#include "diffusion/predict.h"
#include "diffusion/recipe.h"
#include "engine/embeddings.h"
#include "engine/engine.h"
#include "diffusion/rng.h"
#include "diffusion/model_sampling.h"
#include "engine/image_tokens.h"
#include "engine/model_file.h"
#include "engine/text_cache.h"
#include "nn/difference.h"
#include "nn/profile.h"
#include "picture/fit.h"

struct fc_engine {
    int own_cancel, *cancel; /* cancel: that, or one that was lent */
    const fc_backend *backend;
    fc_dev *dev;             /* NULL: it was lost, and could not be opened again */
    fc_engine_config config; /* texts are owned */
    fc_backend_info info;
    char passed_over[200]; /* why no graphics card computes; "" when one does */
    fc_cx cx;
    fc_dtype act, act_wide; /* of activations; the second one for networks that need float32's range */
    uint64_t budget;        /* bytes for packed weights of all models together */
    fc_memory_mode memory;
    bool small;                     /* memory ran out before: recover.c */
    bool int8;                      /* weights of the UNets are kept in 8 bits */
    bool refused;                   /* passed_over is about a card that is there: to be told */
    bool told_device;               /* what is to be said about the device */
    bool told_int8;                 /* that they are for lack of memory */
    int losses;                     /* how often the device was lost */
    const fc_hooks *hooks;          /* of the call that is running; NULL: none is */
    fc_model *model[FC_ROLE_COUNT]; /* NULL where none is loaded */
    struct fc_lora_entry *loras;    /* in merge order, hung on base and refiner */
    int32_t lora_count;
    fc_difference *difference; /* of the inpainting engine, merged while it is at work; NULL: none */
    uint64_t difference_key;   /* of its file */
    fc_embedding_set embeddings;
    fc_text_cache texts;
    fc_image_tokens image_tokens;
    uint64_t guide_values;             /* weights that control networks at work have beside the base's own */
    fc_profile *profile;               /* NULL: off */
    double preview_time, preview_cost; /* seconds: when the last preview was done, how long it took */
    float *preview_pixels;             /* in the arena of the picture in work */
    uint8_t *preview_rgb;
};

/* backend NULL: the one that config names */
fc_status fc_engine_open_with(const fc_backend *backend, const fc_engine_config *config, fc_engine **engine,
                              fc_err *err) FC_MUST_USE;

/* device.c: opens the device that config asks for, or the best there is, as e->backend and e->dev. */
fc_status fc_engine_open_device(fc_engine *e, const fc_engine_config *config, fc_err *err) FC_MUST_USE;
/* What follows from which device was opened: types, budget, the context, the models' caches. */
fc_status fc_engine_use_device(fc_engine *e, fc_err *err) FC_MUST_USE;
/* "bf16" */
const char *fc_engine_type_name(fc_dtype act);

/* recover.c */
/* After a run that failed: whether it is worth another try, for which the device is ready then; hooks are
 * told. lost: whether the device was lost before in this picture, and is now. */
bool fc_engine_recover(fc_engine *e, fc_status status, bool *lost, const fc_hooks *hooks, fc_err *err);
/* Opens the device anew, or after it was dropped. */
fc_status fc_engine_reopen(fc_engine *e, fc_err *err) FC_MUST_USE;
/* Closes the device; e->dev is NULL then. */
void fc_engine_drop_device(fc_engine *e);

/* residency.c */
/* Whether the UNet's steps should take little memory, though they take longer then. */
bool fc_engine_saves_memory(const fc_engine *e, const fc_model *m);
/* Bytes for packed weights of all models together. */
uint64_t fc_engine_budget(const fc_engine *e, const fc_engine_config *config);
/* The one whose text encoders serve: the base, or what lends them to it. */
fc_model *fc_engine_text_model(const fc_engine *e);

/* Fills paths of what the base lacks: text encoders, VAE. UNSUPPORTED: no text encoders are to be had. */
fc_status fc_engine_find_lacking(const fc_model *base, const fc_model_choice *choice,
                                 const char *paths[FC_ROLE_COUNT], const fc_hooks *hooks,
                                 fc_err *err) FC_MUST_USE;

/* Points cx at m's packed weights, for activations of this type, and gives them room under the budget: those
 * of other models go if they must. */
void fc_engine_make_resident(fc_engine *e, fc_model *m, fc_dtype act);
/* Gives the stack the memory that what comes next takes: run does the same work on `dry`, which computes
 * nothing, with cx's type of activations. Nothing lies on the stack. NOMEM. */
fc_status fc_engine_reserve(fc_engine *e, void (*run)(fc_cx *dry, void *user), void *user,
                            fc_err *err) FC_MUST_USE;
/* Clears what an earlier run left in cx; from now on the cancel flag stops it, or nothing does. */
void fc_engine_begin(fc_engine *e, bool may_stop);
/* The model whose VAE is used; NULL before one is loaded. It may lack a VAE. */
fc_model *fc_engine_vae_model(const fc_engine *e);
/* Drops the packed weights of the text encoders, 1.6 GB of SDXL's 6.9: packing them anew for the next prompt
 * takes a fraction of a second, and the texts of this one are kept. */
void fc_engine_evict_encoders(fc_engine *e);

/* emit.c */
void fc_emit(const fc_hooks *hooks, const fc_event *event);
void fc_emit_phase(const fc_hooks *hooks, const char *text);

/* loras.c */
fc_status fc_engine_set_loras(fc_engine *e, const fc_model_choice *choice, const fc_hooks *hooks,
                              fc_err *err) FC_MUST_USE;
void fc_engine_drop_loras(fc_engine *e);
/* After a run that gave something that is not a number: names the LoRA that holds such values; NUMERIC: none.
 */
fc_status fc_engine_blame_loras(const fc_engine *e, fc_err *err);

/* conditions.c: what both networks are told about the texts and sizes of a task; memory from arena. */
typedef struct fc_conditions {
    const float *context;
    int32_t tokens, width;
    const float *label, *label_later;
} fc_conditions;
fc_status fc_engine_conditions(fc_engine *e, const fc_task *task, const fc_recipe *recipe, bool negative,
                               bool refiner, fc_arena *arena, fc_conditions *out, fc_err *err) FC_MUST_USE;

/* sample.c: the latent of a task, divided by the scale factor, in the arena. */
fc_status fc_engine_sample(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                           float **latent, fc_err *err) FC_MUST_USE;

/* guides.c: what a run's guiding pictures became. Tensors lie on the stack of the context that they were
 * placed on; the rest in the arena. */
typedef struct fc_guides {
    int32_t control_count, picture_count;
    fc_predictor_control control[FC_TASK_GUIDES];
    const uint8_t *drawing[FC_TASK_GUIDES]; /* [8h][8w][3] */
    float last_sigma[FC_TASK_GUIDES];       /* a control network acts down to it */
    fc_unet_picture picture[FC_TASK_GUIDES], active[FC_TASK_GUIDES];
    fc_tensor kv[FC_TASK_GUIDES][FC_UNET_MAX_CROSS];
    const float *tokens[FC_TASK_GUIDES]; /* [negative, positive][tokens][width] */
    fc_model *adapter[FC_TASK_GUIDES];
    double stop[FC_TASK_GUIDES];
} fc_guides;
/* Makes drawings and tokens. NULL: the task has no guides. Nothing lies on the stack. */
fc_status fc_engine_guides_open(fc_engine *e, const fc_task *task, const fc_model_sampling *sampling,
                                fc_arena *arena, fc_guides **out, fc_err *err) FC_MUST_USE;
/* Hints, keys and values on cx's stack; cx is the engine's, or dry. h, w: of the latent. Another model than
 * the base may be resident afterwards. */
void fc_engine_guides_place(fc_engine *e, fc_cx *cx, fc_guides *g, int32_t h, int32_t w);
/* Those that act at this level of noise; extra gets the pictures. */
void fc_guides_at(fc_guides *g, const fc_model_sampling *sampling, float sigma, fc_unet_extra *extra);
/* All of them, for measuring. */
void fc_guides_all(fc_guides *g, fc_unet_extra *extra);

/* encode.c */
typedef struct fc_encode_opts {
    bool tiles;  /* as Fooocus does it for pictures that are enlarged */
    fc_rng *rng; /* draws the sample; NULL: the mean */
} fc_encode_opts;
/* image [h][w][3], -1..1, of any size -> planes [4][h / 8][w / 8] on the VAE's scale. In tiles also where
 * memory is short; then sides are multiples of 8. */
fc_status fc_engine_encode(fc_engine *e, const float *image, int32_t h, int32_t w, const fc_encode_opts *opts,
                           float *planes, fc_err *err) FC_MUST_USE;

/* run_image.c, run_upscale.c: pictures made of pictures. The task is one that fc_engine_run has checked. */
fc_status fc_engine_run_image(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                              fc_picture *out, fc_err *err) FC_MUST_USE;
fc_status fc_engine_run_upscale(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                                fc_picture *out, fc_err *err) FC_MUST_USE;
/* The picture drawn anew from its latent, at work.denoise. */
fc_status fc_engine_redraw(fc_engine *e, const fc_task *task, const fc_pixels *picture, const fc_hooks *hooks,
                           fc_arena *arena, fc_picture *out, fc_err *err) FC_MUST_USE;
/* upscaler.c: src times the upscaler's scale (4 without an upscaler, by interpolation). */
fc_status fc_engine_upscale(fc_engine *e, const fc_pixels *src, const fc_task *task, const fc_hooks *hooks,
                            fc_pixels *dst, fc_err *err) FC_MUST_USE;
/* Samples and decodes: what every kind of run ends with. task: with its final size and start. */
fc_status fc_engine_paint(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                          fc_picture *out, fc_err *err) FC_MUST_USE;
/* Whether an activation of so many bytes is worth tiles or strips. */
bool fc_engine_is_large(const fc_engine *e, uint64_t bytes);

/* decode.c */
/* z [h][w][4] on the VAE's scale -> image [8h][8w][3], -1..1; the VAE must be there */
fc_status fc_engine_decode_vae(fc_engine *e, const float *z, int32_t h, int32_t w, bool strips, float *image,
                               fc_err *err) FC_MUST_USE;
fc_status fc_engine_decode(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_picture *picture,
                           fc_err *err) FC_MUST_USE;
/* Sends a rough picture of denoised ([4][h][w], model scale) when the caller wants one. */
void fc_engine_preview(fc_engine *e, const fc_task *task, const fc_hooks *hooks, const float *denoised,
                       fc_arena *arena);

#endif

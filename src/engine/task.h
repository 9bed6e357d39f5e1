/* What the engine is asked for: files and one picture, fully resolved. Styles, wildcards, presets, file
 * search and "random" lie above (src/app); tensors lie below. */
#ifndef FC_ENGINE_TASK_H
#define FC_ENGINE_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include "fooocus.h"

/* Which Fooocus is followed where the two differ in arithmetic: 1.0.43 or 2.5.5. */
typedef enum fc_recipe_id { FC_RECIPE_1_0, FC_RECIPE_2_5 } fc_recipe_id;
/* Its numbers; never NULL. */
const struct fc_recipe *fc_recipe_of(fc_recipe_id id);

typedef enum fc_swap_method { FC_SWAP_JOINT, FC_SWAP_SEPARATE } fc_swap_method;

typedef struct fc_lora_choice {
    const char *path;
    double weight;
} fc_lora_choice;

/* A textual inversion: "embedding:NAME" in a text stands for the vectors of a file. */
typedef struct fc_embedding_choice {
    const char *name;
    const char *path;
    bool bundled; /* the file is a LoRA that brings it along */
} fc_embedding_choice;

/* Most networks of a kind that guide one picture, and most pictures that they are given. */
enum { FC_TASK_NETWORKS = 4, FC_TASK_GUIDES = 8 };

/* The files a job needs. Paths are borrowed for the call. */
typedef struct fc_model_choice {
    const char *base;
    const char *refiner;  /* NULL: none */
    const char *vae;      /* NULL: the base's own */
    const char *fallback; /* an SDXL base model whose text encoders and VAE stand in where the base's file
                           * has none; NULL: none */
    const char *const
        *neighbours; /* checkpoints among which one that can lend is looked for when it cannot */
    int32_t neighbour_count;
    const char *preview_decoder; /* TAESD; NULL: no previews */
    const char *upscaler; /* of the ESRGAN family; NULL: pictures are enlarged by interpolation. base may be
                           * NULL for a task that only enlarges */
    const char *inpaint_head, *inpaint_patch; /* the inpainting engine's two files; NULL: none */
    const char *controls[FC_TASK_NETWORKS];   /* Control-LoRAs and ControlNets; NULL: none */
    const char *adapters[FC_TASK_NETWORKS];   /* IP-Adapters; NULL: none */
    const char *vision;                       /* the CLIP vision encoder that adapters look through */
    const char *image_negative;  /* what image prompts are to the negative prompt; NULL: a grey picture */
    const fc_lora_choice *loras; /* in merge order; offered to base and refiner */
    int32_t lora_count;
    const fc_embedding_choice *embeddings; /* those that the prompts name */
    int32_t embedding_count;
} fc_model_choice;

/* Texts of one side. Recipe 1.0 has exactly one. Each is encoded alone; hidden states are joined along the
 * tokens; the pooled vectors of the first `pooled` texts are summed. */
typedef struct fc_text_list {
    const char *const *texts;
    int32_t count, pooled;
} fc_text_list;

/* Latents that a run starts from: the engine makes them of a task's picture (fc_image_work), or they are
 * given. All are [4][h/8][w/8] on the VAE's own scale, as fc_picture.latent is. */
typedef struct fc_start_image {
    const float *latent; /* NULL: start from noise alone */
    double denoise;      /* (0, 1]; 1: the whole schedule. Counts with a latent only */
    const float *mask;   /* [h/8][w/8]: 1 is painted, 0 kept; NULL: everything is painted */
    const float *keep;   /* what is kept; NULL: latent */
    const float *masked; /* the picture with what is under the mask made grey, for networks that look at it:
                          * the inpainting engine, models with 9 inputs; NULL: they see nothing */
} fc_start_image;

/* ---- pictures that come in ---- */

typedef enum fc_input_kind {
    FC_INPUT_PICTURE, /* RGB [height][width][3]: what is varied, enlarged, painted into */
    FC_INPUT_MASK     /* [height][width], of the picture's size: 255 where is painted */
} fc_input_kind;

typedef struct fc_task_input {
    fc_input_kind kind;
    const uint8_t *pixels; /* borrowed */
    int32_t width, height;
} fc_task_input;

/* What is done with FC_INPUT_PICTURE. */
typedef enum fc_work {
    FC_WORK_NONE,    /* there is none: text to image */
    FC_WORK_VARY,    /* drawn anew from its own latent */
    FC_WORK_UPSCALE, /* enlarged, then drawn over */
    FC_WORK_ENLARGE, /* enlarged by the upscaler alone: texts, steps and seed do not count */
    FC_WORK_INPAINT  /* painted into, under the mask and in the margins */
} fc_work;

typedef struct fc_image_work {
    fc_work kind;
    double denoise;    /* (0, 1]: VARY, UPSCALE, INPAINT (above 0.99 what is masked is filled from around it
                          first) */
    double factor;     /* UPSCALE, ENLARGE: of both sides */
    double field;      /* INPAINT: least part of the picture that is looked at, 0 to 1 (respective field) */
    bool forget;       /* INPAINT: starts from noise alone, not from what is there */
    bool engine;       /* INPAINT: with the inpainting engine where its files are loaded */
    int32_t margin[4]; /* INPAINT: pixels to add at top, bottom, left, right */
#define FC_WORK_SETTING(type, name) type name; /* INPAINT */
#include "engine/image_work.def"
#undef FC_WORK_SETTING
    /* Sizes by Fooocus's measure (picture/fit.h); 0: 1024, 2048, 2800. Pictures are brought to between least
     * and most before they are varied, to least before they are painted into, and only enlarged beyond
     * largest. */
    int32_t least, most, largest;
    bool mean;              /* latents are means of what the VAE gives, not samples: for tests */
    uint64_t encoding_seed; /* of those samples */
} fc_image_work;

/* ---- pictures that guide ---- */

/* How a picture becomes what a control network reads. */
typedef enum fc_drawing {
    FC_DRAWING_READY, /* it is such a drawing */
    FC_DRAWING_CANNY, /* edges (PyraCanny) */
    FC_DRAWING_CPDS   /* contrast-preserving depth-like grey */
} fc_drawing;

/* A picture whose structure is kept. It is brought to the size of the painting, what is over is cut off. */
typedef struct fc_task_control {
    int32_t network; /* of fc_model_choice.controls */
    fc_drawing drawing;
    const uint8_t *rgb; /* [height][width][3], borrowed */
    int32_t width, height;
    double weight; /* 0: left out */
    double stop;   /* 0 to 1: the part of the noise levels after which it ends; 0: left out, 1: to the end */
} fc_task_control;

/* An image prompt. It is stretched to what the vision encoder reads. */
typedef struct fc_task_picture {
    int32_t adapter; /* of fc_model_choice.adapters */
    const uint8_t *rgb;
    int32_t width, height;
    double weight, stop;
} fc_task_picture;

typedef struct fc_task_guides {
    fc_task_control controls[FC_TASK_GUIDES];
    fc_task_picture pictures[FC_TASK_GUIDES];
    int32_t control_count, picture_count;
    double softness;              /* of controls: see fc_control_run */
    double canny_low, canny_high; /* thresholds of FC_DRAWING_CANNY */
} fc_task_guides;

/* FreeU: see model/freeu.h; all 1: off. */
typedef struct fc_freeu_numbers {
    double b1, b2, s1, s2;
} fc_freeu_numbers;

typedef struct fc_task {
    fc_recipe_id recipe;
    fc_text_list positive, negative;
    uint64_t seed;
    int32_t steps;
#define FC_TASK_SETTING(type, name, ordinary) type name;
#include "engine/task.def"
#undef FC_TASK_SETTING
    int32_t switch_step; /* the refiner takes over after step index switch_step; ignored without a refiner */
    fc_swap_method swap;
    fc_start_image start;
    fc_image_work work;
    const fc_task_input *inputs;
    int32_t input_count;
    const fc_task_guides *guides;  /* NULL: none */
    const fc_freeu_numbers *freeu; /* NULL: off */
    int32_t image, images;         /* for events: 1-based place in the job */
    int32_t steps_before,
        steps_total; /* for events: sampling steps of the job before this image, and in all */
} fc_task;

/* What is drawn where no request says it (measuring, tests): recipe 2.5, seed 1, 30 steps, no texts. */
fc_task fc_task_ordinary(void);

/* A finished picture. */
typedef struct fc_picture {
    uint8_t *rgb; /* [height][width][3] */
    int32_t width, height;
    float *latent; /* final latent [4][latent_height][latent_width], divided by the scale factor: what the VAE
                      decodes */
    int32_t latent_width, latent_height;
} fc_picture;

#endif

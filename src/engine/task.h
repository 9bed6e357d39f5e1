/* What the engine is asked for: files and one picture, fully resolved. Styles, wildcards, presets, file
 * search and "random" lie above (src/app); tensors lie below. */
#ifndef FC_ENGINE_TASK_H
#define FC_ENGINE_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include "fooocus.h"

/* Which Fooocus is followed where the two differ in arithmetic: 1.0.43 or 2.5.5. */
typedef enum fc_recipe_id { FC_RECIPE_1_0, FC_RECIPE_2_5 } fc_recipe_id;

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

/* The files a job needs. Paths are borrowed for the call. */
typedef struct fc_model_choice {
    const char *base;
    const char *refiner; /* NULL: none */
    const char *vae;     /* NULL: the base's own */
    const char *lender;  /* an SDXL base model whose text encoders and VAE stand in where the base's file
                          * has none; NULL: none */
    const char *const
        *neighbours; /* checkpoints among which one that can lend is looked for when it cannot */
    int32_t neighbour_count;
    const char *preview_decoder; /* TAESD; NULL: no previews */
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

/* A picture to start from, or a latent. */
typedef struct fc_start_image {
    const float
        *latent;    /* [4][h/8][w/8], model scale (times the scale factor); NULL: start from noise alone */
    double denoise; /* (0, 1]; 1: the whole schedule */
} fc_start_image;

typedef struct fc_task {
    fc_recipe_id recipe;
    fc_text_list positive, negative;
    uint64_t seed;
    int32_t width, height; /* pixels, multiples of 8 */
    int32_t steps;
    const char *sampler, *scheduler; /* names of the tables in diffusion/ */
    double cfg;                      /* guidance scale; 1: no negative pass */
    double adaptive_cfg;             /* mimicked scale (recipe 2.5) */
    double sharpness;
    double adm_positive, adm_negative, adm_end;
    int32_t clip_skip;   /* 2: the usual last but one layer */
    int32_t switch_step; /* the refiner takes over after step index switch_step; ignored without a refiner */
    fc_swap_method swap;
    fc_start_image start;
    bool fast_vae;         /* decode with the preview decoder */
    int32_t image, images; /* for events: 1-based place in the job */
    int32_t steps_before,
        steps_total; /* for events: sampling steps of the job before this image, and in all */
} fc_task;

/* A finished picture. */
typedef struct fc_picture {
    uint8_t *rgb; /* [height][width][3] */
    int32_t width, height;
    float *latent; /* final latent [4][latent_height][latent_width], divided by the scale factor: what the VAE
                      decodes */
    int32_t latent_width, latent_height;
} fc_picture;

#endif

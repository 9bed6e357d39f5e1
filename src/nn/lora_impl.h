/* Private to nn/lora*.c: a module's tensors and how they become rows of a weight. */
#ifndef FC_NN_LORA_IMPL_H
#define FC_NN_LORA_IMPL_H

#include "base/hash.h"
#include "format/ckpt.h"
#include "format/safetensors.h"
#include "nn/lora.h"

typedef enum fc_lora_part {
    FC_LORA_UP,
    FC_LORA_DOWN,
    FC_LORA_MID,
    FC_LORA_ALPHA,
    FC_LORA_DORA,
    FC_LORA_HADA_A1,
    FC_LORA_HADA_B1,
    FC_LORA_HADA_A2,
    FC_LORA_HADA_B2,
    FC_LORA_HADA_T1,
    FC_LORA_HADA_T2,
    FC_LORA_KRON_W1,
    FC_LORA_KRON_A1,
    FC_LORA_KRON_B1,
    FC_LORA_KRON_W2,
    FC_LORA_KRON_A2,
    FC_LORA_KRON_B2,
    FC_LORA_KRON_T2,
    FC_LORA_GLORA_A1,
    FC_LORA_GLORA_A2,
    FC_LORA_GLORA_B1,
    FC_LORA_GLORA_B2,
    FC_LORA_DIFF,
    FC_LORA_DIFF_BIAS,
    FC_LORA_OFT,         /* [blocks][n][n] */
    FC_LORA_OFT_RESCALE, /* [rows] */
    FC_LORA_IA3,         /* [rows] or [inputs], as FC_LORA_IA3_INPUT says */
    FC_LORA_IA3_INPUT,
    FC_LORA_OTHER, /* a kind that is known and not supported */
    FC_LORA_PARTS
} fc_lora_part;

typedef struct fc_lora_module {
    const char *name; /* not NUL-terminated: a part of a tensor's name */
    size_t name_length;
    const fc_st_tensor *part[FC_LORA_PARTS];
} fc_lora_module;

/* A matrix given as tensor data (converted when read) or as float32 made while attaching. */
typedef struct fc_lora_matrix {
    const void *data;
    fc_dtype dtype;
    int32_t rows, cols;
    bool
        by_column; /* the matrix wanted is the transpose of what is stored: row i of it is column i of data */
} fc_lora_matrix;

typedef enum fc_lora_kind {
    FC_LORA_LOW_RANK,
    FC_LORA_HADAMARD,
    FC_LORA_KRON,
    FC_LORA_GLORA,
    FC_LORA_FULL,
    FC_LORA_SCALE,   /* IA3 */
    FC_LORA_ROTATION /* OFT: lora_rotate.c */
} fc_lora_kind;

/* What is added to a weight: ready to be computed for any range of rows. */
typedef struct fc_lora_delta {
    fc_lora_kind kind;
    fc_lora_matrix a, b, c, d; /* LOW_RANK a@b; HADAMARD (a@b) o (c@d); KRON a x b; GLORA a@b + (W@c)@d; FULL
                                * a; SCALE W times a, a factor per row or per input; ROTATION a: the blocks */
    float factor;              /* alpha / rank, or 1 */
    int32_t rows, cols;        /* of the weight's part that it changes */
    int32_t patch;             /* kernel pixels per input channel: cols = cin * patch */
    const float *magnitude;    /* DoRA: [rows] or [cin]; NULL: none */
    bool magnitude_per_input;
    bool per_input;       /* SCALE */
    const float *rescale; /* ROTATION: [rows]; NULL: none */
    const float
        *input_norm; /* [cin]: norms of the changed weight per input channel, when magnitude_per_input */
} fc_lora_delta;

struct fc_lora {
    fc_safetensors st; /* one of the two is open */
    fc_ckpt ckpt;
    const fc_st_tensor *tensors;
    size_t count;
    fc_arena arena; /* modules and patches */
    fc_lora_module *modules;
    size_t module_count, strange; /* strange: tensors of no known ending */
    const char *strange_name;
    uint64_t key;
};

/* Turns a module's tensors into a delta for a weight part of rows x cols. false: the shapes do not fit. What
 * has to be computed once (CP factors) is computed now, in arena. */
bool fc_lora_delta_make(const fc_lora_module *m, int32_t rows, int32_t cols, int32_t patch, fc_arena *arena,
                        fc_lora_delta *out);
/* out[count][cols] = factor * delta for rows [first, first + count); weight rows w are needed by GLoRA only.
 */
fc_status fc_lora_delta_rows(const fc_lora_delta *d, int32_t first, int32_t count, const float *w,
                             float *out);
/* weight rows += strength * (...), magnitudes included */
fc_status fc_lora_delta_apply(const fc_lora_delta *d, double strength, int32_t first, int32_t count,
                              float *w);

/* The rotations of OFT; false: the shapes do not fit. */
bool fc_lora_rotation_make(const fc_lora_module *m, fc_arena *arena, fc_lora_delta *d);

/* What a rotation needs besides its delta: rows of the weight before it, which it asks for itself. */
typedef struct fc_lora_rotation {
    const fc_lora_delta *delta;
    const fc_weight *weight;
    const fc_weight_patch *self;
    int32_t row0;
    double strength;
} fc_lora_rotation;
/* rows[count][cols] of the weight's part, from its row `first` on, += strength * (R^T W - W) */
fc_status fc_lora_rotate(const fc_lora_rotation *p, int32_t first, int32_t count, float *rows);

#endif

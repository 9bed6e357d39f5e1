/* LoRA files: small differences added to a model's weights while these are read for packing, so that they
 * cost nothing while sampling. Understands LoRA / LoCon (with and without the CP middle factor), LoHa, LoKr,
 * GLoRA, OFT, IA3, full differences, norm differences, and DoRA magnitudes on top of any of them. Which
 * weight a module's name means is the caller's to say (model/lora_names.h): the spellings differ per trainer.
 *
 *   LoRA    W += s * alpha/rank * up @ down          rank = rows of down; without alpha the factor is s
 *   LoHa    W += s * alpha/rank * (a1 @ b1) o (a2 @ b2)
 *   LoKr    W += s * kron(w1, w2), times alpha/rank only where a factor is itself a product
 *   GLoRA   W += s * alpha/rank * (b2 @ b1 + (W @ a2) @ a1)
 *   full    W += s * diff
 *   OFT     W += s * (R^T W - W), R orthogonal, block by block (lora_rotate.c)
 *   IA3     W += s * w W, w a factor per row or per input
 *   DoRA    W += s * (m * W'/|W'| - W) with W' = W + the above at s = 1, norms per row or per input channel
 * as m's shape says
 */
#ifndef FC_NN_LORA_H
#define FC_NN_LORA_H

#include "base/arena.h"
#include "base/buf.h"
#include "nn/weights.h"

/* A module of a LoRA file changes rows [row0, row0 + rows) of a weight, and of a bias where it has one. */
typedef struct fc_lora_target {
    fc_weight *weight, *bias; /* either may be NULL */
    int32_t row0, rows;       /* rows < 0: all */
    bool transposed;          /* the weight lies the other way round than the module's */
} fc_lora_target;

/* Finds the target of a module name (not NUL-terminated); false when the model has no such module. */
typedef bool (*fc_lora_resolve)(void *user, const char *module, size_t length, fc_lora_target *out);

typedef struct fc_lora fc_lora;

/* Opens a safetensors file or a PyTorch checkpoint, which is not executed, and sorts its tensors into
 * modules. */
fc_status fc_lora_open(fc_lora **out, const char *path, fc_err *err) FC_MUST_USE;
/* The same for a safetensors file in memory, which must outlive it. */
fc_status fc_lora_parse(fc_lora **out, const void *data, size_t size, fc_err *err) FC_MUST_USE;
/* Its patches must have been taken off the weights (fc_weights_take_off) before. NULL is fine. */
void fc_lora_close(fc_lora *l);

/* A tensor that holds values that are not numbers; NULL: none. Reads the whole file. */
const char *fc_lora_damage(const fc_lora *l);

/* How tensors of a textual inversion that travels in the file begin: "bundle_emb.NAME.". */
#define FC_LORA_BUNDLE "bundle_emb."

/* Tells the file's content apart from others (path, size, time of change). */
uint64_t fc_lora_key(const fc_lora *l);

typedef struct fc_lora_report {
    int32_t modules;    /* in the file */
    int32_t matched;    /* that changed something of this model */
    int32_t unmatched;  /* whose name the model does not have */
    int32_t misfit;     /* whose shapes do not fit */
    int32_t other;      /* of a kind that is not supported */
    const char *kind;   /* which: "BOFT" */
    char examples[400]; /* the first few names that did nothing, separated by ", " */
} fc_lora_report;

/* Adds the patches of l at `strength` behind those already on the weights. A file may be attached several
 * times, to several models. */
fc_status fc_lora_attach(fc_lora *l, double strength, fc_lora_resolve resolve, void *user,
                         fc_lora_report *report, fc_err *err) FC_MUST_USE;

#endif

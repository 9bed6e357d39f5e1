/* Synthetic checkpoints: every weight is a pure function of its tensor's name and index, so full-size SDXL
 * can be tested without shipping a single weight. The golden data were computed on exactly these files.
 *
 *   seed(name)  = FNV-1a 64 of the name
 *   x(name, i)  = splitmix64 output for the state seed + (i + 1) * 0x9E3779B97F4A7C15
 *   u(name, i)  = (x >> 40) * 2^-24 - 0.5
 *   value       = float32(offset) + float32(u) * float32(scale), rounded to F16
 *
 * Kinds: base, refiner (full size), tiny_base, tiny_refiner (same topology, toy width), taesd_decoder,
 * esrgan_small4, esrgan_small2, esrgan_full (upscalers), inpaint_head, inpaint_tiny (the inpainting engine's
 * differences for tiny_base, under the names of nn/difference.h), control_canny and control_cpds
 * (Control-LoRA of tiny_base), clip_vision_tiny, clip_vision (ViT-H), ip_adapter_tiny, ip_face_tiny,
 * ip_negative_tiny, gpt2_tiny, marian_tiny, blip_tiny and
 * blip_tiny_hf (captioners, under BLIP's and transformers' names). */
#ifndef FC_TESTS_SYNTH_H
#define FC_TESTS_SYNTH_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/dtype.h"
#include "base/status.h"

typedef struct fc_synth_tensor {
    const char *name;
    int32_t ndim;
    int64_t shape[4];
    double offset, scale; /* used as float32 */
    const char *seed;     /* name that its values are made of; NULL: its own */
    bool bytes;           /* U8: floor((u + 0.5) * 256) */
} fc_synth_tensor;

typedef struct fc_synth {
    fc_synth_tensor *tensors; /* in file order */
    size_t count, cap;
    fc_arena arena;   /* names */
    fc_status status; /* sticky NOMEM */
} fc_synth;

extern const char *const fc_synth_kinds[]; /* NULL-terminated */

void fc_synth_init(fc_synth *s); /* no tensors yet */
void fc_synth_fini(fc_synth *s);
/* Initialises s with the tensors of a kind. */
fc_status fc_synth_build(fc_synth *s, const char *kind, fc_err *err) FC_MUST_USE;
/* One more tensor, for files of a test's own making. shape: [ndim]. */
void fc_synth_add(fc_synth *s, const char *name, int32_t ndim, const int64_t *shape, double offset,
                  double scale);

/* Values [start, start + count) of a tensor; not for bytes. */
void fc_synth_values(float *dst, const fc_synth_tensor *t, uint64_t start, size_t count);

/* Writes a safetensors file; dtype F16 (the reference), BF16 or F32. Uses the OpenMP threads. */
fc_status fc_synth_write(const char *path, const fc_synth *s, fc_dtype dtype, fc_err *err) FC_MUST_USE;

/* (in support.c) Path of a checkpoint of this kind in the test's own temporary folder, made on first use;
 * F16. Fails the test when it cannot be made. Meant for the small kinds (tiny_base 107 MB, taesd_decoder 2.5
 * MB). */
const char *fc_test_synth(const char *kind);

#endif

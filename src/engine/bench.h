/* Parts of a picture's run one by one, for measuring. Whole steps and pictures are measured by fc_engine_run.
 */
#ifndef FC_ENGINE_BENCH_H
#define FC_ENGINE_BENCH_H

#include "engine/engine.h"
#include "nn/oplog.h"

/* What is measured: the usual recipe (2.5, guidance 7, DPM-Solver++(2M) with noise, Karras), a prompt and a
 * negative one of at most 77 tokens. */
fc_task fc_bench_task(int32_t width, int32_t height, int32_t steps);

/* Encodes both texts of the task, known or not. */
fc_status fc_bench_text(fc_engine *e, const fc_task *task, fc_err *err) FC_MUST_USE;

typedef enum fc_bench_decoder {
    FC_BENCH_WHOLE,  /* the VAE, the picture in one piece */
    FC_BENCH_STRIPS, /* the VAE as with little memory */
    FC_BENCH_TAESD,  /* the loaded preview decoder */
    FC_BENCH_DECODERS
} fc_bench_decoder;
/* False when the loaded files lack it. */
bool fc_bench_can_decode(const fc_engine *e, fc_bench_decoder decoder);
/* Decodes a latent of noise for a picture of this size. */
fc_status fc_bench_decode(fc_engine *e, fc_bench_decoder decoder, int32_t width, int32_t height,
                          fc_err *err) FC_MUST_USE;

/* The parts that fc_bench_list_ops notes. */
typedef enum fc_bench_ops {
    FC_BENCH_OPS_TEXT,    /* both text encoders: once for a text */
    FC_BENCH_OPS_CONTEXT, /* what the UNet prepares of texts and sizes: once for a picture */
    FC_BENCH_OPS_STEP,    /* one step with guidance */
    FC_BENCH_OPS_DECODE,  /* the VAE's decoder, in one piece */
    FC_BENCH_OPS_PARTS
} fc_bench_ops;
/* Lists every operation of a picture by this model, without computing any. */
fc_status fc_bench_list_ops(const char *model, fc_precision precision, const fc_task *task, fc_oplog *out,
                            fc_err *err) FC_MUST_USE;

#endif

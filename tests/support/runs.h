/* Pictures through the engine's interface, on the tiny synthetic models. A failure ends the test. */
#ifndef FC_TESTS_RUNS_H
#define FC_TESTS_RUNS_H

#include "engine/engine.h"
#include "support/support.h"

/* The defaults of every case of the reference: recipe 1.0, 256 x 256, 30 steps, seed 1. One text a side. */
fc_task run_task(const char *const *positive, const char *const *negative);
fc_engine *run_engine(fc_precision precision, int threads);
/* The tiny base, with or without the tiny refiner. */
void run_load(fc_engine *e, bool refiner);
fc_picture run_picture(fc_engine *e, const fc_task *task);
size_t run_latent_count(const fc_picture *p);
/* Against NAME.image_u8 where the golden file has it. */
void run_check_image(const fc_safetensors *golden, const char *name, const fc_picture *p);

#endif

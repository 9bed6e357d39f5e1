/* What speed to expect of this machine, from a measurement of about a second without any model. */
#ifndef FC_ENGINE_SPEED_H
#define FC_ENGINE_SPEED_H

#include "base/status.h"

typedef struct fc_speed {
    double linear, conv, attention; /* FLOP per second */
    double step_seconds; /* one guided step of the SDXL base model at 1024 x 1024: products and attention
                          * alone, so rather a little more */
} fc_speed;

/* Measures in the engine's precision; needs no loaded model. */
fc_status fc_engine_measure(fc_engine *engine, fc_speed *out, fc_err *err) FC_MUST_USE;

#endif

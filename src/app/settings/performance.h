/* Performance modes: how many steps, and for the fast ones which LoRA, sampler and guidance go with them.
 * Must match Fooocus 1.0.43 (Speed and Quality) and 2.5.5. */
#ifndef FC_APP_SETTINGS_PERFORMANCE_H
#define FC_APP_SETTINGS_PERFORMANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "app/settings/params.h"
#include "base/status.h"
#include "engine/task.h"

/* A field that a fast mode sets whatever the user chose. Its row in params.def has FC_MARK_NOT_FAST, as have
 * those that such a mode leaves without effect. */
typedef struct fc_forced_value {
    fc_param_id id;
    const char *value; /* in canonical spelling */
} fc_forced_value;

enum { FC_FORCED_OWN = 2 };

/* Its refiner is none. */
typedef struct fc_performance_forced {
    const char *lora; /* file in models/loras, appended to the user's LoRAs and not counted among them */
    double lora_weight;
    fc_forced_value own[FC_FORCED_OWN]; /* besides those that all fast modes set */
} fc_performance_forced;

typedef struct fc_performance {
    const char *id;   /* "extreme-speed": command line, requests */
    const char *name; /* "Extreme Speed": lists, metadata, presets */
    int32_t steps, upscale_steps;
    int32_t v1_switch_step; /* step index of the refiner swap in 1.0.43; 0: 1.0.43 does not have the mode */
    const fc_performance_forced *forced; /* NULL: the user's settings hold */
} fc_performance;

/* In the order of the list; NULL behind the last. 1.0.43 had Speed and Quality alone, in this order; the fast
 * modes follow in recipe 1.0. */
const fc_performance *fc_performance_at(fc_recipe_id recipe, size_t index);
/* What the mode sets; NULL behind the last. */
const fc_forced_value *fc_performance_forced_at(const fc_performance *mode, size_t index);
/* By id or name in any case, '-', '_' and blank alike. NULL when there is none. */
const fc_performance *fc_performance_find(fc_recipe_id recipe, const char *name);
/* The same with an error (ARG) that lists the modes. */
fc_status fc_performance_get(fc_recipe_id recipe, const char *name, const fc_performance **mode,
                             fc_err *err) FC_MUST_USE;

/* Steps of one picture: overwrite when it is positive, else the mode's. */
int32_t fc_performance_steps(const fc_performance *mode, bool upscaling, int32_t overwrite);
/* Index of the last step before the refiner takes over, in 2.5: overwrite when it is positive, else
 * round(steps * refiner_switch) with halves to even as Python rounds. Forced values are the caller's
 * business. */
int32_t fc_performance_switch_step(int32_t steps, double refiner_switch, int32_t overwrite);

#endif

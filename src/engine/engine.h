/* The engine: owns the device, the opened model files, the packed weights and the models bound to them. One
 * thread at a time. fc_engine_open and fc_engine_close are in fooocus.h. */
#ifndef FC_ENGINE_ENGINE_H
#define FC_ENGINE_ENGINE_H

#include "base/status.h"
#include "engine/task.h"
#include "nn/backend.h"
#include "nn/profile.h"

/* Texts of FC_EVENT_PHASE that tell where a run is. */
#define FC_PHASE_ENCODING   "Encoding the prompt"
#define FC_PHASE_READING    "Reading the picture"
#define FC_PHASE_ENLARGING  "Enlarging the picture"
#define FC_PHASE_DRAWING    "Drawing"
#define FC_PHASE_DEVELOPING "Developing the picture"

/* Makes the files of `choice` the loaded ones; what is loaded already stays. On failure the former set stays
 * usable. */
fc_status fc_engine_load(fc_engine *engine, const fc_model_choice *choice, const fc_hooks *hooks,
                         fc_err *err) FC_MUST_USE;
/* What stops the engine's calls: FC_RUN, FC_SKIP_IMAGE (a run that it ended stores FC_RUN) or FC_STOP, with
 * atomic accesses. It is the engine's own, and stays as it is between calls, until somebody lends one that
 * outlives the engine's work or begins before it - a queue, a process that ends; NULL: the own one again.
 * fc_engine_cancel sets it, whosever it is. */
int *fc_engine_cancel_flag(fc_engine *engine);
void fc_engine_lend_cancel_flag(fc_engine *engine, int *flag);
/* Computes one picture with the loaded models. Text conditions are cached between calls while models stay the
 * same. */
fc_status fc_engine_run(fc_engine *engine, const fc_task *task, const fc_hooks *hooks, fc_picture *out,
                        fc_err *err) FC_MUST_USE;
void fc_picture_fini(fc_picture *p);

typedef struct fc_engine_report {
    char backend[32];      /* "cpu", "vulkan" */
    char machine[64];      /* the device's own name */
    char device[160];      /* "AMD EPYC ..., 2 threads, AVX-512 BF16, oneDNN 2.6.3" */
    char passed_over[200]; /* why no graphics card computes; "" when one does, or none was looked for */
    char note[200];        /* what of the device is not used, and why; "": all of it is */
    char precision[8];     /* "f32", "bf16" or "f16" */
    char model[256];       /* one line about the loaded base, "" when none */
    uint64_t packed_bytes, stack_peak_bytes;
    uint64_t device_peak_bytes; /* of a graphics card's memory; 0: the processor computes */
} fc_engine_report;
enum { FC_ENGINE_MAX_DEVICES = 16 };
/* The graphics cards of this machine, the best first, and software that plays one: fills at most `room`,
 * returns how many. Their place in the list is their number for fc_engine_config.device. */
int32_t fc_engine_devices(fc_device_info *out, int32_t room);

void fc_engine_describe(const fc_engine *engine, fc_engine_report *out);

/* Notes from now on where the time goes, from zero. FC_PROFILE=1 in the environment does it from the start.
 * now: the clock, fc_now or fc_cpu_now. */
fc_status fc_engine_profile_start(fc_engine *engine, double (*now)(void), fc_err *err) FC_MUST_USE;
/* NULL: nothing was noted. Lives as long as the engine. */
const fc_profile *fc_engine_profile(const fc_engine *engine);

/* Whether the LoRA at path brings a textual inversion of this name along. Reads the file's list of tensors.
 */
bool fc_engine_lora_brings(const char *path, const char *name);

#endif

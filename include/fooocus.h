/* fooocus.h - the one public header of libfooocus: from a sentence to pictures with SDXL models, in C.
 *
 * What is behind this header: model files, the picture recipe, memory, threads. What stays with you: where
 * events go, when to stop. No function prints, exits, or keeps global state; text is UTF-8.
 *
 * Every setting is a name with a value, the same names as in the program's flags and in its JSON. This
 * example takes them from its arguments, as in: example prompt "a fox in the snow" model sdxl.safetensors
 *
 *     #include <fooocus.h>
 *     #include <stdio.h>
 *
 *     static void show(void *user, const fc_event *e)
 *     {
 *         (void)user;
 *         if (e->kind == FC_EVENT_STEP) printf("step %d of %d\n", e->step, e->steps);
 *         if (e->kind == FC_EVENT_IMAGE) printf("%s\n", e->path);
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         fc_err err = {0};
 *         fc_engine *engine = NULL;
 *         fc_request *request = fc_request_new();
 *         fc_status s = fc_engine_open(NULL, &engine, &err);
 *         for (int i = 1; !s && i + 1 < argc; i += 2)
 *             s = fc_request_set(request, argv[i], argv[i + 1], &err);
 *         if (!s) s = fc_generate(engine, request, &(fc_hooks){.on_event = show}, &err);
 *         if (s) fprintf(stderr, "%s\n", err.message);
 *         fc_request_free(request);
 *         fc_engine_close(engine);
 *         return s ? 1 : 0;
 *     }
 *
 * After make install: cc example.c $(pkg-config --cflags --libs fooocus)
 *
 * Threads: an engine and its requests are used by one thread at a time; there may be several engines. The
 * cancel and want_preview flags of fc_hooks may be written by any thread and by signal handlers.
 * Ownership: _new and _open give what _free and _close take back; NULL is fine there. Texts that you pass in
 * are copied or not used after the call; what an event points to is valid during that call only. */
#ifndef FOOOCUS_H
#define FOOOCUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FC_API __attribute__((visibility("default")))

/* name, what it means, HTTP status, exit code of the program */
#define FC_STATUS_TABLE(X)                                                                                   \
    X(OK, "success", 200, 0)                                                                                 \
    X(ARG, "an argument or request field is wrong", 400, 2)                                                  \
    X(NOT_FOUND, "a file or thing does not exist", 404, 3)                                                   \
    X(IO, "reading or writing failed", 500, 4)                                                               \
    X(FORMAT, "a file's content is broken", 422, 5)                                                          \
    X(UNSUPPORTED, "valid, but not something this program can use", 422, 6)                                  \
    X(NOMEM, "out of memory", 503, 7)                                                                        \
    X(LIMIT, "over a stated limit", 413, 8)                                                                  \
    X(CANCELLED, "stopped on request", 409, 130)                                                             \
    X(BUSY, "in use by somebody else", 409, 9)                                                               \
    X(NUMERIC, "the model computed something that is not a number", 500, 10)                                 \
    X(NETWORK, "a download or connection failed", 502, 11)                                                   \
    X(DENIED, "not allowed", 403, 12)                                                                        \
    X(DEVICE, "the device that computes failed or was lost", 503, 13)                                        \
    X(INTERNAL, "a bug in this program", 500, 70)                                                            \
    X(FULL, "no space is left on the disk", 507, 14)

typedef enum fc_status {
#define X(name, text, http, code) FC_##name,
    FC_STATUS_TABLE(X)
#undef X
} fc_status;

/* Filled by the callee on failure; the caller owns it. A NULL fc_err pointer is always allowed. */
typedef struct fc_err {
    fc_status status;
    char message[500]; /* UTF-8, one sentence that says what to do; no newline at the end */
} fc_err;

/* ---- events and control: per call, never global ---- */

typedef enum fc_event_kind {
    FC_EVENT_PHASE,   /* text: what is being done now ("Loading the model", "Encoding the prompt", ...) */
    FC_EVENT_STEP,    /* a step is done: step, steps, image, images, fraction, seconds_left */
    FC_EVENT_PREVIEW, /* rgb, width, height: a rough picture of the image in work; only when asked for */
    FC_EVENT_IMAGE,   /* a finished picture: image, images, path, rgb, width, height, seed, metadata */
    FC_EVENT_WARNING  /* text: something to tell the user; the job goes on */
} fc_event_kind;

/* Fields that a kind does not name are 0, NULL or, for seconds_left, negative. */
typedef struct fc_event {
    fc_event_kind kind;
    const char *text;
    int32_t image, images; /* 1..images, of the whole request */
    int32_t step, steps;   /* 1..steps, of this image */
    double fraction;       /* 0..1, of the whole request */
    double seconds_left;   /* of the whole request; negative: not known yet */
    const uint8_t *rgb;    /* [height][width][3], sRGB, 0..255 */
    int32_t width, height; /* pixels */
    const char *path;      /* the file, NULL when nothing was saved */
    uint64_t seed;         /* of this image */
    const char *metadata;  /* JSON object of the settings that made the image, or NULL */
} fc_event;

enum { FC_RUN = 0, FC_SKIP_IMAGE = 1, FC_STOP = 2 };

typedef struct fc_hooks {
    void *user;                                          /* handed to on_event */
    void (*on_event)(void *user, const fc_event *event); /* on the calling thread; may be NULL */
    int *cancel; /* NULL, or FC_RUN at first. FC_SKIP_IMAGE goes on with the next image, and the engine
                  * stores FC_RUN then; FC_STOP ends the call. Looked at in every operation. */
    const int *want_preview; /* not 0: send FC_EVENT_PREVIEW while it is so; NULL: never */
} fc_hooks;

/* ---- engine: the machine and the loaded models ---- */

typedef struct fc_engine fc_engine;

typedef enum fc_precision {
    FC_PRECISION_AUTO,
    FC_PRECISION_F32,
    FC_PRECISION_BF16,
    FC_PRECISION_F16
} fc_precision;
typedef enum fc_memory_mode { FC_MEMORY_AUTO, FC_MEMORY_FAST, FC_MEMORY_LOW } fc_memory_mode;
typedef enum fc_weight_form { FC_WEIGHTS_FULL, FC_WEIGHTS_INT8 } fc_weight_form;

typedef struct fc_engine_config { /* all zero: sensible defaults */
    const char *backend;    /* "cpu", "ref"; NULL: FC_BACKEND in the environment, else the best there is */
    const char *isa;        /* use no newer instructions than "scalar", "avx2", "avx512", "avx512bf16" or
                             * "amx"; NULL: all the machine has */
    int threads;            /* 1..4096; 0: all cores */
    fc_precision precision; /* AUTO: what the device is fastest with */
    fc_memory_mode memory;  /* LOW: weights are prepared when needed instead of being kept */
    uint64_t memory_bytes;  /* budget for prepared weights; 0: by the mode */
    fc_weight_form weights; /* INT8: the UNet's in 8 bits: half the memory, a slightly different picture */
    const char *device;     /* "auto" or NULL: a graphics card with enough memory, else the processor; "cpu";
                             * "gpu"; or a card's number or a part of its name (`fooocus devices`) */
    uint64_t device_memory; /* bytes of the device's own memory to use at most; 0: all */
} fc_engine_config;

/* config may be NULL. Loads no model yet. ARG: an unknown backend or instruction set; NOMEM. */
FC_API fc_status fc_engine_open(const fc_engine_config *config, fc_engine **engine, fc_err *err);
FC_API void fc_engine_close(fc_engine *engine);

/* ---- request: every setting by its name ----
 *
 * `fooocus --settings` and docs/PARAMETERS.md list the names with their ranges and defaults. What is not set
 * has its default; a request can be used again and changed between calls. */

typedef struct fc_request fc_request;

FC_API fc_request *fc_request_new(void); /* NULL when out of memory */
FC_API void fc_request_free(fc_request *request);
/* One field from text, as on the command line ("steps", "30"). Lists (styles, loras) grow with each call.
 * ARG: no such field, or a value that is wrong or out of range; the request is as before then. */
FC_API fc_status fc_request_set(fc_request *request, const char *name, const char *value, fc_err *err);
/* Fields from the size bytes of a JSON object, at most 1 MiB. ARG: unknown names, wrong types or values; the
 * message names the field, and the request is as before. */
FC_API fc_status fc_request_set_json(fc_request *request, const char *json, size_t size, fc_err *err);

/* Makes the pictures and saves them. Models are loaded when they are not yet, and stay loaded in the engine.
 * What can be wrong with a request is found before a model is loaded. hooks may be NULL.
 * ARG, NOT_FOUND, DENIED: a wrong setting, missing file or forbidden folder; FORMAT, UNSUPPORTED: a broken
 * model file or one of another kind; NUMERIC: not a number came out; IO: the disk; NOMEM; CANCELLED: stopped.
 * Whatever it returns, pictures that were announced are whole and stay, and no other file has appeared. */
FC_API fc_status fc_generate(fc_engine *engine, const fc_request *request, const fc_hooks *hooks,
                             fc_err *err);

FC_API const char *fc_version(void);                 /* "0.1.0" */
FC_API const char *fc_status_text(fc_status status); /* "out of memory"; never NULL */

#ifdef __cplusplus
}
#endif
#endif

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
 * exceptions: fc_engine_cancel, and the flags that fc_hooks points to.
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

#define FC_VERSION_MAJOR 0
#define FC_VERSION_MINOR 1
#define FC_VERSION_PATCH 0

/* name, what it means */
#define FC_STATUS_TABLE(X)                                                                                   \
    X(OK, "success")                                                                                         \
    X(ARG, "an argument or request field is wrong")                                                          \
    X(NOT_FOUND, "a file or thing does not exist")                                                           \
    X(IO, "reading or writing failed")                                                                       \
    X(FORMAT, "a file's content is broken")                                                                  \
    X(UNSUPPORTED, "valid, but not something this program can use")                                          \
    X(NOMEM, "out of memory")                                                                                \
    X(LIMIT, "over a stated limit")                                                                          \
    X(CANCELLED, "stopped on request")                                                                       \
    X(BUSY, "in use by somebody else")                                                                       \
    X(NUMERIC, "the model computed something that is not a number")                                          \
    X(NETWORK, "a download or connection failed")                                                            \
    X(DENIED, "not allowed")                                                                                 \
    X(DEVICE, "the device that computes failed or was lost")                                                 \
    X(INTERNAL, "a bug in this program")                                                                     \
    X(FULL, "no space is left on the disk")

typedef enum fc_status {
#define X(name, text) FC_##name,
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

/* Structs that callers fill begin with their size: what a newer version adds behind reads as 0 then. 0 means
 * the size of version 0.1. */
typedef struct fc_hooks {
    size_t size;                                         /* sizeof(fc_hooks), or 0 */
    void *user;                                          /* handed to on_event */
    void (*on_event)(void *user, const fc_event *event); /* on the calling thread; may be NULL */
    const int *want_preview; /* not 0: send FC_EVENT_PREVIEW while it is so; NULL: never */
    int memory_only;   /* not 0: no file is written; finished pictures come in FC_EVENT_IMAGE alone, path NULL
                        */
    const int *finish; /* not 0: the picture in work is developed as far as it is, then the call ends as with
                        * FC_STOP. Looked at after each step; NULL: never */
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
    size_t size;                  /* sizeof(fc_engine_config), or 0 */
    const char *backend;    /* one that fc_backend_at names: "cpu", "vulkan", "ref"; NULL: FC_BACKEND in the
                             * environment, else the best there is */
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
    const char *cache_dir; /* where compiled shaders of a card and what was found out about it are kept; NULL:
                            * fooocus in XDG_CACHE_HOME or ~/.cache; "": nowhere */
} fc_engine_config;

/* config may be NULL. Loads no model yet. ARG: an unknown backend or instruction set; NOMEM. */
FC_API fc_status fc_engine_open(const fc_engine_config *config, fc_engine **engine, fc_err *err);
FC_API void fc_engine_close(fc_engine *engine);
/* Ends the call of fc_generate that is running (what = FC_STOP), or goes on with its next image
 * (FC_SKIP_IMAGE, which takes no stop back); when none is running, nothing happens. It is looked at in every
 * operation. Any thread may call it, and so may signal handlers. */
FC_API void fc_engine_cancel(fc_engine *engine, int what);

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

/* The value of a field as text, as fc_request_set reads it: the one that was set, else the default of the
 * request's recipe; of a list its item `index`, of other fields index is 0. ARG: no such field; NOT_FOUND: no
 * such item, or no default but what the plan computes; LIMIT: text has no room for it. */
FC_API fc_status fc_request_get(const fc_request *request, const char *name, size_t index, char *text,
                                size_t size, fc_err *err);

/* ---- what there is: for programs that draw a form ---- */

typedef struct fc_setting {
    size_t size;                  /* set by the caller: sizeof(fc_setting) */
    const char *name;             /* for fc_request_set */
    const char *flag;             /* on the command line, without "--"; NULL: none of its own */
    const char *kind;             /* "bool", "int", "num", "text", "enum", "list", "loras", "seed", "image" */
    const char *group;            /* "basic", "picture", "models", "output", "advanced", "developer" */
    const char *help;             /* one sentence, English */
    double lowest, highest, step; /* of int, num and loras */
} fc_setting;

/* Setting `index`, counted from 0. 0: there are no more; 1: *setting is filled. */
FC_API int fc_setting_at(size_t index, fc_setting *setting);
/* Choice `index` of a setting of kind enum; NULL behind the last. */
FC_API const char *fc_choice_at(const char *setting, size_t index);
/* Calls visit for every model file of a kind ("checkpoints", "loras", "vae", "vae_approx", "embeddings" ...)
 * that a request with this home ("" or NULL: the usual one) may name. */
FC_API fc_status fc_models_list(const char *home, const char *kind,
                                void (*visit)(void *user, const char *name, const char *path), void *user,
                                fc_err *err);
/* What fc_engine_config.backend may be; NULL behind the last. */
FC_API const char *fc_backend_at(size_t index);

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

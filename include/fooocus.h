/* fooocus.h - the one public header of libfooocus: from a sentence to pictures with SDXL models, in C.
 *
 * What is behind this header: model files, the picture recipe, memory, threads. What stays with you: where
 * events go, when to stop. No function prints, exits, or keeps global state; text is UTF-8; an engine is used
 * by one thread at a time.
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
 *         if (!s) s = fc_request_set(request, "prompt", argc > 1 ? argv[1] : "a fox in the snow", &err);
 *         if (!s) s = fc_request_set(request, "model", argc > 2 ? argv[2] : "model.safetensors", &err);
 *         if (!s) s = fc_generate(engine, request, &(fc_hooks){ .on_event = show }, &err);
 *         if (s) fprintf(stderr, "%s\n", err.message);
 *         fc_request_free(request);
 *         fc_engine_close(engine);
 *         return s ? 1 : 0;
 *     }
 */
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
    X(INTERNAL, "a bug in this program", 500, 70)

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

/* ---- events and control: per call, never global
 * ---------------------------------------------------------------------- */

typedef enum fc_event_kind {
    FC_EVENT_PHASE, /* text: what is being done now ("Loading the model", "Encoding the prompt", ...) */
    FC_EVENT_STEP, /* step of steps of image of images is done; fraction and seconds_left are of the whole job
                    */
    FC_EVENT_PREVIEW, /* rgb, width, height: a rough picture of the image in work; only when asked for */
    FC_EVENT_IMAGE,   /* a finished picture: path (NULL when nothing was saved), rgb, width, height, seed */
    FC_EVENT_WARNING  /* text: something to tell the user; the job goes on */
} fc_event_kind;

typedef struct fc_event {
    fc_event_kind kind;
    const char *text;
    int32_t image, images; /* 1-based */
    int32_t step, steps;   /* 1-based */
    double fraction;       /* 0..1 */
    double seconds_left;   /* < 0: not known yet */
    const uint8_t *rgb;    /* [height][width][3]; valid during the call only */
    int32_t width, height;
    const char *path;
    uint64_t seed;
    const char *metadata; /* JSON of the parameters that made the image, or NULL */
} fc_event;

enum { FC_RUN = 0, FC_SKIP_IMAGE = 1, FC_STOP = 2 };

typedef struct fc_hooks {
    void *user;
    void (*on_event)(void *user, const fc_event *event); /* on the calling thread; may be NULL */
    int *cancel; /* another thread or a signal handler may store FC_SKIP_IMAGE or FC_STOP at any time; the
                  * engine stores FC_RUN when it has skipped; may be NULL. Finished pictures are kept. */
    const int *want_preview; /* non-zero: send FC_EVENT_PREVIEW while it is so; may be NULL */
} fc_hooks;

/* ---- engine
 * ----------------------------------------------------------------------------------------------------------
 */

typedef struct fc_engine fc_engine;

typedef enum fc_precision { FC_PRECISION_AUTO, FC_PRECISION_F32, FC_PRECISION_BF16 } fc_precision;
typedef enum fc_memory_mode { FC_MEMORY_AUTO, FC_MEMORY_FAST, FC_MEMORY_LOW } fc_memory_mode;

typedef struct fc_engine_config { /* all zero: sensible defaults */
    const char *backend; /* "cpu", "ref"; NULL: FC_BACKEND in the environment, else the best there is */
    const char *isa; /* upper bound on instruction sets: "avx2", "avx512" ...; NULL: all the machine has */
    int threads;     /* 0: all cores */
    fc_precision precision; /* AUTO: bf16 where the machine is faster with it */
    fc_memory_mode memory;  /* LOW: weights are prepared when needed instead of being kept */
    uint64_t memory_bytes;  /* budget for prepared weights; 0: by the mode */
} fc_engine_config;

FC_API fc_status fc_engine_open(const fc_engine_config *config, fc_engine **engine,
                                fc_err *err);   /* config may be NULL */
FC_API void fc_engine_close(fc_engine *engine); /* NULL is fine */

/* ---- request: every setting by its name (fooocus generate --help lists them with ranges and defaults)
 * ------------------ */

typedef struct fc_request fc_request;

FC_API fc_request *fc_request_new(void); /* NULL when out of memory */
FC_API void fc_request_free(fc_request *request);
/* Sets one field from text, as on the command line ("steps", "30"). Lists (style, lora) grow with each call.
 */
FC_API fc_status fc_request_set(fc_request *request, const char *name, const char *value, fc_err *err);
/* Sets fields from a JSON object. Unknown names and wrong types are errors that name the field; nothing is
 * changed then. */
FC_API fc_status fc_request_set_json(fc_request *request, const char *json, size_t size, fc_err *err);

/* Makes the pictures. CANCELLED when stopped; the pictures finished before are saved and were announced.
 * hooks may be NULL. */
FC_API fc_status fc_generate(fc_engine *engine, const fc_request *request, const fc_hooks *hooks,
                             fc_err *err);

FC_API const char *fc_version(void); /* "0.1.0" */
FC_API const char *fc_status_text(fc_status status);

#ifdef __cplusplus
}
#endif
#endif

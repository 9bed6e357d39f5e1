/* The library: jobs and pictures in one SQLite file, or in a database of PostgreSQL. What is queued, running
 * or finished survives kill -9 and power loss: every change is durable when its function returns. One
 * connection writes, one reads, each behind its own mutex, so any thread may call anything, and a slow search
 * never holds up a finished picture. Every query has a limit on its rows and on its time.
 *
 * Text of rows lives in the caller's arena; it is UTF-8 as it came. Untrusted text reaches SQL by binding
 * only. */
#ifndef FC_APP_QUEUE_LIBRARY_H
#define FC_APP_QUEUE_LIBRARY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/status.h"

typedef struct fc_library fc_library;

#define FC_LIBRARY_FILE ".library/library.sqlite3" /* below the folder of outputs */

/* path: of a file, or postgresql://user@host/database. Creates the tables or brings them up to date. FORMAT:
 * not a library, or one of a newer program. */
fc_status fc_library_open(const char *path, fc_library **library, fc_err *err) FC_MUST_USE;
/* A file that is there, also while a server uses it: only the functions that read may be called. */
fc_status fc_library_open_to_read(const char *path, fc_library **library, fc_err *err) FC_MUST_USE;
void fc_library_close(fc_library *l); /* no other call may be going on */

/* PostgreSQL: the mark of this library; `mine` becomes it when it has none yet. */
fc_status fc_library_mark(fc_library *l, const char *mine, char *mark, size_t size, fc_err *err) FC_MUST_USE;

/* ---- jobs ---- */

enum {
    FC_JOB_ID_SIZE = 27, /* a ULID and its NUL */
    FC_JOB_KEY_MAX = 255 /* bytes of an idempotency key */
};

/* Names as the API shows and the file stores them. */
#define FC_JOB_STATES(X)                                                                                     \
    X(QUEUED, "queued")                                                                                      \
    X(RUNNING, "running")                                                                                    \
    X(DONE, "done")                                                                                          \
    X(FAILED, "failed")                                                                                      \
    X(CANCELLED, "cancelled")

typedef enum fc_job_state {
#define X(name, text) FC_JOB_##name,
    FC_JOB_STATES(X)
#undef X
        FC_JOB_STATE_COUNT
} fc_job_state;

const char *fc_job_state_name(fc_job_state s);
bool fc_job_state_from_name(const char *name, fc_job_state *out);
static inline bool fc_job_state_is_final(fc_job_state s)
{
    return s >= FC_JOB_DONE;
}

typedef struct fc_job_row {
    char id[FC_JOB_ID_SIZE];
    fc_job_state state;
    int64_t place;                      /* order in the queue; meaningless otherwise */
    const char *parameters;             /* JSON object: the fields that were given, and the seed */
    const char *prompt;                 /* for lists */
    const char *key;                    /* idempotency key; NULL: none */
    const char *fingerprint;            /* of the request as it came */
    int64_t created, started, finished; /* milliseconds since 1970; 0: not yet */
    int32_t images, next_image;         /* wanted; how many are behind us (made or skipped) */
    int32_t attempts;       /* starts without a picture since; a job that kills the program stops */
    bool preview;           /* whether the client wants previews */
    fc_status error;        /* of a failed job */
    const char *error_text; /* "" when there is none */
    const char *warnings;   /* JSON array of texts */
} fc_job_row;

/* Adds a queued job: all fields but state, started and what follows from running it are read. BUSY: the key
 * exists already. */
fc_status fc_library_job_add(fc_library *l, const fc_job_row *job, fc_err *err) FC_MUST_USE;
fc_status fc_library_job_get(fc_library *l, const char *id, fc_arena *arena, fc_job_row *job,
                             fc_err *err) FC_MUST_USE;
/* NOT_FOUND when no job has this idempotency key. */
fc_status fc_library_job_by_key(fc_library *l, const char *key, fc_arena *arena, fc_job_row *job,
                                fc_err *err) FC_MUST_USE;

/* Whether this request was made before. BUSY: its key was used for another one. key NULL: it was not. */
fc_status fc_library_job_repeated(fc_library *l, const char *key, const char *fingerprint,
                                  char id[FC_JOB_ID_SIZE], bool *existed, fc_err *err) FC_MUST_USE;

typedef struct fc_job_filter {
    unsigned states;    /* bit 1 << state; 0: all */
    const char *before; /* only jobs older than this id; NULL: from the newest */
    int32_t limit;
} fc_job_filter;
/* Newest first; rows has room for filter->limit. */
fc_status fc_library_jobs(fc_library *l, const fc_job_filter *filter, fc_arena *arena, fc_job_row *rows,
                          int32_t *count, fc_err *err) FC_MUST_USE;

/* Queued -> running, one more attempt. */
fc_status fc_library_job_start(fc_library *l, const char *id, int64_t now, fc_err *err) FC_MUST_USE;
/* next_image pictures are behind us; attempts start again at 1. */
fc_status fc_library_job_advance(fc_library *l, const char *id, int32_t next_image, fc_err *err) FC_MUST_USE;
typedef struct fc_job_end {
    fc_job_state state; /* a final one */
    int64_t finished;
    fc_status error;
    const char *error_text, *warnings;
} fc_job_end;
fc_status fc_library_job_finish(fc_library *l, const char *id, const fc_job_end *end,
                                fc_err *err) FC_MUST_USE;
/* Running -> queued at place; its attempts are forgotten when the program stopped on purpose. */
fc_status fc_library_job_requeue(fc_library *l, const char *id, int64_t place, bool on_purpose,
                                 fc_err *err) FC_MUST_USE;
/* All running jobs -> queued in front of the others: what a start finds was interrupted. */
fc_status fc_library_recover(fc_library *l, fc_err *err) FC_MUST_USE;
/* Gives the jobs the places 1, 2, 3 ... in this order, all or none. */
fc_status fc_library_order_queue(fc_library *l, const char (*ids)[FC_JOB_ID_SIZE], size_t count,
                                 fc_err *err) FC_MUST_USE;
/* Ids of all queued jobs by place; at most max. */
fc_status fc_library_queue(fc_library *l, char (*ids)[FC_JOB_ID_SIZE], size_t max, size_t *count,
                           fc_err *err) FC_MUST_USE;
/* Forgets a job; its pictures stay. */
fc_status fc_library_job_delete(fc_library *l, const char *id, fc_err *err) FC_MUST_USE;

/* ---- pictures ---- */

typedef struct fc_picture_row {
    int64_t id;
    const char *job;  /* NULL: the job was deleted */
    int32_t index;    /* 1-based place in its job */
    const char *path; /* relative to the folder of outputs */
    uint64_t seed;
    int32_t width, height;
    int64_t bytes, created, deleted; /* deleted: when it went to the trash; 0: it is not there */
    const char *format;              /* "png", "jpeg", "webp" */
    const char *prompt, *negative_prompt, *model;
    const char *styles;     /* JSON array of names */
    const char *parameters; /* JSON object: a request for the same picture */
    bool favourite;
} fc_picture_row;

/* Adds a finished picture and advances its job to it, both or none. *id: its number. */
fc_status fc_library_picture_add(fc_library *l, const fc_picture_row *picture, int64_t *id,
                                 fc_err *err) FC_MUST_USE;
/* Also pictures in the trash. */
fc_status fc_library_picture_get(fc_library *l, int64_t id, fc_arena *arena, fc_picture_row *picture,
                                 fc_err *err) FC_MUST_USE;

fc_status fc_library_picture_by_path(fc_library *l, const char *path, fc_arena *arena,
                                     fc_picture_row *picture, fc_err *err) FC_MUST_USE;

typedef struct fc_picture_filter {
    const char *text;                /* words that the prompt must contain, at most 16 count; NULL: any */
    const char *model, *style, *job; /* NULL: any */
    int64_t from, to;                /* created in [from, to); 0: open */
    bool favourites, trash;
    int64_t before; /* only pictures older than this id; 0: from the newest */
    int32_t limit;
} fc_picture_filter;
/* Newest first (pictures of one job: in their order); rows has room for filter->limit. LIMIT: the search took
 * too long. */
fc_status fc_library_pictures(fc_library *l, const fc_picture_filter *filter, fc_arena *arena,
                              fc_picture_row *rows, int32_t *count, fc_err *err) FC_MUST_USE;

fc_status fc_library_picture_favourite(fc_library *l, int64_t id, bool favourite, fc_err *err) FC_MUST_USE;
/* when = 0 takes it out of the trash. */
fc_status fc_library_picture_trash(fc_library *l, int64_t id, int64_t when, fc_err *err) FC_MUST_USE;
/* Forgets it for good. */
fc_status fc_library_picture_delete(fc_library *l, int64_t id, fc_err *err) FC_MUST_USE;

/* ---- numbers for lists of filters ---- */

typedef struct fc_library_term {
    const char *name;
    int64_t count;
} fc_library_term;
typedef enum fc_term_kind { FC_TERM_MODEL, FC_TERM_STYLE } fc_term_kind;
/* The models or styles of all pictures that are not in the trash, the most used first. */
fc_status fc_library_terms(fc_library *l, fc_term_kind kind, fc_arena *arena, fc_library_term *terms,
                           int32_t max, int32_t *count, fc_err *err) FC_MUST_USE;

typedef struct fc_library_counts {
    int64_t pictures, favourites, trash, jobs[FC_JOB_STATE_COUNT];
    int64_t oldest; /* when the job was created that waits longest; 0: none waits */
} fc_library_counts;
fc_status fc_library_count(fc_library *l, fc_library_counts *out, fc_err *err) FC_MUST_USE;

typedef struct fc_worker_row {
    char name[64], device[64];
    bool idle, drain;
    int64_t pictures, step_micros; /* drawn since its start; lately for a step, <= 0: not known */
} fc_worker_row;
/* PostgreSQL: the workers that have given a sign of life within 30 s; elsewhere none. rows has room for max.
 */
fc_status fc_library_workers(fc_library *l, fc_worker_row *rows, int32_t max, int32_t *count,
                             fc_err *err) FC_MUST_USE;

#endif

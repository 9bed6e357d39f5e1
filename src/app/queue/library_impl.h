/* Inside the library. */
#ifndef FC_APP_QUEUE_LIBRARY_IMPL_H
#define FC_APP_QUEUE_LIBRARY_IMPL_H

#include "app/queue/library.h"
#include "app/queue/query.h"

enum { FC_LIB_MAX_ROWS = 500 };

struct fc_library {
    fc_lib_conn writer, reader;
    int lock_fd; /* of the file that keeps a second program away; -1: there is none */
};

/* Make the tables, or bring them up to date. */
fc_status fc_lib_migrate(fc_lib_conn *conn, const char *path, fc_err *err) FC_MUST_USE;
fc_status fc_lib_migrate_pg(fc_lib_conn *conn, fc_err *err) FC_MUST_USE;

/* As the functions of library.h, on a connection of the caller's, inside its transaction. */
fc_status fc_lib_job_get(fc_lib_conn *conn, const char *id, fc_arena *arena, fc_job_row *job,
                         fc_err *err) FC_MUST_USE;
fc_status fc_lib_job_add(fc_lib_conn *conn, const fc_job_row *job, fc_err *err) FC_MUST_USE;
/* Without its job, which the caller advances. */
fc_status fc_lib_picture_add(fc_lib_conn *conn, const fc_picture_row *picture, int64_t *id,
                             fc_err *err) FC_MUST_USE;

#endif

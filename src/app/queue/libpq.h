/* PostgreSQL's client library, loaded when a library is opened that lies there: the program itself needs none
 * of it. Declared here are the functions that are used, as libpq.so.5 has had them since PostgreSQL 9.2. */
#ifndef FC_APP_QUEUE_LIBPQ_H
#define FC_APP_QUEUE_LIBPQ_H

#include <stddef.h>
#include "base/status.h"

typedef struct pg_conn pg_conn;
typedef struct pg_result pg_result;
typedef struct pg_notify {
    char *channel;
    int process;
    char *payload;
} pg_notify;
typedef void (*pg_notice_processor)(void *user, const char *message);

enum { PQ_CONNECTED = 0, PQ_COMMAND_OK = 1, PQ_TUPLES_OK = 2 }; /* ConnStatusType, ExecStatusType */
enum { PQ_SQLSTATE = 'C', PQ_PRIMARY = 'M', PQ_DETAIL = 'D' };  /* fields of an error */

/* PQ_FUNCTION(name, result, parameters) */
#define PQ_FUNCTIONS(PQ_FUNCTION)                                                                            \
    PQ_FUNCTION(connectdbParams, pg_conn *, (const char *const *, const char *const *, int))                 \
    PQ_FUNCTION(finish, void, (pg_conn *))                                                                   \
    PQ_FUNCTION(status, int, (const pg_conn *))                                                              \
    PQ_FUNCTION(errorMessage, const char *, (const pg_conn *))                                               \
    PQ_FUNCTION(serverVersion, int, (const pg_conn *))                                                       \
    PQ_FUNCTION(parameterStatus, const char *, (const pg_conn *, const char *))                              \
    PQ_FUNCTION(connectionNeedsPassword, int, (const pg_conn *))                                             \
    PQ_FUNCTION(connectionUsedPassword, int, (const pg_conn *))                                              \
    PQ_FUNCTION(host, const char *, (const pg_conn *))                                                       \
    PQ_FUNCTION(port, const char *, (const pg_conn *))                                                       \
    PQ_FUNCTION(db, const char *, (const pg_conn *))                                                         \
    PQ_FUNCTION(setNoticeProcessor, pg_notice_processor, (pg_conn *, pg_notice_processor, void *))           \
    PQ_FUNCTION(socket, int, (const pg_conn *))                                                              \
    PQ_FUNCTION(exec, pg_result *, (pg_conn *, const char *))                                                \
    PQ_FUNCTION(execParams, pg_result *,                                                                     \
                (pg_conn *, const char *, int, const unsigned *, const char *const *, const int *,           \
                 const int *, int))                                                                          \
    PQ_FUNCTION(prepare, pg_result *, (pg_conn *, const char *, const char *, int, const unsigned *))        \
    PQ_FUNCTION(execPrepared, pg_result *,                                                                   \
                (pg_conn *, const char *, int, const char *const *, const int *, const int *, int))          \
    PQ_FUNCTION(resultStatus, int, (const pg_result *))                                                      \
    PQ_FUNCTION(resultErrorField, const char *, (const pg_result *, int))                                    \
    PQ_FUNCTION(ntuples, int, (const pg_result *))                                                           \
    PQ_FUNCTION(getvalue, const char *, (const pg_result *, int, int))                                       \
    PQ_FUNCTION(getisnull, int, (const pg_result *, int, int))                                               \
    PQ_FUNCTION(cmdTuples, const char *, (pg_result *))                                                      \
    PQ_FUNCTION(clear, void, (pg_result *))                                                                  \
    PQ_FUNCTION(consumeInput, int, (pg_conn *))                                                              \
    PQ_FUNCTION(notifies, pg_notify *, (pg_conn *))                                                          \
    PQ_FUNCTION(freemem, void, (void *))

typedef struct fc_libpq {
#define PQ_FUNCTION(name, result, parameters) result(*name) parameters;
    PQ_FUNCTIONS(PQ_FUNCTION)
#undef PQ_FUNCTION
} fc_libpq;

/* The functions; loaded once. UNSUPPORTED: the library is not installed, or too old. */
fc_status fc_libpq_get(const fc_libpq **out, fc_err *err) FC_MUST_USE;

#endif

/* The library in one SQLite file. */
#ifndef FC_APP_QUEUE_STORE_SQLITE_H
#define FC_APP_QUEUE_STORE_SQLITE_H

#include "app/queue/query.h"

extern const fc_lib_store fc_lib_sqlite;

/* seconds: what a query may take; 0: no limit. */
fc_status fc_sqlite_connect(fc_lib_conn *conn, const char *path, double seconds, fc_err *err) FC_MUST_USE;

#endif

/* The tables, as a list of steps: a file at step n gets steps n+1, n+2 ... in one transaction. A step that
 * has been released is never changed. */
#include <stdio.h>
#include <string.h>
#include "app/queue/library_impl.h"

/* "FcLb": tells our files from other SQLite files */
enum { APPLICATION_ID = 0x46634c62 };

static const char *const step_1[] = {
    "CREATE TABLE jobs ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " state TEXT NOT NULL,"
    " place INTEGER NOT NULL,"
    " parameters TEXT NOT NULL,"
    " prompt TEXT NOT NULL,"
    " idempotency_key TEXT UNIQUE,"
    " fingerprint TEXT NOT NULL,"
    " created INTEGER NOT NULL,"
    " started INTEGER NOT NULL DEFAULT 0,"
    " finished INTEGER NOT NULL DEFAULT 0,"
    " images INTEGER NOT NULL,"
    " next_image INTEGER NOT NULL DEFAULT 0,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " preview INTEGER NOT NULL DEFAULT 1,"
    " error_status TEXT NOT NULL DEFAULT 'OK',"
    " error TEXT NOT NULL DEFAULT '',"
    " warnings TEXT NOT NULL DEFAULT '[]') STRICT",
    "CREATE INDEX jobs_by_state ON jobs (state, id)",
    "CREATE INDEX jobs_in_queue ON jobs (place) WHERE state = 'queued'",

    "CREATE TABLE pictures ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " job TEXT REFERENCES jobs (id) ON DELETE SET NULL,"
    " number INTEGER NOT NULL," /* 1-based place in the job */
    " path TEXT NOT NULL UNIQUE,"
    " seed INTEGER NOT NULL,"
    " width INTEGER NOT NULL,"
    " height INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " format TEXT NOT NULL,"
    " created INTEGER NOT NULL,"
    " deleted INTEGER NOT NULL DEFAULT 0,"
    " favourite INTEGER NOT NULL DEFAULT 0,"
    " prompt TEXT NOT NULL,"
    " negative_prompt TEXT NOT NULL,"
    " model TEXT NOT NULL,"
    " styles TEXT NOT NULL,"
    " parameters TEXT NOT NULL,"
    " UNIQUE (job, number)) STRICT",
    "CREATE INDEX pictures_by_model ON pictures (model, id)",
    "CREATE INDEX pictures_by_date ON pictures (created)",
    "CREATE INDEX pictures_favourite ON pictures (id) WHERE favourite = 1",
    "CREATE INDEX pictures_trash ON pictures (id) WHERE deleted > 0",

    "CREATE TABLE picture_styles ("
    " style TEXT NOT NULL,"
    " picture INTEGER NOT NULL REFERENCES pictures (id) ON DELETE CASCADE,"
    " PRIMARY KEY (style, picture)) STRICT, WITHOUT ROWID",
    "CREATE INDEX picture_styles_of ON picture_styles (picture)",

    /* Trigrams find any part of a word, in languages without blanks too. */
    "CREATE VIRTUAL TABLE picture_words USING fts5 (prompt, content = 'pictures', content_rowid = 'id',"
    " tokenize = 'trigram')",
    "CREATE TRIGGER picture_words_add AFTER INSERT ON pictures BEGIN"
    " INSERT INTO picture_words (rowid, prompt) VALUES (new.id, new.prompt); END",
    "CREATE TRIGGER picture_words_remove AFTER DELETE ON pictures BEGIN"
    " INSERT INTO picture_words (picture_words, rowid, prompt) VALUES ('delete', old.id, old.prompt); END",
    NULL,
};

static const char *const *const steps[] = {step_1};
enum { NEWEST = sizeof steps / sizeof steps[0] };

static fc_status read_number(fc_lib_conn *conn, const char *pragma, int64_t *out, fc_err *err)
{
    fc_query q;
    fc_query_begin_once(&q, conn, pragma, err);
    *out = fc_query_row(&q) ? fc_query_get_int(&q, 0) : 0;
    return fc_query_end(&q, NULL);
}

static fc_status write_number(fc_lib_conn *conn, const char *pragma, int64_t value, fc_err *err)
{
    char sql[80]; /* a PRAGMA takes no parameters; both parts are ours */
    snprintf(sql, sizeof sql, "%s = %d", pragma, (int)value);
    fc_query q;
    fc_query_begin_once(&q, conn, sql, err);
    return fc_query_end(&q, NULL);
}

static fc_status apply(fc_lib_conn *conn, const char *const *step, fc_err *err)
{
    fc_status status = FC_OK;
    for (; *step && status == FC_OK; step++) {
        fc_query q;
        fc_query_begin_once(&q, conn, *step, err);
        status = fc_query_end(&q, NULL);
    }
    return status;
}

/* Inside a transaction, so that two programs that start at once do not both build the tables. */
static fc_status upgrade(fc_lib_conn *conn, const char *path, fc_err *err)
{
    int64_t version = 0, application = 0, tables = 0;
    fc_status status = read_number(conn, "PRAGMA user_version", &version, err);
    if (status != FC_OK) return status;
    status = read_number(conn, "PRAGMA application_id", &application, err);
    if (status != FC_OK) return status;
    status = read_number(conn, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (status != FC_OK) return status;
    if ((version > 0 || tables > 0) && application != APPLICATION_ID)
        return fc_fail(err, FC_FORMAT, "%s belongs to another program", path);
    if (version > NEWEST)
        return fc_fail(err, FC_FORMAT, "%s was written by a newer version of this program", path);
    for (int64_t i = version; i < NEWEST && status == FC_OK; i++) status = apply(conn, steps[i], err);
    if (status == FC_OK && version < NEWEST) {
        status = write_number(conn, "PRAGMA application_id", APPLICATION_ID, err);
        if (status == FC_OK) status = write_number(conn, "PRAGMA user_version", NEWEST, err);
    }
    return status;
}

fc_status fc_lib_migrate(fc_lib_conn *conn, const char *path, fc_err *err)
{
    fc_status status = fc_lib_begin(conn, err);
    return status == FC_OK ? fc_lib_end(conn, upgrade(conn, path, err), err) : status;
}

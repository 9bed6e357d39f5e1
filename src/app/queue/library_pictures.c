/* Rows of the table pictures, and the search. */
#include <jansson.h>
#include <string.h>
#include "app/queue/library_impl.h"
#include "base/buf.h"
#include "base/str.h"

enum { MAX_WORDS = 16, MAX_WORD = 200, TRIGRAM = 3, MAX_SQL = 4096 };

/* ---- reading ---- */

#define SHORT_COLUMNS                                                                                        \
    "p.id, p.job, p.number, p.path, p.seed, p.width, p.height, p.bytes, p.created, p.deleted, p.format,"     \
    " p.prompt, p.negative_prompt, p.model, p.styles, p.favourite"

static void read_row(fc_query *q, fc_arena *arena, fc_picture_row *p)
{
    *p = (fc_picture_row){0};
    p->id = fc_query_get_int(q, 0);
    p->job = fc_query_is_null(q, 1) ? NULL : fc_query_get_text(q, 1, arena);
    p->index = (int32_t)fc_query_get_int(q, 2);
    p->path = fc_query_get_text(q, 3, arena);
    p->seed = (uint64_t)fc_query_get_int(q, 4);
    p->width = (int32_t)fc_query_get_int(q, 5);
    p->height = (int32_t)fc_query_get_int(q, 6);
    p->bytes = fc_query_get_int(q, 7);
    p->created = fc_query_get_int(q, 8);
    p->deleted = fc_query_get_int(q, 9);
    p->format = fc_query_get_text(q, 10, arena);
    p->prompt = fc_query_get_text(q, 11, arena);
    p->negative_prompt = fc_query_get_text(q, 12, arena);
    p->model = fc_query_get_text(q, 13, arena);
    p->styles = fc_query_get_text(q, 14, arena);
    p->favourite = fc_query_get_int(q, 15) != 0;
    p->parameters = fc_query_get_text(q, 16, arena);
}

static fc_status end_get(fc_query *q, fc_arena *arena, fc_picture_row *picture)
{
    fc_err *err = q->err;
    bool found = fc_query_row(q);
    if (found) read_row(q, arena, picture);
    fc_status status = fc_query_end(q, NULL);
    return status == FC_OK && !found ? fc_fail(err, FC_NOT_FOUND, "there is no such picture") : status;
}

fc_status fc_library_picture_get(fc_library *l, int64_t id, fc_arena *arena, fc_picture_row *picture,
                                 fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->reader, "SELECT " SHORT_COLUMNS ", p.parameters FROM pictures p WHERE p.id = ?",
                   err);
    fc_query_int(&q, id);
    return end_get(&q, arena, picture);
}

fc_status fc_library_picture_by_path(fc_library *l, const char *path, fc_arena *arena,
                                     fc_picture_row *picture, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->reader, "SELECT " SHORT_COLUMNS ", p.parameters FROM pictures p WHERE p.path = ?",
                   err);
    fc_query_text(&q, path);
    return end_get(&q, arena, picture);
}

/* ---- search ---- */

/* A text of the search cut at white space. In SQLite words of three letters and more go to the trigram index,
 * as one MATCH expression of quoted words; shorter ones are looked for letter by letter. PostgreSQL finds all
 * words with the same operator, and uses its trigram index where that helps. */
typedef struct words {
    fc_buf match;
    char likes[MAX_WORDS][2 * MAX_WORD + 3];
    int like_count, count;
} words;

static size_t letters(const char *word, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; n++) {
        uint32_t code_point;
        i += fc_utf8_decode(word + i, size - i, &code_point);
    }
    return n;
}

static void add_match(fc_buf *match, const char *word, size_t size)
{
    if (match->len) fc_buf_putc(match, ' ');
    fc_buf_putc(match, '"');
    for (size_t i = 0; i < size; i++) {
        if (word[i] == '"') fc_buf_putc(match, '"');
        fc_buf_putc(match, word[i]);
    }
    fc_buf_putc(match, '"');
}

static void make_like(char *out, const char *word, size_t size)
{
    *out++ = '%';
    for (size_t i = 0; i < size; i++) {
        if (word[i] == '%' || word[i] == '_' || word[i] == '\\') *out++ = '\\';
        *out++ = word[i];
    }
    *out++ = '%';
    *out = '\0';
}

/* indexed: words of three letters and more go to match. */
static void cut_words(const char *text, bool indexed, words *w)
{
    static const char blanks[] = " \t\r\n\f\v";
    fc_buf_init(&w->match, (size_t)MAX_WORDS * (2 * MAX_WORD + 4));
    w->like_count = w->count = 0;
    while (text && w->count < MAX_WORDS) {
        text += strspn(text, blanks);
        size_t size = strcspn(text, blanks);
        if (!size) break;
        size_t used = size < MAX_WORD ? size : MAX_WORD;
        while (used < size && used > 0 && (text[used] & 0xc0) == 0x80) used--; /* not inside a letter */
        if (indexed && letters(text, used) >= TRIGRAM)
            add_match(&w->match, text, used);
        else
            make_like(w->likes[w->like_count++], text, used);
        w->count++;
        text += size;
    }
}

static void write_where(const fc_picture_filter *f, const words *w, const char *like, fc_buf *sql)
{
    fc_buf_puts(sql, f->trash ? " WHERE p.deleted > 0" : " WHERE p.deleted = 0");
    if (f->favourites) fc_buf_puts(sql, " AND p.favourite = 1");
    if (f->before > 0) fc_buf_puts(sql, " AND p.id < ?");
    if (f->from > 0) fc_buf_puts(sql, " AND p.created >= ?");
    if (f->to > 0) fc_buf_puts(sql, " AND p.created < ?");
    if (f->job) fc_buf_puts(sql, " AND p.job = ?");
    if (f->model) fc_buf_puts(sql, " AND p.model = ?");
    if (f->style) fc_buf_puts(sql, " AND p.id IN (SELECT picture FROM picture_styles WHERE style = ?)");
    if (w->match.len)
        fc_buf_puts(sql, " AND p.id IN (SELECT rowid FROM picture_words WHERE picture_words MATCH ?)");
    for (int i = 0; i < w->like_count; i++) fc_buf_puts(sql, like);
}

/* In the order of write_where. */
static void bind_where(const fc_picture_filter *f, const words *w, fc_query *q)
{
    if (f->before > 0) fc_query_int(q, f->before);
    if (f->from > 0) fc_query_int(q, f->from);
    if (f->to > 0) fc_query_int(q, f->to);
    if (f->job) fc_query_text(q, f->job);
    if (f->model) fc_query_text(q, f->model);
    if (f->style) fc_query_text(q, f->style);
    if (w->match.len) fc_query_text(q, w->match.data);
    for (int i = 0; i < w->like_count; i++) fc_query_text(q, w->likes[i]);
}

fc_status fc_library_pictures(fc_library *l, const fc_picture_filter *filter, fc_arena *arena,
                              fc_picture_row *rows, int32_t *count, fc_err *err)
{
    fc_query q;
    fc_buf sql;
    words w;
    *count = 0;
    cut_words(filter->text, fc_sql(&l->reader, "indexed", NULL), &w);
    fc_buf_init(&sql, MAX_SQL);
    fc_buf_puts(&sql, "SELECT " SHORT_COLUMNS ", '{}' FROM pictures p");
    const char *like =
        fc_sql(&l->reader, " AND p.prompt LIKE ? ESCAPE '\\'", " AND p.prompt ILIKE ? ESCAPE '\\'");
    write_where(filter, &w, like, &sql);
    fc_buf_puts(&sql, filter->job ? " ORDER BY p.number LIMIT ?" : " ORDER BY p.id DESC LIMIT ?");
    fc_status status = sql.status != FC_OK ? sql.status : w.match.status;
    if (status == FC_OK) {
        fc_query_begin_once(&q, &l->reader, sql.data, err);
        bind_where(filter, &w, &q);
        fc_query_int(&q, filter->limit < FC_LIB_MAX_ROWS ? filter->limit : FC_LIB_MAX_ROWS);
        while (fc_query_row(&q)) read_row(&q, arena, &rows[(*count)++]);
        status = fc_query_end(&q, NULL);
    } else {
        fc_fail(err, status, "out of memory for the search");
    }
    fc_buf_fini(&w.match);
    fc_buf_fini(&sql);
    return status;
}

/* ---- writing ---- */

static fc_status insert_picture(fc_lib_conn *conn, const fc_picture_row *p, int64_t *id, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn,
                   "INSERT INTO pictures (job, number, path, seed, width, height, bytes, created, format,"
                   " prompt, negative_prompt, model, styles, parameters)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                   err);
    fc_query_text(&q, p->job);
    fc_query_int(&q, p->index);
    fc_query_text(&q, p->path);
    fc_query_int(&q, (int64_t)p->seed);
    fc_query_int(&q, p->width);
    fc_query_int(&q, p->height);
    fc_query_int(&q, p->bytes);
    fc_query_int(&q, p->created);
    fc_query_text(&q, p->format);
    fc_query_text(&q, p->prompt);
    fc_query_text(&q, p->negative_prompt);
    fc_query_text(&q, p->model);
    fc_query_text(&q, p->styles);
    fc_query_text(&q, p->parameters);
    *id = fc_query_row(&q) ? fc_query_get_int(&q, 0) : 0;
    return fc_query_end(&q, NULL);
}

static fc_status insert_styles(fc_lib_conn *conn, const fc_picture_row *p, int64_t id, fc_err *err)
{
    fc_status status = FC_OK;
    json_t *styles = json_loads(p->styles, 0, NULL);
    for (size_t i = 0; i < json_array_size(styles) && status == FC_OK; i++) {
        fc_query q;
        fc_query_begin(&q, conn,
                       "INSERT INTO picture_styles (style, picture) VALUES (?, ?) ON CONFLICT DO NOTHING",
                       err);
        fc_query_text(&q, json_string_value(json_array_get(styles, i)));
        fc_query_int(&q, id);
        status = fc_query_end(&q, NULL);
    }
    json_decref(styles);
    return status;
}

fc_status fc_lib_picture_add(fc_lib_conn *conn, const fc_picture_row *picture, int64_t *id, fc_err *err)
{
    fc_status status = insert_picture(conn, picture, id, err);
    return status == FC_OK ? insert_styles(conn, picture, *id, err) : status;
}

fc_status fc_library_picture_add(fc_library *l, const fc_picture_row *picture, int64_t *id, fc_err *err)
{
    fc_status status = fc_lib_begin(&l->writer, err);
    if (status != FC_OK) return status;
    status = fc_lib_picture_add(&l->writer, picture, id, err);
    if (status != FC_OK) goto out;
    if (picture->job) status = fc_library_job_advance(l, picture->job, picture->index, err);
out:
    return fc_lib_end(&l->writer, status, err);
}

static fc_status end_one(fc_query *q, int64_t id)
{
    int changes;
    fc_err *err = q->err;
    fc_status status = fc_query_end(q, &changes);
    if (status == FC_OK && changes == 0)
        return fc_fail(err, FC_NOT_FOUND, "there is no picture %lld", (long long)id);
    return status;
}

static fc_status update_one(fc_library *l, const char *sql, int64_t value, int64_t id, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->writer, sql, err);
    fc_query_int(&q, value);
    fc_query_int(&q, id);
    return end_one(&q, id);
}

fc_status fc_library_picture_favourite(fc_library *l, int64_t id, bool favourite, fc_err *err)
{
    return update_one(l, "UPDATE pictures SET favourite = ? WHERE id = ?", favourite, id, err);
}

fc_status fc_library_picture_trash(fc_library *l, int64_t id, int64_t when, fc_err *err)
{
    return update_one(l, "UPDATE pictures SET deleted = ? WHERE id = ?", when, id, err);
}

fc_status fc_library_picture_delete(fc_library *l, int64_t id, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->writer, "DELETE FROM pictures WHERE id = ?", err);
    fc_query_int(&q, id);
    return end_one(&q, id);
}

/* ---- numbers ---- */

fc_status fc_library_terms(fc_library *l, fc_term_kind kind, fc_arena *arena, fc_library_term *terms,
                           int32_t max, int32_t *count, fc_err *err)
{
    fc_query q;
    *count = 0;
    fc_query_begin(&q, &l->reader,
                   kind == FC_TERM_MODEL
                       ? "SELECT model, count(*) FROM pictures WHERE deleted = 0 AND model <> ''"
                         " GROUP BY model ORDER BY 2 DESC, 1 LIMIT ?"
                       : "SELECT style, count(*) FROM picture_styles JOIN pictures p ON p.id = picture"
                         " WHERE p.deleted = 0 GROUP BY style ORDER BY 2 DESC, 1 LIMIT ?",
                   err);
    fc_query_int(&q, max < FC_LIB_MAX_ROWS ? max : FC_LIB_MAX_ROWS);
    while (fc_query_row(&q)) {
        fc_library_term *t = &terms[(*count)++];
        t->name = fc_query_get_text(&q, 0, arena);
        t->count = fc_query_get_int(&q, 1);
    }
    return fc_query_end(&q, NULL);
}

fc_status fc_library_count(fc_library *l, fc_library_counts *out, fc_err *err)
{
    fc_query q;
    *out = (fc_library_counts){0};
    fc_query_begin(&q, &l->reader,
                   "SELECT count(*) FILTER (WHERE deleted = 0),"
                   " count(*) FILTER (WHERE deleted = 0 AND favourite = 1),"
                   " count(*) FILTER (WHERE deleted > 0) FROM pictures",
                   err);
    if (fc_query_row(&q)) {
        out->pictures = fc_query_get_int(&q, 0);
        out->favourites = fc_query_get_int(&q, 1);
        out->trash = fc_query_get_int(&q, 2);
    }
    fc_status status = fc_query_end(&q, NULL);
    if (status != FC_OK) return status;
    fc_query_begin(&q, &l->reader, "SELECT state, count(*) FROM jobs GROUP BY state", err);
    while (fc_query_row(&q)) {
        char name[16];
        fc_job_state state;
        fc_query_copy_text(&q, 0, name, sizeof name);
        if (fc_job_state_from_name(name, &state)) out->jobs[state] = fc_query_get_int(&q, 1);
    }
    status = fc_query_end(&q, NULL);
    if (status != FC_OK) return status;
    fc_query_begin(&q, &l->reader, "SELECT coalesce(min(created), 0) FROM jobs WHERE state = 'queued'", err);
    if (fc_query_row(&q)) out->oldest = fc_query_get_int(&q, 0);
    return fc_query_end(&q, NULL);
}

/* The state file: JSON, replaced atomically. It never claims bytes that may be lost: the writer syncs the
 * data first. */
#include "app/models/fetch_impl.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "base/file.h"
#include "base/mem.h"

enum { STATE_VERSION = 1, MAX_STATE = 4 << 20 };

void fc_fetch_state_clear(fc_fetch_state *s)
{
    fc_free(s->done);
    s->done = NULL;
    s->count = 0;
    s->total = s->chunk_bytes = 0;
    s->etag[0] = '\0';
}

void fc_fetch_state_fini(fc_fetch_state *s)
{
    fc_fetch_state_clear(s);
}

fc_status fc_fetch_state_cut(fc_fetch_state *s, uint64_t total, uint64_t chunk_bytes, fc_err *err)
{
    if (total == 0 || total > FC_FETCH_MAX_BYTES)
        return fc_fail(err, FC_FORMAT, "the server says that the file has %llu bytes: that is no model",
                       (unsigned long long)total);
    if (chunk_bytes == 0 || total / chunk_bytes >= FC_FETCH_MAX_CHUNKS)
        return fc_fail(err, FC_LIMIT, "the parts of a download are too small for its size");
    uint64_t count = (total + chunk_bytes - 1) / chunk_bytes;
    uint64_t *done = fc_calloc((size_t)count, sizeof *done);
    if (!done) return fc_fail(err, FC_NOMEM, "out of memory for a download");
    fc_free(s->done);
    s->done = done;
    s->count = (uint32_t)count;
    s->total = total;
    s->chunk_bytes = chunk_bytes;
    return FC_OK;
}

uint64_t fc_fetch_state_chunk_size(const fc_fetch_state *s, uint32_t chunk)
{
    uint64_t start = chunk * s->chunk_bytes, rest = s->total - start;
    return rest < s->chunk_bytes ? rest : s->chunk_bytes;
}

uint64_t fc_fetch_state_bytes(const fc_fetch_state *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->count; i++) sum += s->done[i];
    return sum;
}

bool fc_fetch_state_complete(const fc_fetch_state *s)
{
    return s->total > 0 && fc_fetch_state_bytes(s) == s->total;
}

static bool positive(const json_t *value, uint64_t limit, uint64_t *out)
{
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n <= 0 || (uint64_t)n > limit) return false;
    *out = (uint64_t)n;
    return true;
}

static bool read_done(fc_fetch_state *s, const json_t *done)
{
    if (json_array_size(done) != s->count) return false;
    for (uint32_t i = 0; i < s->count; i++) {
        const json_t *v = json_array_get(done, i);
        json_int_t n = json_integer_value(v);
        if (!json_is_integer(v) || n < 0 || (uint64_t)n > fc_fetch_state_chunk_size(s, i)) return false;
        s->done[i] = (uint64_t)n;
    }
    return true;
}

static bool read_state(fc_fetch_state *s, const json_t *root)
{
    uint64_t total, chunk;
    const char *url = json_string_value(json_object_get(root, "url"));
    const char *etag = json_string_value(json_object_get(root, "etag"));
    if (json_integer_value(json_object_get(root, "version")) != STATE_VERSION) return false;
    if (!url || strcmp(url, s->url) != 0 || !etag || strlen(etag) >= sizeof s->etag) return false;
    if (!positive(json_object_get(root, "total"), FC_FETCH_MAX_BYTES, &total)) return false;
    if (!positive(json_object_get(root, "chunk"), FC_FETCH_MAX_BYTES, &chunk)) return false;
    if (fc_fetch_state_cut(s, total, chunk, NULL) != FC_OK || s->chunk_bytes != chunk) return false;
    snprintf(s->etag, sizeof s->etag, "%s", etag);
    return read_done(s, json_object_get(root, "done"));
}

bool fc_fetch_state_load(fc_fetch_state *s, const char *path, const char *url)
{
    *s = (fc_fetch_state){0};
    int n = snprintf(s->url, sizeof s->url, "%s", url);
    if (n < 0 || (size_t)n >= sizeof s->url || !fc_path_exists(path)) return false;
    fc_buf text;
    fc_buf_init(&text, MAX_STATE);
    json_t *root = NULL;
    if (fc_file_read(path, &text, NULL) == FC_OK) root = json_loadb(fc_buf_cstr(&text), text.len, 0, NULL);
    bool good = root && read_state(s, root);
    if (!good) fc_fetch_state_clear(s);
    json_decref(root);
    fc_buf_fini(&text);
    return good;
}

fc_status fc_fetch_state_save(const fc_fetch_state *s, const char *path, fc_err *err)
{
    fc_buf text;
    json_t *done = json_array();
    for (uint32_t i = 0; i < s->count; i++) json_array_append_new(done, json_integer((json_int_t)s->done[i]));
    json_t *root =
        json_pack("{s:i, s:s, s:s, s:I, s:I, s:o}", "version", STATE_VERSION, "url", s->url, "etag", s->etag,
                  "total", (json_int_t)s->total, "chunk", (json_int_t)s->chunk_bytes, "done", done);
    fc_buf_init(&text, MAX_STATE);
    fc_json_write(root, JSON_COMPACT, &text);
    fc_status status = root && text.status == FC_OK
                           ? fc_file_write_atomic(path, fc_buf_cstr(&text), text.len, err)
                           : fc_fail(err, FC_NOMEM, "out of memory for the state of a download");
    json_decref(root);
    fc_buf_fini(&text);
    return status;
}

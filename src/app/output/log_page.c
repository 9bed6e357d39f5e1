/* The page has three parts, cut by the marker line: head, entries, tail. A new entry goes in front of the
 * others; the whole is written under a temporary name and renamed, while a lock file keeps other processes
 * out. Values are escaped, and the button that copies the settings reads them from an attribute, so that no
 * value is ever script. */
#include "app/output/log_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "app/common/json_text.h"
#include "app/output/record.h"
#include "base/file.h"
#include "base/str.h"

enum { MAX_PAGE = 256 << 20, PATH_SIZE = 4096 };

static const char marker[] = "<!--fooocus-log-split-->\n";

static const char head_start[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' file:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
    "<title>Pictures of ";

static const char head_middle[] =
    "</title>\n"
    "<style>\n"
    "body { background: #15171a; color: #e4e6e9; font: 15px/1.45 system-ui, sans-serif; margin: 2rem; }\n"
    "a { color: #9cc7ff; }\n"
    ".picture { display: flex; flex-wrap: wrap; gap: 1.2rem; padding: 1rem 0; border-top: 1px solid #34383f; "
    "}\n"
    ".picture img { width: 512px; max-width: 100%; height: auto; display: block; }\n"
    "dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; flex: 1 1 "
    "24rem; "
    "align-content: start; }\n"
    "dt { color: #9aa1ab; }\n"
    "dd { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }\n"
    "button { font: inherit; margin-top: .5rem; }\n"
    "</style>\n"
    "<script>\n"
    "document.addEventListener('error', e => { if (e.target.tagName === 'IMG') "
    "e.target.closest('.picture').remove(); }, true);\n"
    "document.addEventListener('click', e => { if (e.target.tagName === 'BUTTON') "
    "navigator.clipboard.writeText(e.target.dataset.settings); });\n"
    "</script>\n"
    "</head>\n<body>\n<h1>Pictures of ";

static const char head_end[] =
    "</h1>\n"
    "<p>This page is private: it stays on this computer. Pictures that you delete vanish from it.</p>\n";

static const char tail[] = "</body>\n</html>\n";

static void escape(fc_buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fc_buf_puts(out, "&amp;");
            break;
        case '<':
            fc_buf_puts(out, "&lt;");
            break;
        case '>':
            fc_buf_puts(out, "&gt;");
            break;
        case '"':
            fc_buf_puts(out, "&quot;");
            break;
        case '\'':
            fc_buf_puts(out, "&#39;");
            break;
        default:
            fc_buf_putc(out, *text);
        }
    }
}

static void write_head(fc_buf *out, const char *day)
{
    fc_buf_puts(out, head_start);
    escape(out, day);
    fc_buf_puts(out, head_middle);
    escape(out, day);
    fc_buf_puts(out, head_end);
}

static void row(fc_buf *out, const char *label, const char *value)
{
    fc_buf_puts(out, "<dt>");
    escape(out, label);
    fc_buf_puts(out, "</dt><dd>");
    escape(out, value);
    fc_buf_puts(out, "</dd>\n");
}

static void record_row(fc_buf *out, const json_t *record, const char *key, const char *label)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 20);
    if (fc_record_text(record, key, &text)) row(out, label, fc_buf_cstr(&text));
    fc_buf_fini(&text);
}

static void text_rows(fc_buf *out, const json_t *texts, const char *label)
{
    for (size_t i = 0; i < json_array_size(texts); i++)
        row(out, label, json_string_value(json_array_get(texts, i)));
}

static void lora_rows(fc_buf *out, const json_t *record, const char *label)
{
    for (int i = 1; i <= FC_RECORD_MAX_LORAS; i++) {
        char key[32], numbered[32];
        fc_record_lora_key(i, key);
        snprintf(numbered, sizeof numbered, "%s %d", label, i);
        record_row(out, record, key, numbered);
    }
}

static void record_rows(fc_buf *out, const json_t *record)
{
    for (int i = 0; i < FC_RECORD_COUNT; i++) {
        const fc_record_row *r = &fc_record_table[i];
        if (!r->label) continue;
        if (r->shape == FC_SHAPE_LORAS)
            lora_rows(out, record, r->label);
        else if (r->shape == FC_SHAPE_TEXTS)
            text_rows(out, json_object_get(record, r->key), r->label);
        else
            record_row(out, record, r->key, r->label);
    }
}

static void write_settings(fc_buf *out, const json_t *record)
{
    fc_buf json;
    fc_buf_init(&json, 4 << 20);
    fc_json_write(record, JSON_SORT_KEYS, &json);
    fc_buf_puts(out, "<dt></dt><dd><button data-settings=\"");
    escape(out, fc_buf_cstr(&json));
    fc_buf_puts(out, "\">Copy the settings</button></dd>\n");
    fc_buf_fini(&json);
}

static void write_entry(fc_buf *out, const char *name, const json_t *record)
{
    char id[256];
    size_t n = strlen(name) < sizeof id - 1 ? strlen(name) : sizeof id - 1;
    for (size_t i = 0; i < n; i++) id[i] = name[i] == '.' ? '_' : name[i];
    id[n] = '\0';
    fc_buf_puts(out, "<div class=\"picture\" id=\"");
    escape(out, id);
    fc_buf_puts(out, "\">\n<a href=\"");
    escape(out, name);
    fc_buf_puts(out, "\"><img loading=\"lazy\" src=\"");
    escape(out, name);
    fc_buf_puts(out, "\" alt=\"\">");
    escape(out, name);
    fc_buf_puts(out, "</a>\n<dl>\n");
    record_rows(out, record);
    write_settings(out, record);
    fc_buf_puts(out, "</dl>\n</div>\n");
}

/* The entries of the page as it is: what lies between the first and the last marker. */
static void find_entries(const fc_buf *page, const char **start, size_t *size)
{
    const char *text = fc_buf_cstr(page), *first = strstr(text, marker), *last = NULL;
    for (const char *s = first; s && (s = strstr(s, marker)); s += sizeof marker - 1) last = s;
    bool whole = first && last > first;
    *start = whole ? first + sizeof marker - 1 : "";
    *size = whole ? (size_t)(last - *start) : 0;
}

static fc_status rewrite(const char *page_path, const char *day, const char *name, const json_t *record,
                         fc_err *err)
{
    fc_buf old, fresh;
    const char *entries;
    size_t size;
    fc_buf_init(&old, MAX_PAGE);
    fc_buf_init(&fresh, (size_t)MAX_PAGE + (8 << 20));
    fc_status status = fc_path_exists(page_path) ? fc_file_read(page_path, &old, err) : FC_OK;
    if (status == FC_OK) {
        find_entries(&old, &entries, &size);
        write_head(&fresh, day);
        fc_buf_puts(&fresh, marker);
        write_entry(&fresh, name, record);
        fc_buf_append(&fresh, entries, size);
        fc_buf_puts(&fresh, marker);
        fc_buf_puts(&fresh, tail);
        status = fresh.status == FC_OK ? fc_file_write_atomic(page_path, fresh.data, fresh.len, err)
                                       : fc_fail(err, fresh.status, "%s is too large", page_path);
    }
    fc_buf_fini(&old);
    fc_buf_fini(&fresh);
    return status;
}

/* The lock is a file of its own, because the page itself is replaced. It is left there, empty and hidden. */
static fc_status lock_page(const char *folder, int *fd, fc_err *err)
{
    char path[PATH_SIZE];
    if (fc_path_join(path, sizeof path, folder, ".log.lock") != FC_OK)
        return fc_fail(err, FC_LIMIT, "the path of the output folder is too long");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) return fc_fail_errno(err, errno, "cannot write %s", path);
    while (flock(*fd, LOCK_EX) != 0)
        if (errno != EINTR) {
            fc_status status = fc_fail_errno(err, errno, "cannot lock %s", path);
            close(*fd);
            return status;
        }
    return FC_OK;
}

fc_status fc_logpage_add(const char *path, const json_t *record, fc_err *err)
{
    char folder[PATH_SIZE], page[PATH_SIZE];
    const char *name = fc_path_basename(path);
    size_t n = (size_t)(name - path);
    int fd = -1;
    if (n >= sizeof folder) return fc_fail(err, FC_LIMIT, "the path of the output folder is too long");
    memcpy(folder, n > 1 ? path : ".", n > 1 ? n - 1 : 2);
    if (n > 1) folder[n - 1] = '\0';
    if (fc_path_join(page, sizeof page, folder, "log.html") != FC_OK)
        return fc_fail(err, FC_LIMIT, "the path of the output folder is too long");
    fc_status status = lock_page(folder, &fd, err);
    if (status != FC_OK) return status;
    status = rewrite(page, fc_path_basename(folder), name, record, err);
    close(fd); /* ends the lock */
    return status;
}

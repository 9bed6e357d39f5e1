/* The page: files of web/, built in, or read from a folder while somebody works on it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "server/server_impl.h"

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
};

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (fc_str_ends_nocase(name, types[i].ending)) return types[i].type;
    return "application/octet-stream";
}

static void get_from_folder(fc_http *h, const char *name)
{
    char path[FC_PATH_SIZE];
    if (fc_path_join_safe(path, sizeof path, h->server->config.web, name, NULL) != FC_OK ||
        !fc_http_file(h, path, type_of(name), "no-cache"))
        fc_http_problem(h, FC_NOT_FOUND, "there is no such page");
}

void fc_asset_get(fc_http *h)
{
    char etag[32];
    const char *name = h->path + 1;
    if (!*name) name = "index.html";
    if (h->server->config.web) {
        get_from_folder(h, name);
        return;
    }
    const fc_embedded_file *file = fc_embedded_find(&fc_web, name);
    if (!file) {
        fc_http_problem(h, FC_NOT_FOUND, "there is no such page");
        return;
    }
    snprintf(etag, sizeof etag, "\"%016" PRIx64 "\"", fc_fnv1a(file->data, file->size));
    fc_http_static(h, type_of(name), file->data, file->size, etag);
}

/* Answers in gzip for clients that read it. */
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include "base/mem.h"
#include "base/str.h"
#include "server/http/http.h"

enum { SMALL = 1400, /* fits into one packet anyway */ LARGE = 2 << 20, GZIP = 16, LEVEL = 5 };

/* "gzip", "gzip;q=0.5", "*": yes; "gzip;q=0": no. */
static bool reads_gzip(const char *at)
{
    while (at && *at) {
        at += strspn(at, " \t,");
        size_t name = strcspn(at, " \t,;"), whole = strcspn(at, ",");
        bool named = (name == 4 && strncasecmp(at, "gzip", 4) == 0) || (name == 1 && *at == '*');
        if (named) {
            char text[64];
            size_t n = whole - name < sizeof text ? whole - name : sizeof text - 1;
            memcpy(text, at + name, n);
            text[n] = '\0';
            const char *q = strstr(text, "q=0");
            return !q || strspn(q + 3, ".0") != strcspn(q + 3, " \t;");
        }
        at += whole;
    }
    return false;
}

static bool is_text(const char *type)
{
    return type && (fc_str_starts(type, "text/") || strstr(type, "json") || strstr(type, "svg"));
}

bool fc_http_can_compress(const char *accepted, const char *type, size_t size)
{
    return size >= SMALL && size <= LARGE && is_text(type) && reads_gzip(accepted);
}

bool fc_gzip(const void *data, size_t size, fc_buf *out)
{
    z_stream z = {0};
    if (deflateInit2(&z, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    size_t room = deflateBound(&z, (uLong)size);
    unsigned char *memory = fc_alloc(room);
    z.next_in = (Bytef *)(uintptr_t)data; /* only read */
    z.avail_in = (uInt)size;
    z.next_out = memory;
    z.avail_out = (uInt)room;
    bool done = memory && deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (done) fc_buf_append(out, memory, room - z.avail_out);
    deflateEnd(&z);
    fc_free(memory);
    return done && out->status == FC_OK;
}

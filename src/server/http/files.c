/* Files as answers: ETag, Last-Modified, one range, 304 and 416. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/str.h"
#include "server/server_impl.h"

enum { ETAG_SIZE = 80, DATE_SIZE = 40 };

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static void http_date(time_t when, char out[DATE_SIZE])
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    struct tm t; /* strftime would follow the locale */
    gmtime_r(&when, &t);
    snprintf(out, DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday], t.tm_mday,
             months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* `count` digits at text; -1: they are none. */
static int digits_at(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = 10 * value + (text[i] - '0');
    }
    return value;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that is written today; -1: something else. */
static time_t read_date(const char *text)
{
    struct tm t = {.tm_mon = -1};
    if (!text || strlen(text) != 29 || strcmp(text + 25, " GMT") != 0) return -1;
    for (int m = 0; m < 12; m++)
        if (strncmp(text + 8, months[m], 3) == 0) t.tm_mon = m;
    t.tm_mday = digits_at(text + 5, 2);
    t.tm_year = digits_at(text + 12, 4) - 1900;
    t.tm_hour = digits_at(text + 17, 2);
    t.tm_min = digits_at(text + 20, 2);
    t.tm_sec = digits_at(text + 23, 2);
    if (t.tm_mon < 0 || t.tm_mday < 1 || t.tm_year < 0 || t.tm_hour < 0 || t.tm_min < 0 || t.tm_sec < 0)
        return -1;
    return timegm(&t);
}

/* RFC 9110, 13.2.2: 0 go on, 304 the client has it, 412 it wanted another state of it. */
static unsigned conditions(fc_http *h, const char *etag, time_t changed)
{
    const char *match = fc_http_header(h, "If-Match"), *none = fc_http_header(h, "If-None-Match");
    time_t unmodified = read_date(fc_http_header(h, "If-Unmodified-Since"));
    time_t modified = read_date(fc_http_header(h, "If-Modified-Since"));
    if (match && !fc_http_tag_listed(match, etag)) return 412;
    if (!match && unmodified >= 0 && changed > unmodified) return 412;
    if (none) return fc_http_tag_listed(none, etag) ? 304 : 0;
    return modified >= 0 && changed <= modified ? 304 : 0;
}

typedef enum range_kind { RANGE_NONE, RANGE_ONE, RANGE_BAD } range_kind;
typedef struct byte_range {
    uint64_t first, count;
} byte_range;

/* A number at *at, which moves behind it; larger ones than fit are the largest. */
static bool digits_of(const char **at, uint64_t *out)
{
    const char *digit = *at;
    for (*out = 0; *digit >= '0' && *digit <= '9'; digit++) {
        uint64_t value = (uint64_t)(*digit - '0');
        *out = *out > (UINT64_MAX - value) / 10 ? UINT64_MAX : *out * 10 + value;
    }
    bool any = digit != *at;
    *at = digit;
    return any;
}

/* "bytes=0-99", "bytes=100-", "bytes=-50". Several ranges, and what cannot be read, give the whole file, as
 * RFC 9110 allows. *part is set for RANGE_ONE and left alone otherwise. */
static range_kind parse_range(const char *text, uint64_t size, byte_range *part)
{
    uint64_t first = 0, last = 0;
    if (!text || strncasecmp(text, "bytes=", 6) != 0) return RANGE_NONE;
    text += 6;
    bool has_first = digits_of(&text, &first);
    if (*text++ != '-') return RANGE_NONE;
    bool has_last = digits_of(&text, &last);
    if (*text || (!has_first && !has_last)) return RANGE_NONE;
    if (!has_first) { /* the last n bytes */
        if (last == 0 || size == 0) return RANGE_BAD;
        *part = (byte_range){last >= size ? 0 : size - last, last >= size ? size : last};
        return RANGE_ONE;
    }
    if (has_last && last < first) return RANGE_NONE;
    if (first >= size) return RANGE_BAD;
    if (!has_last || last >= size) last = size - 1;
    *part = (byte_range){first, last - first + 1};
    return RANGE_ONE;
}

/* Takes fd. With 304 the library sends the head alone, whose length must be that of the file. */
static void send_file(fc_http *h, unsigned status, int fd, byte_range part)
{
    h->response = MHD_create_response_from_fd_at_offset64(part.count, fd, part.first);
    h->status = status;
    if (h->response) return;
    close(fd);
    fc_http_problem(h, FC_NOMEM, "out of memory");
}

static void send_part(fc_http *h, int fd, uint64_t size, const char *etag, const char *date)
{
    char text[80];
    byte_range part = {0, size};
    const char *if_range = fc_http_header(h, "If-Range");
    range_kind kind = if_range && strcmp(if_range, etag) != 0 && strcmp(if_range, date) != 0
                          ? RANGE_NONE
                          : parse_range(fc_http_header(h, "Range"), size, &part);
    if (kind == RANGE_BAD) {
        close(fd);
        fc_http_problem_as(h, 416, FC_ARG, "the range is behind the end of the file", "Range");
        snprintf(text, sizeof text, "bytes */%" PRIu64, size);
        fc_http_add_header(h, "Content-Range", text);
        return;
    }
    send_file(h, kind == RANGE_ONE ? 206 : 200, fd, part);
    if (h->status != 206) return;
    snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part.first,
             part.first + part.count - 1, size);
    fc_http_add_header(h, "Content-Range", text);
}

bool fc_http_file(fc_http *h, const char *path, const char *type, const char *cache)
{
    struct stat info;
    char etag[ETAG_SIZE], date[DATE_SIZE];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return false;
    }
    snprintf(etag, sizeof etag, "\"%llx-%llx-%llx\"", (unsigned long long)info.st_size,
             (unsigned long long)info.st_mtim.tv_sec, (unsigned long long)info.st_mtim.tv_nsec);
    http_date(info.st_mtim.tv_sec, date);
    unsigned answer = conditions(h, etag, info.st_mtim.tv_sec);
    if (answer == 412) {
        close(fd);
        fc_http_problem_as(h, 412, FC_BUSY, "the file is another one than the client thinks", NULL);
    } else if (answer == 304) {
        send_file(h, 304, fd, (byte_range){0, (uint64_t)info.st_size});
    } else {
        send_part(h, fd, (uint64_t)info.st_size, etag, date);
        if (h->status == 200 || h->status == 206) fc_http_add_header(h, "Content-Type", type);
        fc_http_add_header(h, "Accept-Ranges", "bytes");
    }
    fc_http_add_header(h, "ETag", etag);
    fc_http_add_header(h, "Last-Modified", date);
    fc_http_add_header(h, "Cache-Control", cache);
    return true;
}

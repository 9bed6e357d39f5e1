/* A small HTTP server for tests of downloads: its own process, real sockets, one request per connection, and
 * all the ways in which servers misbehave. The address chooses: http://127.0.0.1:PORT/NAME?OPTION=VALUE&...
 *
 *   cut=N      the connection breaks after N bytes of body (of every answer)
 *   cutrandom  it breaks at a random byte
 *   status=N   answers with this status; first=N the same for the first request only
 *   norange    ignores Range; nolength neither tells the length
 *   redirect   302 to the same file without options; away the same, but to another host name
 *   page       a web page with its type; hiddenpage the same as application/octet-stream
 *   delay=MS   pause after every 4096 bytes; stall=N first sends N bytes and then nothing for long
 *   change=N   from request N on the file is another one (with another ETag)
 *   wrongrange Content-Range speaks of another part */
#ifndef FC_TESTS_HTTPD_H
#define FC_TESTS_HTTPD_H

#include <stddef.h>
#include <stdint.h>

typedef struct httpd_stats { /* shared with the server's process */
    int requests, ranged, authorized, at_once, most_at_once;
    uint64_t bytes;
} httpd_stats;

typedef struct httpd {
    int port, pid;
    volatile httpd_stats *stats;
} httpd;

/* Serves `size` bytes of data under every name. Fails the running test when it cannot start. */
httpd httpd_start(const void *data, size_t size);
void httpd_stop(httpd *h);
/* "http://127.0.0.1:PORT/" + rest, in one of a few static buffers. */
const char *httpd_url(const httpd *h, const char *rest);

#endif

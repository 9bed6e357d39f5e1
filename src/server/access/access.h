/* Who asks, and whether that is allowed. */
#ifndef FC_SERVER_ACCESS_ACCESS_H
#define FC_SERVER_ACCESS_ACCESS_H

#include "server/http/http.h"

/* Fills h->peer, and takes the proxy's prefix off h->path. (proxy.c) */
void fc_peer_read(fc_http *h);

/* --public-url, cut into its parts; host "": there is none. */
typedef struct fc_public_url {
    bool https;
    char host[260], prefix[200];
} fc_public_url;
/* False: this is no such URL. */
bool fc_public_url_parse(const char *url, fc_public_url *out);

/* False: refused, and the answer is set. */
bool fc_access_check(fc_http *h);

void fc_api_login(fc_http *h);
void fc_api_logout(fc_http *h);
void fc_api_session(fc_http *h);

#endif

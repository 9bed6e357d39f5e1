/* Which handler a request has. */
#ifndef FC_SERVER_ROUTER_H
#define FC_SERVER_ROUTER_H

#include "server/http/http.h"

/* NULL: none; *allow: the methods that the path has, "" when there is no such path. Captures go to h. */
const fc_route *fc_route_find(fc_http *h, char *allow, size_t size);

#endif

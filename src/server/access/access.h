/* Who asks, and whether that is allowed. */
#ifndef FC_SERVER_ACCESS_ACCESS_H
#define FC_SERVER_ACCESS_ACCESS_H

#include "server/http/http.h"

/* False: refused, and the answer is set. */
bool fc_access_check(fc_http *h);

void fc_api_login(fc_http *h);
void fc_api_logout(fc_http *h);
void fc_api_session(fc_http *h);

#endif

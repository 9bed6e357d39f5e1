/* Failures in the form of AUTOMATIC1111's web UI. */
#include "app/common/json_text.h"
#include "server/compat/a1111.h"

void fc_a1111_error(fc_http *h, unsigned http, const fc_err *err)
{
    if (!http) http = (unsigned)fc_status_http(err->status);
    fc_http_json(h, http,
                 json_pack("{s:s, s:o, s:s, s:o}", "error", fc_status_name(err->status), "detail",
                           fc_json_text(err->message), "body", "", "errors", fc_json_text(err->message)));
}

/* /api/v1/uploads: pictures that people put in, to begin from or as a mask. They are kept by what is in them
 * (common/inputs.h), so that a job, the settings of a picture and the page can name them. */
#include <string.h>
#include "app/common/inputs.h"
#include "server/api/api.h"
#include "server/server_impl.h"

/* Decoded once to the end, so that who sends half a file is told now and not by the job. */
void fc_api_upload(fc_http *h)
{
    fc_err err = {0};
    fc_image_format format;
    int32_t width, height;
    char id[FC_INPUT_ID_SIZE];
    fc_status status = fc_image_probe(h->body.data, h->body.len, &format, &width, &height, &err);
    if (status != FC_OK) goto out;
    status = fc_inputs_put_whole(h->server->home, h->body.data, h->body.len, id, &err);
out:
    if (status != FC_OK) {
        fc_http_fail(h, &err);
        return;
    }
    fc_http_json(h, 201,
                 json_pack("{s:s, s:s, s:i, s:i, s:I}", "id", id, "format", fc_image_format_name(format),
                           "width", width, "height", height, "bytes", (json_int_t)h->body.len));
}

void fc_api_upload_file(fc_http *h)
{
    fc_err err = {0};
    fc_image_format format;
    char path[FC_PATH_SIZE];
    fc_status status = fc_inputs_path(h->server->home, h->captures[0], path, sizeof path, &err);
    if (status != FC_OK) {
        fc_http_problem(h, status == FC_ARG ? FC_NOT_FOUND : status, err.message);
        return;
    }
    const char *type = fc_image_format_from_name(strrchr(path, '.') + 1, &format)
                           ? fc_image_format_mime(format)
                           : "application/octet-stream";
    if (!fc_http_file(h, path, type, "private, max-age=31536000, immutable"))
        fc_http_problem(h, FC_NOT_FOUND, "the picture is no longer kept: put it in again");
}

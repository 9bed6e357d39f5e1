/* POST /api/v1/describe: a picture in words. One at a time; the model is opened for it and closed again, for
 * it is large and seldom asked for. */
#include <pthread.h>

#include "app/describe.h"
#include "format/image.h"
#include "picture/fit.h"
#include "server/api/api.h"
#include "server/server_impl.h"

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static fc_status decode(const char *data, size_t size, fc_pixels *rgb, fc_err *err)
{
    fc_pixels given = {0};
    fc_status status = fc_image_decode_input(&given, data, size, FC_IMAGE_MAX_INPUT, err);
    if (status) return status;
    status = fc_fit_flatten(rgb, &given, err);
    fc_pixels_fini(&given);
    return status;
}

static fc_status run(const fc_config *config, const fc_pixels *rgb, fc_arena *arena, const char **text,
                     fc_err *err)
{
    fc_captioner *captioner;
    fc_status status = fc_describe_open(config, &captioner, err);
    if (status) return status;
    status = fc_captioner_run(captioner, rgb, NULL, arena, text, err);
    fc_captioner_close(captioner);
    return status;
}

fc_status fc_server_describe(fc_http *h, const char *data, size_t size, fc_arena *arena, const char **text,
                             fc_err *err)
{
    fc_pixels rgb = {0};
    fc_status status = decode(data, size, &rgb, err);
    if (status) return status;
    pthread_mutex_lock(&turn);
    status = run(fc_http_settings(h), &rgb, arena, text, err);
    pthread_mutex_unlock(&turn);
    fc_pixels_fini(&rgb);
    return status;
}

void fc_api_describe(fc_http *h)
{
    fc_arena arena;
    const char *text;
    fc_err err = {0};
    fc_arena_init(&arena, 1 << 20);
    if (fc_server_describe(h, h->body.data, h->body.len, &arena, &text, &err) == FC_OK)
        fc_http_json(h, 200, json_pack("{s:s}", "prompt", text));
    else
        fc_http_fail(h, &err);
    fc_arena_fini(&arena);
}

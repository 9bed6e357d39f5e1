/* POST /api/v1/describe: a picture in words. One at a time; the model is opened for it and closed again, for
 * it is large and seldom asked for. */
#include <pthread.h>

#include "app/describe.h"
#include "app/picture_input.h"
#include "server/api/api.h"
#include "server/server_impl.h"

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

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
    fc_status status = fc_picture_decode(&rgb, data, size, err);
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

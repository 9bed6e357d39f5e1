/* The table of all routes. {x} stands for one part of a path, {x*} for the rest of it. */
#include "server/router.h"

#include <stdio.h>
#include <string.h>
#include "server/access/access.h"
#include "server/api/api.h"
#include "server/compat/compat.h"

#define PUBLIC FC_ROUTE_PUBLIC
#define UPLOAD FC_ROUTE_UPLOAD

static const fc_route routes[] = {
    {"GET", "/api/v1/system", fc_api_system, 0},
    {"GET", "/api/v1/openapi.json", fc_api_openapi, PUBLIC},
    {"GET", "/api/v1/parameters", fc_api_parameters, 0},
    {"GET", "/api/v1/styles", fc_api_styles, 0},
    {"GET", "/api/v1/models", fc_api_models, 0},
    {"POST", "/api/v1/models/refresh", fc_api_models, 0},
    {"GET", "/api/v1/presets", fc_api_presets, 0},
    {"GET", "/api/v1/catalog", fc_api_catalog, 0},
    {"GET", "/api/v1/downloads", fc_api_downloads_list, 0},
    {"POST", "/api/v1/downloads", fc_api_downloads_start, 0},
    {"DELETE", "/api/v1/downloads/{name}", fc_api_download_stop, 0},
    {"POST", "/api/v1/metadata", fc_api_metadata, UPLOAD},
    {"POST", "/api/v1/uploads", fc_api_upload, UPLOAD},
    {"GET", "/api/v1/uploads/{id}/file", fc_api_upload_file, 0},
    {"POST", "/api/v1/describe", fc_api_describe, UPLOAD},
    {"GET", "/api/v1/events", fc_api_events, 0},

    {"POST", "/api/v1/jobs", fc_api_jobs_submit, 0},
    {"GET", "/api/v1/jobs", fc_api_jobs_list, 0},
    {"GET", "/api/v1/jobs/{id}", fc_api_job_get, 0},
    {"DELETE", "/api/v1/jobs/{id}", fc_api_job_delete, 0},
    {"POST", "/api/v1/jobs/{id}/cancel", fc_api_job_cancel, 0},
    {"POST", "/api/v1/jobs/{id}/move", fc_api_job_move, 0},
    {"GET", "/api/v1/jobs/{id}/preview", fc_api_job_preview, 0},

    {"GET", "/api/v1/pictures", fc_api_pictures_list, 0},
    {"GET", "/api/v1/pictures/terms", fc_api_pictures_terms, 0},
    {"GET", "/api/v1/pictures/{id}", fc_api_picture_get, 0},
    {"DELETE", "/api/v1/pictures/{id}", fc_api_picture_delete, 0},
    {"GET", "/api/v1/pictures/{id}/file", fc_api_picture_file, FC_ROUTE_SIGNED},
    {"GET", "/api/v1/pictures/{id}/thumbnail", fc_api_picture_thumbnail, 0},
    {"POST", "/api/v1/pictures/{id}/favourite", fc_api_picture_favourite, 0},
    {"POST", "/api/v1/pictures/{id}/restore", fc_api_picture_restore, 0},

    {"POST", "/api/v1/login", fc_api_login, PUBLIC},
    {"POST", "/api/v1/logout", fc_api_logout, PUBLIC},
    {"GET", "/api/v1/session", fc_api_session, PUBLIC},

    {"POST", "/v1/images/generations", fc_openai_images, 0},
    {"POST", "/v1/images/edits", fc_openai_edits, UPLOAD},
    {"POST", "/v1/images/variations", fc_openai_variations, UPLOAD},
    {"GET", "/v1/models", fc_openai_models, 0},
    {"GET", "/v1/models/{id*}", fc_openai_model, 0},

    {"POST", "/sdapi/v1/txt2img", fc_a1111_txt2img, UPLOAD},
    {"POST", "/sdapi/v1/img2img", fc_a1111_img2img, UPLOAD},
    {"POST", "/sdapi/v1/extra-single-image", fc_a1111_extra_single, UPLOAD},
    {"POST", "/sdapi/v1/extra-batch-images", fc_a1111_extra_batch, UPLOAD},
    {"POST", "/sdapi/v1/interrogate", fc_a1111_interrogate, UPLOAD},
    {"GET", "/sdapi/v1/options", fc_a1111_get_options, 0},
    {"POST", "/sdapi/v1/options", fc_a1111_set_options, 0},
    {"GET", "/sdapi/v1/progress", fc_a1111_progress, 0},
    {"POST", "/sdapi/v1/interrupt", fc_a1111_interrupt, 0},
    {"POST", "/sdapi/v1/skip", fc_a1111_skip, 0},
    {"GET", "/sdapi/v1/sd-models", fc_a1111_models, 0},
    {"GET", "/sdapi/v1/sd-vae", fc_a1111_vaes, 0},
    {"GET", "/sdapi/v1/loras", fc_a1111_loras, 0},
    {"GET", "/sdapi/v1/embeddings", fc_a1111_embeddings, 0},
    {"GET", "/sdapi/v1/samplers", fc_a1111_samplers, 0},
    {"GET", "/sdapi/v1/schedulers", fc_a1111_schedulers, 0},
    {"GET", "/sdapi/v1/prompt-styles", fc_a1111_styles, 0},
    {"GET", "/sdapi/v1/upscalers", fc_a1111_upscalers, 0},
    {"GET", "/sdapi/v1/latent-upscale-modes", fc_a1111_none, 0},
    {"GET", "/sdapi/v1/hypernetworks", fc_a1111_none, 0},
    {"GET", "/sdapi/v1/face-restorers", fc_a1111_none, 0},
    {"GET", "/sdapi/v1/realesrgan-models", fc_a1111_none, 0},
    {"GET", "/sdapi/v1/extensions", fc_a1111_none, 0},
    {"GET", "/sdapi/v1/script-info", fc_a1111_none, 0},
    {"GET", "/sdapi/v1/scripts", fc_a1111_scripts, 0},
    {"POST", "/sdapi/v1/png-info", fc_a1111_png_info, UPLOAD},
    {"POST", "/sdapi/v1/refresh-checkpoints", fc_a1111_refresh, 0},
    {"POST", "/sdapi/v1/refresh-loras", fc_a1111_refresh, 0},
    {"POST", "/sdapi/v1/refresh-vae", fc_a1111_refresh, 0},
    {"POST", "/sdapi/v1/refresh-embeddings", fc_a1111_refresh, 0},
    {"POST", "/sdapi/v1/unload-checkpoint", fc_a1111_refresh, 0},
    {"POST", "/sdapi/v1/reload-checkpoint", fc_a1111_refresh, 0},
    {"GET", "/sdapi/v1/memory", fc_a1111_memory, 0},
    {"GET", "/sdapi/v1/cmd-flags", fc_a1111_cmd_flags, 0},

    {"GET", "/healthz", fc_api_healthz, PUBLIC | FC_ROUTE_HEALTH},
    {"GET", "/readyz", fc_api_readyz, PUBLIC | FC_ROUTE_HEALTH},
    {"GET", "/metrics", fc_api_metrics, FC_ROUTE_HEALTH},

    {"GET", "/controlnet/version", fc_a1111_controlnet_version, 0},
    {"GET", "/controlnet/model_list", fc_a1111_controlnet_models, 0},
    {"GET", "/controlnet/module_list", fc_a1111_controlnet_modules, 0},
    {"GET", "/controlnet/control_types", fc_a1111_controlnet_types, 0},
    {"GET", "/controlnet/settings", fc_a1111_controlnet_settings, 0},
    {"POST", "/controlnet/detect", fc_a1111_controlnet_detect, UPLOAD},

    {"GET", "/internal/ping", fc_a1111_refresh, PUBLIC},

    {"GET", "/ping", fc_fooocus_ping, PUBLIC},
    {"POST", "/v1/generation/text-to-image", fc_fooocus_text_to_image, 0},
    {"POST", "/v1/generation/image-upscale-vary", fc_fooocus_vary, UPLOAD},
    {"POST", "/v1/generation/image-inpaint-outpaint", fc_fooocus_inpaint, UPLOAD},
    {"POST", "/v1/generation/image-prompt", fc_fooocus_image_prompt, UPLOAD},
    {"POST", "/v1/generation/image-enhance", fc_fooocus_unsupported, UPLOAD},
    {"POST", "/v2/generation/{kind}", fc_fooocus_v2, UPLOAD},
    {"POST", "/v1/tools/{kind}", fc_fooocus_unsupported, UPLOAD},
    {"GET", "/v1/generation/query-job", fc_fooocus_query_job, 0},
    {"GET", "/v1/generation/job-queue", fc_fooocus_job_queue, 0},
    {"GET", "/v1/generation/job-history", fc_fooocus_job_history, 0},
    {"POST", "/v1/generation/stop", fc_fooocus_stop, 0},
    {"GET", "/v1/engines/all-models", fc_fooocus_all_models, 0},
    {"GET", "/v1/engines/styles", fc_fooocus_styles, 0},
    {"GET", "/v1/engines/clean_vram", fc_fooocus_clean_vram, 0},
    {"GET", "/files/{path*}", fc_fooocus_file, FC_ROUTE_SIGNED},

    {"GET", "/{asset*}", fc_asset_get, PUBLIC}, /* the last: what is nothing else is a file of the page */
};

/* Matches path against pattern; captures go to h, in its arena. */
static bool match(fc_http *h, const char *pattern, const char *path)
{
    size_t captured = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *path++) return false;
            continue;
        }
        const char *close = strchr(pattern, '}');
        size_t n = close[-1] == '*' ? strlen(path) : strcspn(path, "/");
        if (n == 0 && close[-1] != '*') return false;
        h->captures[captured++] = fc_arena_strndup(&h->arena, path, n);
        path += n;
        pattern = close + 1;
    }
    return *path == '\0';
}

static void add_allowed(const char *method, char *allow, size_t size)
{
    size_t n = strlen(allow);
    if (n == 0) n = (size_t)snprintf(allow, size, "OPTIONS");
    snprintf(allow + n, size - n, "%s%s%s", n ? ", " : "", method,
             strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const fc_route *fc_route_find(fc_http *h, char *allow, size_t size)
{
    const char *method = strcmp(h->method, "HEAD") == 0 ? "GET" : h->method;
    const size_t count = sizeof routes / sizeof routes[0];
    *allow = '\0';
    for (size_t i = 0; i < count; i++) {
        bool page = i + 1 == count;
        if (page && *allow) break; /* the path has other methods: no file of the page */
        if (page && strcmp(method, "GET") != 0 && strcmp(method, "OPTIONS") != 0) break;
        if (!match(h, routes[i].pattern, h->path)) continue;
        if (strcmp(routes[i].method, method) == 0) return &routes[i];
        add_allowed(routes[i].method, allow, size);
    }
    return NULL;
}

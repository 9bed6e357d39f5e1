/* Which device computes: a graphics card where there is one that can, else the processor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "engine/engine_impl.h"

#define CARDS "vulkan" /* the backend of graphics cards */
/* A card with less cannot hold even one stage of the models in 8 bits beside a desktop: docs/GPU.md. */
#define LEAST_CARD_MEMORY ((uint64_t)2500 << 20)

int32_t fc_engine_devices(fc_device_info *out, int32_t room)
{
    const fc_backend *cards = fc_backend_get(CARDS);
    return cards && cards->devices ? cards->devices(out, room) : 0;
}

static fc_status unknown_backend(fc_err *err)
{
    fc_buf names;
    fc_buf_init(&names, 1024);
    for (const char *const *n = fc_backend_names(); *n; n++) fc_buf_printf(&names, " %s", *n);
    fc_status status =
        fc_fail(err, FC_ARG, "there is no backend of that name; choose one of:%s", fc_buf_cstr(&names));
    fc_buf_fini(&names);
    return status;
}

static fc_status open_on(fc_engine *e, const fc_backend *backend, const char *device,
                         const fc_engine_config *c, fc_err *err)
{
    const fc_backend_opts opts = {
        .device = device, .memory_limit = c->device_memory, .threads = c->threads, .isa = c->isa};
    e->backend = backend;
    return backend->open(&opts, &e->dev, err);
}

/* The first real card with enough memory that opens. FC_NOT_FOUND: there is none, told in err. */
static fc_status open_card(fc_engine *e, const fc_backend *cards, const fc_engine_config *c, fc_err *err)
{
    fc_device_info list[FC_ENGINE_MAX_DEVICES];
    bool present = !cards->present || cards->present();
    int32_t count = present ? fc_engine_devices(list, FC_ENGINE_MAX_DEVICES) : 0;
    fc_status status = fc_fail(err, FC_NOT_FOUND,
                               "there is no graphics card that this program can use; "
                               "`fooocus devices` tells what it finds");
    for (int32_t i = 0; i < count; i++) {
        char number[16];
        if (list[i].emulated) continue;
        if (list[i].memory && list[i].memory < LEAST_CARD_MEMORY) {
            status = fc_fail(err, FC_NOT_FOUND, "%s has only %llu MiB of memory, too little for these models",
                             list[i].name, (unsigned long long)(list[i].memory >> 20));
            continue;
        }
        snprintf(number, sizeof number, "%d", i);
        status = open_on(e, cards, number, c, err);
        if (status == FC_OK) return FC_OK;
    }
    return status;
}

fc_status fc_engine_open_device(fc_engine *e, const fc_engine_config *c, fc_err *err)
{
    const char *named = getenv("FC_BACKEND"), *device = c->device;
    bool any = !device || strcmp(device, "auto") == 0;
    if (e->backend) { /* chosen by the caller, or opened before */
        bool kind = any || strcmp(device, "gpu") == 0 || strcmp(device, "cpu") == 0;
        return open_on(e, e->backend, kind ? NULL : device, c, err);
    }
    if (c->backend || (named && *named)) {
        const fc_backend *backend = fc_backend_get(c->backend);
        return backend ? open_on(e, backend, any ? NULL : device, c, err) : unknown_backend(err);
    }
    const fc_backend *cards = fc_backend_get(CARDS), *processor = fc_backend_get("cpu");
    if (!any && strcmp(device, "cpu") == 0) return open_on(e, processor, NULL, c, err);
    if (!cards && !any)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this program was built without graphics cards: use --device cpu");
    if (!any && strcmp(device, "gpu") != 0) return open_on(e, cards, device, c, err);
    fc_err why = {0};
    fc_status status = cards ? open_card(e, cards, c, &why) : FC_NOT_FOUND;
    if (status == FC_OK) return FC_OK;
    if (!any) return fc_fail(err, status, "%s", why.message);
    /* What is no failure on a machine without a card is told where there is one that was passed over. */
    if (status != FC_NOT_FOUND) fc_log(FC_LOG_WARN, "the processor computes: %s", why.message);
    snprintf(e->passed_over, sizeof e->passed_over, "%.199s", why.message);
    return open_on(e, processor, NULL, c, err);
}

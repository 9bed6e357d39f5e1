/* Which device computes: a graphics card where there is one that can, else the processor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/engine_impl.h"

#define CARDS "vulkan" /* the backend of graphics cards */
/* A card with less cannot hold even one stage of the models in 8 bits beside a desktop: docs/GPU.md. */
#define LEAST_CARD_MEMORY ((uint64_t)2500 << 20)
enum { PATH_MOST = 4096 };

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

/* As systems that follow XDG have it; NULL: this one does not tell. */
static const char *cache_dir(const fc_engine_config *c, char path[PATH_MOST])
{
    if (c->cache_dir) return c->cache_dir;
    const char *folder = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool told = folder && folder[0] == '/';
    if (!told && (!home || home[0] != '/')) return NULL;
    fc_status status =
        fc_path_join(path, PATH_MOST, told ? folder : home, told ? "fooocus" : ".cache/fooocus");
    return status ? NULL : path;
}

static fc_status open_on(fc_engine *e, const fc_backend *backend, const char *device,
                         const fc_engine_config *c, fc_err *err)
{
    char path[PATH_MOST];
    const fc_backend_opts opts = {.device = device,
                                  .memory_limit = c->device_memory,
                                  .cache_dir = cache_dir(c, path),
                                  .losses = e->losses,
                                  .threads = c->threads,
                                  .isa = c->isa};
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
        e->refused = true;
        if (list[i].memory && list[i].memory < LEAST_CARD_MEMORY) {
            status = fc_fail(err, FC_NOT_FOUND, "%s has only %llu MiB of memory, too little for these models",
                             list[i].name, (unsigned long long)(list[i].memory >> 20));
            continue;
        }
        snprintf(number, sizeof number, "%d", i);
        status = open_on(e, cards, number, c, err);
        if (status == FC_OK) e->refused = false;
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

/* ---- what follows from it ---- */

const char *fc_engine_type_name(fc_dtype act)
{
    return act == FC_F16 ? "f16" : act == FC_BF16 ? "bf16" : "f32";
}

/* The types of activations: what was asked for, or what the device is best at. f16 is too narrow for a VAE.
 */
static fc_status choose_types(fc_engine *e, fc_precision precision, fc_err *err)
{
    static const fc_dtype named[] = {
        [FC_PRECISION_F32] = FC_F32, [FC_PRECISION_BF16] = FC_BF16, [FC_PRECISION_F16] = FC_F16};
    e->act = precision == FC_PRECISION_AUTO ? e->info.best : named[precision];
    e->act_wide = precision == FC_PRECISION_AUTO || e->act == FC_F16 ? e->info.best_wide : e->act;
    if (e->info.dtypes & FC_DTYPE_BIT(e->act)) return FC_OK;
    return fc_fail(err, FC_ARG, "%s does not compute in %s: choose another --precision, or auto",
                   e->backend->name, fc_engine_type_name(e->act));
}

fc_status fc_engine_use_device(fc_engine *e, fc_err *err)
{
    struct fc_profile *profile = e->profile;
    e->backend->info(e->dev, &e->info);
    fc_cx_init(&e->cx, &(fc_cx_opts){.backend = e->backend, .dev = e->dev});
    e->cx.profile = profile;
    e->budget = fc_engine_budget(e, &e->config);
    for (int i = 0; i < FC_ROLE_COUNT; i++) {
        if (!e->model[i]) continue;
        bool int8 = e->model[i]->packs.int8;
        fc_packcache_fini(&e->model[i]->packs); /* what it had learnt on a device that was lost */
        fc_packcache_init(&e->model[i]->packs, e->backend, e->dev, SIZE_MAX);
        e->model[i]->packs.int8 = int8;
    }
    return choose_types(e, e->config.precision, err);
}

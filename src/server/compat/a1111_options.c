/* A1111's options: what its clients read, change and read again. Those that mean something here count for the
 * pictures of that API; the others are kept, as clients set them and look whether they stuck. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/models/files.h"
#include "base/file.h"
#include "base/str.h"
#include "server/compat/a1111.h"
#include "server/server_impl.h"

/* The kind of its default is the kind of an option. */
static json_t *defaults(void)
{
    return json_pack(
        "{s:s, s:s, s:i, s:s, s:b, s:b, s:b, s:b, s:s, s:s, s:i, s:b, s:b, s:s, s:i, s:s, s:b, s:b, s:b, "
        "s:b, s:i, s:i}",
        "sd_model_checkpoint", "", "sd_vae", "Automatic", "CLIP_stop_at_last_layers", 2, "samples_format",
        "png", "save_images_add_number", 1, "enable_pnginfo", 1, "send_seed", 1, "send_size", 1,
        "samples_filename_pattern", "", "directories_filename_pattern", "[date]", "jpeg_quality", 80,
        "return_grid", 1, "do_not_show_images", 0, "live_previews_image_format", "png",
        "show_progress_every_n_steps", 10, "show_progress_type", "Approx NN", "samples_save", 1, "grid_save",
        1, "save_to_dirs", 1, "add_model_name_to_info", 1, "eta_noise_seed_delta", 0, "sd_checkpoint_cache",
        0);
}

static bool same_kind(const json_t *a, const json_t *b)
{
    return json_typeof(a) == json_typeof(b) || (json_is_boolean(a) && json_is_boolean(b)) ||
           (json_is_number(a) && json_is_number(b));
}

static void first_model(fc_http *h, json_t *options)
{
    fc_model_folder folder;
    const char *name = json_string_value(json_object_get(options, "sd_model_checkpoint"));
    if (name && *name) return;
    bool any = fc_server_checkpoints(h, &folder, NULL) == FC_OK && folder.names.count > 0;
    json_object_set_new(options, "sd_model_checkpoint", fc_json_text(any ? folder.names.items[0] : ""));
}

json_t *fc_a1111_options(fc_http *h, const json_t *override)
{
    fc_server *s = h->server;
    const char *name;
    json_t *value, *options = defaults();
    pthread_mutex_lock(&s->report_lock);
    if (s->options) json_object_update(options, s->options);
    pthread_mutex_unlock(&s->report_lock);
    json_object_foreach((json_t *)(uintptr_t) override, name, value)
    {
        const json_t *known = json_object_get(options, name);
        if (known && same_kind(known, value))
            json_object_set(options, name, value);
        else if (!json_is_null(value))
            fc_http_warn(h, "override_settings.%.60s: not used here", name);
    }
    return options;
}

void fc_a1111_get_options(fc_http *h)
{
    json_t *options = fc_a1111_options(h, NULL);
    first_model(h, options);
    fc_http_json(h, 200, options);
}

/* Checks what would make every later request fail. */
static fc_status check(fc_http *h, json_t *body, fc_err *err)
{
    const char *title = json_string_value(json_object_get(body, "sd_model_checkpoint"));
    const char *vae = json_string_value(json_object_get(body, "sd_vae"));
    const json_t *skip = json_object_get(body, "CLIP_stop_at_last_layers");
    const char *model = title && *title ? fc_a1111_find_model(h, title) : "";
    if (!model)
        return fc_fail(err, FC_NOT_FOUND, "sd_model_checkpoint: there is no checkpoint '%.100s'", title);
    if (vae && !fc_a1111_has_vae(h, vae))
        return fc_fail(err, FC_NOT_FOUND, "sd_vae: there is no VAE '%.100s'", vae);
    if (skip && (json_integer_value(skip) < 1 || json_integer_value(skip) > 12))
        return fc_fail(err, FC_ARG, "CLIP_stop_at_last_layers: want a whole number from 1 to 12");
    if (title) json_object_set_new(body, "sd_model_checkpoint", fc_json_text(model));
    return FC_OK;
}

void fc_a1111_set_options(fc_http *h)
{
    fc_err err = {0};
    fc_server *s = h->server;
    const char *name;
    json_t *value, *body = fc_http_body_json(h, true), *known;
    if (!body) return;
    if (check(h, body, &err) != FC_OK) {
        fc_a1111_error(h, 0, &err);
        json_decref(body);
        return;
    }
    known = defaults();
    pthread_mutex_lock(&s->report_lock);
    if (!s->options) s->options = json_object();
    json_object_foreach(body, name, value)
    {
        const json_t *kind = json_object_get(known, name);
        if (kind && same_kind(kind, value)) json_object_set_new(s->options, name, json_deep_copy(value));
    }
    pthread_mutex_unlock(&s->report_lock);
    json_decref(known);
    json_decref(body);
    fc_http_json(h, 200, json_null());
}

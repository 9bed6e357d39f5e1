/* What a base's file lacks comes from another model, which is told: the one that was named, else the first of
 * those that lie beside it and fit. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "engine/engine_impl.h"

static void tell(const fc_hooks *hooks, const fc_model *base, const char *what, const char *fallback)
{
    char text[600];
    snprintf(text, sizeof text, "%.200s has no %s: those of %.200s are used", fc_path_basename(base->path),
             what, fc_path_basename(fallback));
    fc_emit(hooks, &(fc_event){.kind = FC_EVENT_WARNING, .text = text, .seconds_left = -1});
}

/* Models of one family have UNets of the same widths; a model of another family would lend a VAE that shows
 * noise. */
static bool is_relative(const fc_model *base, fc_weights *other)
{
    static const char *const names[] = {"label_emb.0.0.weight", "time_embed.0.weight"};
    char name[100];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, FC_UNET_PREFIX "%s", names[i]);
        for (int32_t d = 0; d < 2; d++)
            if (fc_weights_dim(other, name, d) != fc_weights_dim(base->weights, name, d)) return false;
    }
    return true;
}

/* Whether the file at path has what is wanted. Only its list of tensors is read. */
static bool can_lend(const fc_model *base, const char *path, bool text)
{
    fc_weights *w;
    fc_model_info info;
    if (fc_weights_open(&w, path, NULL) != FC_OK) return false;
    fc_model_describe(w, &info);
    bool has = info.kind == FC_MODEL_SDXL_BASE && (text ? info.clip_l > 0 && info.clip_g > 0 : info.vae > 0);
    bool lends = has && is_relative(base, w);
    fc_weights_close(w);
    return lends;
}

/* NULL: none. A named one that cannot lend is refused with a reason of its own, unless another can. */
static const char *find(const fc_model *base, const fc_model_choice *choice, bool text)
{
    if (choice->fallback && can_lend(base, choice->fallback, text)) return choice->fallback;
    for (int32_t i = 0; i < choice->neighbour_count; i++)
        if (strcmp(choice->neighbours[i], base->path) != 0 && can_lend(base, choice->neighbours[i], text))
            return choice->neighbours[i];
    return choice->fallback;
}

fc_status fc_engine_find_lacking(const fc_model *base, const fc_model_choice *choice,
                                 const char *paths[FC_ROLE_COUNT], const fc_hooks *hooks, fc_err *err)
{
    const char *fallback = base->clip_l ? NULL : find(base, choice, true);
    if (!base->clip_l && !fallback)
        return fc_fail(
            err, FC_UNSUPPORTED,
            "%s has no text encoders, and there is no complete SDXL model to take them from: put one "
            "into the folder of models, or name it as default_model in config.txt",
            base->path);
    if (fallback) {
        paths[FC_ROLE_TEXT] = fallback;
        tell(hooks, base, "text encoders", fallback);
    }
    if (base->vae || paths[FC_ROLE_VAE]) return FC_OK;
    fallback = find(base, choice, false);
    if (!fallback) return FC_OK; /* the preview decoder may do; who wants the VAE says what to do */
    paths[FC_ROLE_VAE] = fallback;
    tell(hooks, base, "VAE weights", fallback);
    return FC_OK;
}

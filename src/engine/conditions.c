/* Conditions of a task: texts through the encoders (or the cache), sizes through their embeddings. */
#include <string.h>

#include "base/mem.h"
#include "diffusion/adm.h"
#include "diffusion/cond.h"
#include "engine/engine_impl.h"

struct encoding {
    const fc_text_encoders *encoders;
    const fc_text_request *request;
};

static void encode_dry(fc_cx *dry, void *user)
{
    const struct encoding *d = user;
    fc_text_result unused;
    if (fc_text_encode(dry, d->encoders, d->request, &unused, NULL) == FC_OK) fc_text_result_fini(&unused);
}

static const fc_text_entry *encode(fc_engine *e, const fc_model *m, const fc_task *task,
                                   const fc_recipe *recipe, const char *text, fc_err *err, fc_status *status)
{
    const fc_text_key key = {.model = m->serial,
                             .patches = m->patches,
                             .embeddings = strstr(text, "embedding:") ? e->embeddings.key : 0,
                             .recipe = (int32_t)task->recipe,
                             .skip = task->clip_skip,
                             .text = text};
    const fc_text_entry *known = fc_text_cache_get(&e->texts, &key);
    if (known) return known;
    const fc_text_encoders encoders = {.l = m->clip_l, .g = m->clip_g, .vocab = m->vocab};
    const fc_text_embeddings embeddings = fc_embedding_set_get(&e->embeddings);
    const fc_text_request request = {.text = text,
                                     .size = strlen(text),
                                     .recipe = recipe,
                                     .skip = task->clip_skip,
                                     .embeddings = &embeddings};
    fc_text_result r;
    *status = fc_engine_reserve(e, encode_dry, &(struct encoding){&encoders, &request}, err);
    if (!*status) *status = fc_text_encode(&e->cx, &encoders, &request, &r, err);
    if (*status) return NULL;
    fc_text_entry *entry = fc_text_cache_put(&e->texts, &key, r.tokens, r.width, r.pooled_width);
    if (entry) {
        memcpy(entry->context, r.context, (size_t)r.tokens * (size_t)r.width * sizeof(float));
        memcpy(entry->pooled, r.pooled, (size_t)r.pooled_width * sizeof(float));
    } else {
        *status = fc_fail(err, FC_NOMEM, "out of memory while encoding the prompt");
    }
    fc_text_result_fini(&r);
    return entry;
}

/* All texts of one side, joined along the tokens; pooled vectors of the first ones summed. Features [first,
 * first + width) of each token; width 0: all. */
typedef struct joined {
    float *context, *pooled;
    int32_t tokens, width, pooled_width;
} joined;

static fc_status append(joined *j, const fc_text_entry *t, bool pool, int32_t width, fc_arena *arena,
                        fc_err *err)
{
    j->width = width ? width : t->width;
    if (j->width > t->width)
        return fc_fail(err, FC_UNSUPPORTED, "the refiner needs %d text features, the model gives %d",
                       j->width, t->width);
    size_t row = (size_t)j->width, old = (size_t)j->tokens, more = (size_t)t->tokens,
           skipped = (size_t)(t->width - j->width);
    float *context = fc_arena_array(arena, old + more, row * sizeof *context);
    if (!j->pooled) j->pooled = fc_arena_array(arena, (size_t)t->pooled_width, sizeof *j->pooled);
    if (!context || !j->pooled) return fc_fail(err, FC_NOMEM, "out of memory while encoding the prompt");
    if (old) memcpy(context, j->context, old * row * sizeof *context);
    for (size_t i = 0; i < more; i++)
        memcpy(context + (old + i) * row, t->context + i * (size_t)t->width + skipped, row * sizeof *context);
    for (int32_t i = 0; pool && i < t->pooled_width; i++) j->pooled[i] += t->pooled[i];
    j->context = context;
    j->tokens += t->tokens;
    j->pooled_width = t->pooled_width;
    return FC_OK;
}

static fc_status join_texts(fc_engine *e, const fc_task *task, const fc_recipe *recipe,
                            const fc_text_list *list, bool refiner, fc_arena *arena, joined *out, fc_err *err)
{
    bool shared = refiner && (recipe->refiner_reads_base || !e->model[FC_ROLE_REFINER]->clip_g);
    fc_model *m = refiner && !shared ? e->model[FC_ROLE_REFINER] : fc_engine_text_model(e);
    int32_t width = shared ? fc_unet_layout_get(e->model[FC_ROLE_REFINER]->unet)->context_width : 0;
    *out = (joined){0};
    fc_engine_make_resident(e, m, e->act);
    for (int32_t i = 0; i < list->count; i++) {
        fc_status status = FC_OK;
        const fc_text_entry *t = encode(e, m, task, recipe, list->texts[i], err, &status);
        if (!status) status = append(out, t, i < list->pooled, width, arena, err);
        if (status) return status;
    }
    return FC_OK;
}

/* pooled text and size numbers, as long as the network wants it */
static fc_status make_label(const fc_task *task, const fc_recipe *recipe, fc_adm_kind kind, bool negative,
                            const joined *texts, int32_t label_width, fc_arena *arena, const float **out,
                            fc_err *err)
{
    const fc_adm_request request = {.recipe = recipe,
                                    .kind = kind,
                                    .negative = negative,
                                    .width = task->width,
                                    .height = task->height,
                                    .positive_scale = task->adm_positive,
                                    .negative_scale = task->adm_negative};
    float numbers[FC_ADM_MAX_NUMBERS];
    int32_t width = texts->pooled_width + FC_ADM_WIDTH * fc_adm_numbers(&request, numbers);
    if (width != label_width) {
        return fc_fail(err, FC_UNSUPPORTED,
                       "the model wants %d values of size and text, its text encoder gives %d: it is no SDXL "
                       "model of a kind this program knows",
                       label_width, width);
    }
    float *label = fc_arena_array(arena, (size_t)width, sizeof *label);
    if (!label) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_adm_vector(&request, texts->pooled, texts->pooled_width, label);
    *out = label;
    return FC_OK;
}

fc_status fc_engine_conditions(fc_engine *e, const fc_task *task, const fc_recipe *recipe, bool negative,
                               bool refiner, fc_arena *arena, fc_conditions *out, fc_err *err)
{
    const fc_text_list *list = negative ? &task->negative : &task->positive;
    const char *const nothing = "";
    const fc_text_list empty = {&nothing, 1, 1};
    joined texts;
    const fc_unet_layout *layout =
        fc_unet_layout_get(e->model[refiner ? FC_ROLE_REFINER : FC_ROLE_BASE]->unet);
    int32_t label_width = layout->label_width;
    fc_status status =
        join_texts(e, task, recipe, list->count > 0 ? list : &empty, refiner, arena, &texts, err);
    if (status) return status;
    if (texts.width != layout->context_width) /* encoders of another file */
        return fc_fail(
            err, FC_UNSUPPORTED,
            "the text encoders give %d features a word, the UNet takes %d: they belong to different "
            "kinds of models",
            texts.width, layout->context_width);
    *out = (fc_conditions){.context = texts.context, .tokens = texts.tokens, .width = texts.width};
    fc_adm_kind kind = refiner ? FC_ADM_REFINER : FC_ADM_BASE;
    status = make_label(task, recipe, kind, negative, &texts, label_width, arena, &out->label, err);
    if (status != FC_OK) return status;
    if (!refiner && recipe->adm_switches)
        status = make_label(task, recipe, FC_ADM_BASE_CONSISTENT, negative, &texts, label_width, arena,
                            &out->label_later, err);
    return status;
}

/* See plan.h. */
#include "app/plan/plan.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/common/number_text.h"
#include "app/models/embeddings.h"
#include "app/plan/compose.h"
#include "app/prompt/arrays.h"
#include "app/settings/performance.h"
#include "base/str.h"
#include "diffusion/solvers/solvers.h"

enum {
    MAX_WARNINGS = 100,
    MAX_LORAS = 64,
    V1_SEEDS = 1 << 30,            /* 1.0.43 takes seeds modulo this */
    LARGE_PIXELS = 2 * 1024 * 1024 /* twice the area the model was trained on */
};

typedef struct planner {
    const fc_plan_input *input;
    fc_plan *plan;
    fc_recipe_id recipe;
    const fc_performance *mode;
    fc_arena *arena;
    fc_lines warnings;
    fc_image_work work;
    const fc_freeu_numbers *freeu;
    fc_err *err;
} planner;

static void warn(void *user, const char *text)
{
    fc_lines *lines = user;
    for (size_t i = 0; i < lines->count; i++)
        if (strcmp(lines->items[i], text) == 0) return; /* every image says it */
    if (lines->count < MAX_WARNINGS) fc_lines_add(lines, text, strlen(text));
}

static fc_warn warner(planner *p)
{
    return (fc_warn){warn, &p->warnings};
}

static bool given(const planner *p, fc_param_id id)
{
    return p->input->request && fc_request_is_set(p->input->request, id);
}

/* ---- settings ---- */

/* What the field has, as text of its kind (ENUM or NUM). */
static const char *text_of(const fc_params *params, const fc_param *field, char digits[FC_NUMTEXT_SIZE])
{
    const void *at = (const char *)params + field->offset;
    if (field->kind != FC_KIND_NUM) return *(const char *const *)at;
    fc_number_text(*(const double *)at, digits);
    return digits;
}

/* What the fast modes set whatever was asked for. */
static fc_status apply_mode(planner *p)
{
    fc_params *params = &p->plan->params;
    if (!p->mode->forced) return FC_OK;
    if (p->input->files->refiner && given(p, FC_P_refiner))
        fc_warn_emit(warner(p), "performance %s works without refiner, it was left out", p->mode->id);
    const fc_forced_value *v;
    for (size_t i = 0; (v = fc_performance_forced_at(p->mode, i)); i++) {
        char digits[FC_NUMTEXT_SIZE];
        const fc_param *field = &fc_param_table[v->id];
        const char *wanted = text_of(params, field, digits);
        assert(field->marks & FC_MARK_NOT_FAST);
        if (given(p, v->id) && strcmp(wanted, v->value) != 0)
            fc_warn_emit(warner(p), "performance %s works with %s %s, %s was not used", p->mode->id,
                         field->name, v->value, wanted);
        fc_status status = fc_param_store(field, &v->value, 1, params, p->arena, p->err);
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

static fc_status check_sampler(const planner *p)
{
    const fc_recipe *recipe = fc_recipe_of(p->recipe);
    const char *name = p->plan->params.sampler;
    if (fc_sampler_find(name, recipe)) return FC_OK;
    return fc_fail(p->err, FC_ARG, "sampler: recipe %s has no %s, see fooocus generate --help all",
                   p->plan->params.recipe, name);
}

static void warn_about_settings(planner *p)
{
    const fc_params *params = &p->plan->params;
    for (int i = 0; i < FC_PARAM_COUNT && p->recipe == FC_RECIPE_1_0; i++)
        if (given(p, (fc_param_id)i) && (fc_param_table[i].marks & FC_MARK_V25))
            fc_warn_emit(warner(p), "%s has no effect in recipe 1.0", fc_param_table[i].name);
    if (params->cfg <= 1 && *params->negative_prompt)
        fc_warn_emit(warner(p), "the negative prompt has no effect when cfg is 1");
    if ((int64_t)params->width * params->height > LARGE_PIXELS)
        fc_warn_emit(warner(p),
                     "%" PRId32 "x%" PRId32
                     " is much larger than what SDXL was trained on, subjects may repeat",
                     params->width, params->height);
}

/* ---- files ---- */

static bool same_file(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* User's LoRAs, then those of tags, then the mode's own, which the user may have named as well (settings read
 * back from a picture do). */
static fc_status choose_loras(planner *p, const fc_lora_tags *tags)
{
    const fc_model_files *files = p->input->files;
    const char *own = files->performance_lora;
    fc_lora_choice *chosen = fc_arena_array(p->arena, (size_t)files->loras.count, sizeof *chosen), *merged;
    size_t count = 0;
    if (!chosen) return fc_fail(p->err, FC_NOMEM, "out of memory for LoRAs");
    for (int32_t i = 0; i < files->loras.count; i++)
        if (!same_file(files->loras.items[i].path, own)) chosen[count++] = files->loras.items[i];
    const fc_lora_merge with = {.chosen = chosen,
                                .chosen_count = count,
                                .files = files->known_loras.items,
                                .file_count = (size_t)files->known_loras.count,
                                .excluded = own,
                                .limit = MAX_LORAS,
                                .warn = warner(p)};
    fc_status status = fc_lora_tags_merge(tags, &with, p->arena, &merged, &count, p->err);
    if (status != FC_OK) return status;
    for (size_t i = 0; i < tags->count; i++)
        if (!(tags->items[i].weight >= fc_param_table[FC_P_loras].lowest &&
              tags->items[i].weight <= fc_param_table[FC_P_loras].highest))
            return fc_fail(
                p->err, FC_ARG,
                "prompt: the weight of <lora:%.60s:...> is out of range, give a value from %g to %g",
                tags->items[i].name, fc_param_table[FC_P_loras].lowest, fc_param_table[FC_P_loras].highest);
    fc_lora_choice *all = fc_arena_array(p->arena, count + 1, sizeof *all);
    if (!all) return fc_fail(p->err, FC_NOMEM, "out of memory for LoRAs");
    if (count) memcpy(all, merged, count * sizeof *all);
    if (own && p->mode->forced) all[count++] = (fc_lora_choice){own, p->mode->forced->lora_weight};
    p->plan->models.loras = all;
    p->plan->models.lora_count = (int32_t)count;
    return FC_OK;
}

static fc_status choose_models(planner *p)
{
    const fc_model_files *files = p->input->files;
    fc_model_choice *models = &p->plan->models;
    *models = (fc_model_choice){.base = files->base,
                                .refiner = p->mode->forced ? NULL : files->refiner,
                                .vae = files->vae,
                                .fallback = files->fallback,
                                .neighbours = files->checkpoints.items,
                                .neighbour_count = files->checkpoints.count,
                                .preview_decoder = files->preview_decoder};
    if (same_file(models->base, models->refiner)) {
        fc_warn_emit(warner(p), "the refiner is the same file as the model and was left out");
        models->refiner = NULL;
    }
    if (given(p, FC_P_switch_step) && !models->refiner)
        fc_warn_emit(warner(p), "switch_step has no effect without a refiner");
    if (p->plan->params.fast_vae && !models->preview_decoder)
        return fc_fail(p->err, FC_NOT_FOUND,
                       "fast_vae: there is no preview decoder, give one with --preview-decoder FILE or put "
                       "taesdxl_decoder.safetensors into models/vae_approx");
    return FC_OK;
}

/* ---- tasks ---- */

uint64_t fc_plan_draw_seed(fc_recipe_id recipe, uint64_t random)
{
    return recipe == FC_RECIPE_1_0 ? 1 + random % V1_SEEDS : random & INT64_MAX;
}

static uint64_t first_seed(planner *p)
{
    int64_t requested = p->input->params->seed;
    bool old = p->recipe == FC_RECIPE_1_0;
    uint64_t seed = requested == FC_SEED_RANDOM ? fc_plan_draw_seed(p->recipe, p->input->random_seed)
                                                : (uint64_t)requested;
    if (!old) return seed;
    if (requested >= V1_SEEDS)
        fc_warn_emit(warner(p), "recipe 1.0 takes seeds modulo %d: %" PRId64 " becomes %" PRId64,
                     (int)V1_SEEDS, requested, requested % V1_SEEDS);
    return seed % V1_SEEDS;
}

static uint64_t image_seed(const planner *p, uint64_t first, int32_t index)
{
    uint64_t add = p->plan->params.same_seed ? 0 : (uint64_t)index;
    return (first + add) & INT64_MAX;
}

static int32_t switch_step(planner *p, int32_t steps)
{
    const fc_params *params = &p->plan->params;
    if (params->switch_step != FC_PARAM_AUTO) return params->switch_step;
    if (p->recipe == FC_RECIPE_1_0 && steps == p->mode->steps && !given(p, FC_P_refiner_switch))
        return p->mode->v1_switch_step;
    return fc_performance_switch_step(steps, params->refiner_switch, 0);
}

static fc_task common_task(planner *p)
{
    const fc_params *params = &p->plan->params;
    int32_t steps = fc_performance_steps(p->mode, p->work.kind == FC_WORK_UPSCALE, params->steps);
    fc_task task = {
        .recipe = p->recipe,
        .work = p->work,
        .freeu = p->freeu,
#define FC_TASK_SETTING(type, name, ordinary) .name = params->name,
#include "engine/task.def"
#undef FC_TASK_SETTING
        .steps = steps,
        .switch_step = switch_step(p, steps),
        .swap = strcmp(params->swap_method, "separate") == 0 ? FC_SWAP_SEPARATE : FC_SWAP_JOINT,
        .start.denoise = 1,
        .images = p->plan->count,
        .steps_total = steps * p->plan->count,
    };
    if (p->plan->models.refiner && task.switch_step >= steps - 1)
        fc_warn_emit(warner(p),
                     "the refiner would take over after step %" PRId32 " of %" PRId32 " and is never used",
                     task.switch_step, steps);
    return task;
}

static fc_status make_images(planner *p, fc_composer *composer)
{
    fc_plan *plan = p->plan;
    plan->count = p->work.kind == FC_WORK_ENLARGE ? 1 : plan->params.count;
    fc_task task = common_task(p);
    uint64_t seed = first_seed(p);
    plan->images = fc_arena_array(p->arena, (size_t)plan->count, sizeof *plan->images);
    if (!plan->images) return fc_fail(p->err, p->arena->status, "out of memory for the plan");
    for (int32_t i = 0; i < plan->count; i++) {
        fc_plan_image *image = &plan->images[i];
        image->task = task;
        image->task.seed = image_seed(p, seed, i);
        image->task.work.encoding_seed = image->task.seed;
        image->task.image = i + 1;
        image->task.steps_before = i * task.steps;
        fc_status status = fc_compose(composer, i, image, p->err);
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

static fc_status choose_embeddings(planner *p)
{
    fc_plan *plan = p->plan;
    fc_embedding_search *s = fc_arena_alloc(p->arena, sizeof *s);
    if (!s) return fc_fail(p->err, p->arena->status, "out of memory for the plan");
    *s = (fc_embedding_search){.folder = &p->input->files->embeddings,
                               .loras = plan->models.loras,
                               .lora_count = plan->models.lora_count,
                               .brings = p->input->brings,
                               .warn = warner(p),
                               .arena = p->arena};
    fc_status status = FC_OK;
    for (int32_t i = 0; i < plan->count; i++) {
        const fc_text_list *sides[] = {&plan->images[i].task.positive, &plan->images[i].task.negative};
        for (int k = 0; k < 2; k++)
            for (int32_t t = 0; t < sides[k]->count && status == FC_OK; t++)
                status = fc_embeddings_search(s, sides[k]->texts[t], p->err);
    }
    plan->models.embeddings = s->items;
    plan->models.embedding_count = s->count;
    return status;
}

static fc_status choose_work(planner *p)
{
    const fc_params *params = &p->plan->params;
    fc_freeu_numbers *freeu = fc_arena_alloc(p->arena, sizeof *freeu);
    bool on;
    if (!freeu) return fc_fail(p->err, p->arena->status, "out of memory for the plan");
    fc_status status = fc_work_freeu(params->freeu, freeu, &on, p->err);
    if (status == FC_OK && on && p->recipe != FC_RECIPE_1_0) p->freeu = freeu;
    return status ? status
                  : fc_work_make(params, p->input->request, &p->input->picture, warner(p), &p->work, p->err);
}

fc_status fc_plan_make(const fc_plan_input *input, fc_arena *arena, fc_plan *plan, fc_err *err)
{
    fc_composer composer;
    planner p = {.input = input, .plan = plan, .arena = arena, .err = err};
    *plan = (fc_plan){.params = *input->params};
    p.recipe = fc_recipe_from_name(plan->params.recipe);
    fc_lines_init(&p.warnings, arena);
    fc_status status = fc_performance_get(p.recipe, plan->params.performance, &p.mode, err);
    if (status != FC_OK) return status;
    status = apply_mode(&p);
    if (status != FC_OK) return status;
    status = check_sampler(&p);
    if (status != FC_OK) return status;
    status = choose_models(&p);
    if (status != FC_OK) return status;
    status = choose_work(&p);
    if (status != FC_OK) return status;
    warn_about_settings(&p);
    status = fc_composer_init(&composer, input, warner(&p), arena, err);
    if (status != FC_OK) return status;
    status = choose_loras(&p, &composer.tags);
    if (status != FC_OK) return status;
    status = make_images(&p, &composer);
    if (status != FC_OK) return status;
    status = choose_embeddings(&p);
    plan->warnings = (fc_string_list){p.warnings.items, (int32_t)p.warnings.count};
    return status;
}

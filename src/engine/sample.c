/* One picture's sampling: schedule, noise, conditions, the sampler with its callbacks, the refiner's turn. */
#include <string.h>

#include "base/clock.h"
#include "diffusion/adm.h"
#include "diffusion/guidance.h"
#include "diffusion/predict.h"
#include "diffusion/schedule.h"
#include "diffusion/solvers/solvers.h"
#include "engine/engine_impl.h"

typedef struct run {
    fc_engine *engine;
    const fc_task *task;
    const fc_hooks *hooks;
    fc_arena *arena;
    float *early; /* the picture as it was when hooks->finish ended it; NULL: it was not */
    const fc_recipe *recipe;
    fc_model_sampling sampling, refiner_sampling;
    const fc_model_sampling *current; /* of the model whose turn it is */
    fc_schedule schedule;
    fc_guidance guidance;
    fc_predictor predictor; /* of the model whose turn it is */
    fc_rng rng;
    int32_t h, w;
    size_t count;
    fc_mark bottom; /* of cx: nothing lies on the stack */
    float *scaled, *positive, *negative;
    fc_predictor_extra extra; /* what the picture's first part adds to the network */
    fc_unet_extra unet_extra;
    fc_freeu freeu;
    fc_guides *guides;  /* NULL: none, or not any more */
    bool engine_on;     /* the inpainting engine's weights are merged */
    const float *seen;  /* [4][h][w], model scale: what its head looks at; NULL: nothing */
    const float *start; /* model scale; NULL: none */
    fc_sample_mask mask;
    bool masked;
    fc_rng fresh;
    double started;    /* of the second step: the first one also prepares weights */
    int32_t step_base; /* steps done by an earlier part of this picture's run */
} run;

/* ---- conditions ---- */

/* What a step with this model and these texts takes of the stack, and a preview beside it. */
struct step_shape {
    run *r;
    const fc_unet *unet;
    const fc_prompt_side *positive, *negative;
};

/* What the head of the inpainting engine makes of the picture. */
static fc_tensor look(fc_cx *cx, const run *r)
{
    const fc_inpaint_head *head = r->engine->model[FC_ROLE_INPAINT_HEAD]->head;
    return fc_inpaint_head_run(cx, head, r->task->start.mask, r->seen, r->h, r->w);
}

static void step_dry(fc_cx *dry, void *user)
{
    const struct step_shape *d = user;
    run *r = d->r;
    const fc_model *preview = r->engine->model[FC_ROLE_PREVIEW];
    fc_arena arena;
    fc_predictor p;
    fc_arena_init(&arena, (size_t)2 << 30);
    fc_mark m = fc_enter(dry, NULL);
    fc_unet_extra adds = {.freeu = r->unet_extra.freeu};
    if (r->seen) adds.first = look(dry, r);
    if (r->guides) fc_engine_guides_place(r->engine, dry, r->guides, r->h, r->w);
    if (r->guides) fc_guides_all(r->guides, &adds);
    fc_predictor_extra extra = r->extra;
    extra.unet = &adds;
    uint8_t *rgb = fc_arena_array(&arena, r->count, 4 * 3);
    fc_status status =
        fc_predictor_init(&p, dry, d->unet, r->h, r->w, d->positive, d->negative, &extra, &arena, NULL);
    if (status != FC_OK) goto out;
    status = fc_predictor_eval(&p, r->scaled, 500, false, r->positive, r->negative, NULL);
out:
    if (!status && preview && rgb) fc_taesd_preview(dry, preview->taesd, r->scaled, r->h, r->w, rgb);
    if (status || !rgb) fc_cx_fail(dry, status ? status : FC_NOMEM, "out of memory");
    fc_leave(dry, m);
    fc_arena_fini(&arena);
}

/* Makes `role` the model in charge: its weights, its texts, its labels. */
static fc_status take_over(run *r, fc_model_role role, fc_err *err)
{
    fc_engine *e = r->engine;
    fc_leave(&e->cx, r->bottom);
    bool refiner = role == FC_ROLE_REFINER;
    bool guided = fc_guidance_needs_negative(&r->guidance);
    fc_conditions side[2] = {{0}};
    for (int negative = 0; negative <= guided; negative++) {
        fc_status status =
            fc_engine_conditions(e, r->task, r->recipe, negative, refiner, r->arena, &side[negative], err);
        if (status) return status;
    }
    fc_engine_evict_encoders(e);
    fc_engine_make_resident(e, e->model[role], e->act);
    r->current = refiner ? &r->refiner_sampling : &r->sampling;
    r->guidance.sampling = r->current;
    fc_prompt_side sides[2];
    for (int i = 0; i < 2; i++)
        sides[i] = (fc_prompt_side){side[i].context, side[i].tokens, side[i].label, side[i].label_later};
    r->extra.apart = fc_engine_saves_memory(e, e->model[role]);
    struct step_shape shape = {r, e->model[role]->unet, &sides[0], guided ? &sides[1] : NULL};
    fc_status status = fc_engine_reserve(e, step_dry, &shape, err);
    if (status) return status;
    if (r->seen) {
        fc_engine_make_resident(e, e->model[FC_ROLE_INPAINT_HEAD], e->act);
        r->unet_extra.first = look(&e->cx, r);
    }
    fc_engine_make_resident(e, e->model[role], e->act);
    if (r->guides) fc_engine_guides_place(e, &e->cx, r->guides, r->h, r->w);
    fc_engine_make_resident(e, e->model[role], e->act);
    return fc_predictor_init(&r->predictor, &e->cx, e->model[role]->unet, r->h, r->w, &sides[0],
                             guided ? &sides[1] : NULL, &r->extra, r->arena, err);
}

static void end_controls(run *r)
{
    r->extra.controls = NULL;
    r->extra.control_count = r->predictor.control_count = 0;
    r->engine->guide_values = 0;
}

/* What the first part of a run has and the part behind the refiner's turn has not: the inpainting engine,
 * FreeU, guiding pictures. With the engine the base takes its own place, as it was made. */
static fc_status swap(run *r, fc_err *err)
{
    fc_engine *e = r->engine;
    bool refiner = e->model[FC_ROLE_REFINER] != NULL;
    r->unet_extra = (fc_unet_extra){0};
    r->guides = NULL;
    end_controls(r);
    r->seen = NULL;
    if (r->engine_on) fc_difference_take_off(e->difference, e->model[FC_ROLE_BASE]->weights);
    r->engine_on = false;
    if (refiner) fc_emit_phase(r->hooks, "The refiner takes over");
    return take_over(r, refiner ? FC_ROLE_REFINER : FC_ROLE_BASE, err);
}

static bool swaps(const run *r)
{
    return r->engine->model[FC_ROLE_REFINER] || r->engine_on;
}

/* ---- callbacks of the sampler ---- */

static fc_status denoise(void *user, const float *x, float sigma, float *denoised, fc_err *err)
{
    run *r = user;
    const fc_model_sampling *ms = r->current;
    float timestep = fc_model_sampling_timestep(ms, sigma);
    bool later = !fc_adm_emphasised(r->recipe, r->task->adm_end, timestep);
    fc_model_sampling_input(ms, sigma, x, r->scaled, r->count);
    if (r->guides) fc_guides_at(r->guides, ms, sigma, &r->unet_extra);
    fc_status status =
        fc_predictor_eval(&r->predictor, r->scaled, timestep, later, r->positive, r->negative, err);
    if (status) return status;
    fc_guidance_apply(&r->guidance, x, sigma, timestep, r->positive, r->negative, denoised);
    return FC_OK;
}

static double seconds_left(const run *r, int done)
{
    if (done < 2) return -1;
    double per_step = (fc_now() - r->started) / (done - 1);
    return per_step * (r->task->steps_total - r->task->steps_before - done);
}

static fc_status on_step(void *user, const fc_sample_step *step, fc_err *err)
{
    run *r = user;
    const fc_task *t = r->task;
    int index = r->step_base + step->index, done = index + 1;
    if (done == 1) r->started = fc_now();
    double total = t->steps_total > 0 ? t->steps_total : t->steps;
    fc_event event = {.kind = FC_EVENT_STEP,
                      .image = t->image,
                      .images = t->images,
                      .step = done,
                      .steps = t->steps,
                      .seed = t->seed,
                      .seconds_left = seconds_left(r, done)};
    event.fraction = (t->steps_before + done) / total;
    if (event.fraction > 1) event.fraction = 1;
    fc_emit(r->hooks, &event);
    fc_engine_preview(r->engine, t, r->hooks, step->denoised, r->arena);
    if (r->hooks && r->hooks->finish && __atomic_load_n(r->hooks->finish, __ATOMIC_RELAXED)) {
        r->early = fc_arena_array(r->arena, r->count, sizeof *r->early);
        if (!r->early) return fc_fail(err, FC_NOMEM, "out of memory");
        memcpy(r->early, step->denoised, r->count * sizeof *r->early);
        return fc_fail(err, FC_CANCELLED, "the picture is developed as far as it is");
    }
    return t->swap == FC_SWAP_JOINT && index == t->switch_step && swaps(r) ? swap(r, err) : FC_OK;
}

/* ---- the run ---- */

/* How the models are sampled: the scheduler's levels, each model's own prediction. */
static fc_status prepare_sampling(run *r, const fc_scheduler *scheduler, fc_err *err)
{
    const fc_model *refiner = r->engine->model[FC_ROLE_REFINER];
    const fc_prediction *base = &r->engine->model[FC_ROLE_BASE]->info.prediction;
    fc_status status =
        fc_model_sampling_init_for(&r->sampling, scheduler->sampling, r->recipe->rounding, base, err);
    if (status || !refiner) return status;
    status = fc_model_sampling_init_for(&r->refiner_sampling, scheduler->sampling, r->recipe->rounding,
                                        &refiner->info.prediction, err);
    bool same_latent =
        (r->sampling.predicts == FC_PREDICTS_EDM) == (refiner->info.prediction.kind == FC_PREDICTS_EDM);
    if (status || same_latent) return status;
    return fc_fail(err, FC_UNSUPPORTED,
                   "the refiner and the model have latents of different kinds (Playground v2.5 has its own); "
                   "leave the refiner out");
}

static fc_status prepare(run *r, const fc_sampler **sampler, fc_err *err)
{
    const fc_task *t = r->task;
    const fc_scheduler *scheduler = fc_scheduler_find(t->scheduler);
    *sampler = fc_sampler_find(t->sampler, r->recipe);
    if (!scheduler) return fc_fail(err, FC_ARG, "unknown scheduler %.40s", t->scheduler);
    if (!*sampler) return fc_fail(err, FC_ARG, "unknown sampler %.40s", t->sampler);
    fc_status status = prepare_sampling(r, scheduler, err);
    if (status) return status;
    const fc_schedule_request request = {.scheduler = scheduler,
                                         .steps = t->steps,
                                         .denoise = t->start.latent ? t->start.denoise : 1,
                                         .discard_penultimate =
                                             ((*sampler)->flags & FC_SAMPLER_DISCARD_PENULTIMATE) != 0};
    status = fc_schedule_make(&request, &r->sampling, r->arena, &r->schedule, err);
    if (status) return status;
    const fc_guidance_params params = {.recipe = r->recipe,
                                       .sampling = &r->sampling,
                                       .scale = t->cfg,
                                       .mimic = t->adaptive_cfg,
                                       .sharpness = t->sharpness,
                                       .width = r->w,
                                       .height = r->h};
    status = fc_guidance_init(&r->guidance, &params, r->arena, err);
    if (status) return status;
    r->scaled = fc_arena_array(r->arena, r->count, sizeof(float));
    r->positive = fc_arena_array(r->arena, r->count, sizeof(float));
    r->negative = fc_arena_array(r->arena, r->count, sizeof(float));
    if (!r->scaled || !r->positive || !r->negative) return fc_fail(err, FC_NOMEM, "out of memory");
    return FC_OK;
}

/* ---- what the picture in work gives ---- */

/* A latent of the VAE on the scale of the sampler; NULL stays NULL. */
static fc_status scale_in(run *r, const float *latent, const float **out, fc_err *err)
{
    *out = NULL;
    if (!latent) return FC_OK;
    float *scaled = fc_arena_array(r->arena, r->count, sizeof *scaled);
    if (!scaled) return fc_fail(err, FC_NOMEM, "out of memory");
    memcpy(scaled, latent, r->count * sizeof *scaled);
    fc_latent_scale_in(&r->sampling.latent, scaled, r->count / FC_LATENT_CHANNELS);
    *out = scaled;
    return FC_OK;
}

static fc_status prepare_mask(run *r, const fc_sampler *sampler, fc_err *err)
{
    const fc_start_image *start = &r->task->start;
    size_t plane = r->count / FC_LATENT_CHANNELS;
    fc_status status = scale_in(r, start->latent, &r->start, err);
    if (status || !start->mask) return status;
    float *all = fc_arena_array(r->arena, r->count, sizeof *all);
    if (!all) return fc_fail(err, FC_NOMEM, "out of memory");
    for (size_t c = 0; c < FC_LATENT_CHANNELS; c++) memcpy(all + c * plane, start->mask, plane * sizeof *all);
    r->mask.mask = all;
    status = scale_in(r, start->keep ? start->keep : start->latent, &r->mask.keep, err);
    if (!r->start && (sampler->flags & FC_SAMPLER_OWN_SPACE)) r->start = r->mask.keep;
    const uint64_t seeds = (uint64_t)INT64_MAX;
    fc_rng_seed(&r->fresh, (r->task->seed + 1) % seeds);
    if (r->recipe->fresh_mask_noise) r->mask.fresh = &r->fresh;
    r->masked = true;
    return status;
}

/* Mask and masked picture for a model that reads them with every latent: without one, all is to be painted.
 */
static fc_status prepare_fixed(run *r, fc_err *err)
{
    const fc_start_image *start = &r->task->start;
    size_t plane = r->count / FC_LATENT_CHANNELS;
    float *fixed = fc_arena_array(r->arena, plane + r->count, sizeof *fixed);
    if (!fixed) return fc_fail(err, FC_NOMEM, "out of memory");
    for (size_t i = 0; i < plane; i++) fixed[i] = start->mask ? start->mask[i] : 1.0f;
    for (size_t i = 0; i < r->count; i++)
        fixed[plane + i] = start->masked ? start->masked[i] * FC_VAE_SCALE : 0.0f;
    r->extra.fixed = fixed;
    return FC_OK;
}

/* The inpainting engine: its head looks at the picture, its differences are merged into the weights. */
static fc_status start_inpaint_engine(run *r, fc_err *err)
{
    fc_engine *e = r->engine;
    fc_model *head = e->model[FC_ROLE_INPAINT_HEAD], *base = e->model[FC_ROLE_BASE];
    const fc_start_image *start = &r->task->start;
    if (head && fc_inpaint_head_width(head->head) == fc_unet_layout_get(base->unet)->channels) {
        float *scaled = fc_arena_array(r->arena, r->count, sizeof *scaled);
        if (!scaled) return fc_fail(err, FC_NOMEM, "out of memory");
        for (size_t i = 0; i < r->count; i++) scaled[i] = start->masked[i] * FC_VAE_SCALE;
        r->seen = scaled;
        r->engine_on = true;
    }
    if (e->difference) {
        fc_difference_report report;
        fc_difference_attach(e->difference, base->weights, FC_UNET_OUTER_PREFIX, &report);
        r->engine_on = true;
    }
    return fc_cx_status(&e->cx, err);
}

static fc_status open_guides(run *r, fc_err *err)
{
    if (r->task->guides && r->task->guides->control_count + r->task->guides->picture_count > 0)
        fc_emit_phase(r->hooks, FC_PHASE_READING);
    fc_status status = fc_engine_guides_open(r->engine, r->task, &r->sampling, r->arena, &r->guides, err);
    if (status || !r->guides) return status;
    r->extra.controls = r->guides->control;
    r->extra.control_count = r->guides->control_count;
    return FC_OK;
}

static fc_status prepare_extra(run *r, const fc_sampler *sampler, fc_err *err)
{
    const fc_freeu_numbers *f = r->task->freeu;
    const fc_start_image *start = &r->task->start;
    bool reads_mask = fc_predictor_fixed(r->engine->model[FC_ROLE_BASE]->unet) > 0;
    r->extra.unet = &r->unet_extra;
    if (f) {
        r->freeu = (fc_freeu){(float)f->b1, (float)f->s1, (float)f->b2, (float)f->s2};
        r->unet_extra.freeu = &r->freeu;
    }
    fc_status status = prepare_mask(r, sampler, err);
    if (status != FC_OK) return status;
    if (reads_mask) status = prepare_fixed(r, err);
    if (status != FC_OK) return status;
    if (!reads_mask && start->mask && start->masked) status = start_inpaint_engine(r, err);
    return status ? status : open_guides(r, err);
}

/* ---- the run ---- */

static fc_sample_job make_job(run *r, const fc_sampler *sampler, const float *noise)
{
    const fc_task *t = r->task;
    fc_sample_job job = {.sampler = sampler,
                         .sampling = &r->sampling,
                         .sigmas = r->schedule.sigmas,
                         .sigma_count = r->schedule.count,
                         .count = r->count,
                         .noise = noise,
                         .latent = r->start,
                         .mask = r->masked ? &r->mask : NULL,
                         .rng = &r->rng,
                         .seed = t->seed,
                         .user = r,
                         .denoise = denoise,
                         .on_step = on_step};
    job.full_noise = fc_recipe_full_noise(r->recipe, &r->sampling, r->schedule.sigmas[0],
                                          t->start.latent ? t->start.denoise : 1);
    return job;
}

/* Two samplers in a row, the second with the refiner (or the base again): the latent and the path of noise
 * pass between them, the history of the first does not. */
static fc_status sample_in_turn(run *r, fc_sample_job job, float *out, fc_err *err)
{
    int cut = r->task->switch_step, count = job.sigma_count;
    job.sigma_count = cut + 1;
    fc_status status = fc_sample(&job, r->arena, out, err);
    if (status) return status;
    float *between = fc_arena_array(r->arena, r->count, sizeof *between);
    if (!between) return fc_fail(err, FC_NOMEM, "out of memory");
    memcpy(between, out, r->count * sizeof *between);
    if (swaps(r)) {
        status = swap(r, err);
        if (status) return status;
    }
    end_controls(r); /* in the reference the second sampler has none, even when the base goes on itself */
    r->step_base = cut;
    job.sigmas += cut;
    job.sigma_count = count - cut;
    job.noise = NULL;
    job.latent = between;
    return fc_sample(&job, r->arena, out, err);
}

static fc_status sample_separately(run *r, const fc_sample_job *job, float *out, fc_err *err)
{
    int cut = r->task->switch_step;
    float low, high;
    if (cut < 1 || cut >= job->sigma_count - 1) return fc_sample(job, r->arena, out, err);
    fc_sample_job shared = *job;
    fc_schedule_range(job->sigmas, job->sigma_count, &low, &high);
    fc_status status = fc_brownian_new(&shared.path, r->count, low, high, r->task->seed, err);
    if (status != FC_OK) goto out;
    status = sample_in_turn(r, shared, out, err);
out:
    fc_brownian_free(shared.path);
    return status;
}

static fc_status sample(run *r, float *out, fc_err *err)
{
    const fc_sampler *sampler;
    fc_status status = prepare(r, &sampler, err);
    if (status) return status;
    float *noise = fc_arena_array(r->arena, r->count, sizeof *noise);
    if (!noise) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_rng_seed(&r->rng, r->task->seed);
    fc_rng_normal(&r->rng, noise, r->count);
    status = prepare_extra(r, sampler, err);
    if (status) return status;
    fc_emit_phase(r->hooks, FC_PHASE_ENCODING);
    status = take_over(r, FC_ROLE_BASE, err);
    if (status) return status;
    fc_emit_phase(r->hooks, FC_PHASE_DRAWING);
    fc_sample_job job = make_job(r, sampler, noise);
    status = r->task->swap == FC_SWAP_SEPARATE ? sample_separately(r, &job, out, err)
                                               : fc_sample(&job, r->arena, out, err);
    if (status == FC_CANCELLED && r->early) { /* what the model took the picture for in the last step */
        memcpy(out, r->early, r->count * sizeof *out);
        status = FC_OK;
    }
    if (status) return status;
    fc_latent_scale_out(&r->sampling.latent, out, (size_t)r->h * (size_t)r->w);
    return FC_OK;
}

fc_status fc_engine_sample(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                           float **latent, fc_err *err)
{
    run *r = fc_arena_alloc(arena, sizeof *r);
    if (!r) return fc_fail(err, FC_NOMEM, "out of memory");
    *r = (run){
        .engine = e, .task = task, .hooks = hooks, .arena = arena, .recipe = fc_recipe_of(task->recipe)};
    r->h = task->height / 8;
    r->w = task->width / 8;
    r->count = (size_t)r->h * (size_t)r->w * FC_LATENT_CHANNELS;
    *latent = fc_arena_array(arena, r->count, sizeof(float));
    if (!*latent) return fc_fail(err, FC_NOMEM, "out of memory");
    r->bottom = fc_enter(&e->cx, NULL);
    e->guide_values = 0;
    fc_status status = sample(r, *latent, err);
    e->guide_values = 0;
    if (r->engine_on) fc_difference_take_off(e->difference, e->model[FC_ROLE_BASE]->weights);
    fc_leave(&e->cx, r->bottom);
    return status;
}

/* What must hold for any run of the engine: same bytes for the same seed, the refiner's turn, LoRAs,
 * embeddings, low memory, stopping, wrong tasks, failing allocations. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "diffusion/solvers/solvers.h"
#include "engine/engine_impl.h"
#include "model/clip.h"
#include "nn/weights.h"
#include "support/runs.h"
#include "support/synth.h"
#include "text/chunks.h"

static const char *const red_fox = "a red fox, (snow:1.2)", *const blurry = "blurry";

static fc_task short_task(void)
{
    fc_task t = run_task(&red_fox, &blurry);
    t.width = t.height = 128;
    t.steps = 4;
    return t;
}

static void assert_same(const fc_picture *a, const fc_picture *b)
{
    assert_int_equal(run_latent_count(a), run_latent_count(b));
    assert_memory_equal(a->latent, b->latent, run_latent_count(a) * sizeof(float));
    assert_memory_equal(a->rgb, b->rgb, (size_t)a->width * (size_t)a->height * 3);
}

static bool same_latent(const fc_picture *a, const fc_picture *b)
{
    return memcmp(a->latent, b->latent, run_latent_count(a) * sizeof(float)) == 0;
}

/* Same seed, same bytes: again, with another number of threads, and after other pictures. */
static void test_same_bytes(void **state)
{
    (void)state;
    for (int bf16 = 0; bf16 < 2; bf16++) {
        fc_engine *one = run_engine(bf16 ? FC_PRECISION_BF16 : FC_PRECISION_F32, 1);
        fc_engine *two = run_engine(bf16 ? FC_PRECISION_BF16 : FC_PRECISION_F32, 2);
        run_load(one, false);
        run_load(two, false);
        fc_task t = short_task(), other = short_task();
        other.seed = 99;
        fc_picture a = run_picture(one, &t), b = run_picture(two, &t), c = run_picture(two, &other),
                   d = run_picture(two, &t);
        assert_same(&a, &b);
        assert_same(&a, &d);
        assert_false(same_latent(&a, &c));
        fc_picture_fini(&a);
        fc_picture_fini(&b);
        fc_picture_fini(&c);
        fc_picture_fini(&d);
        fc_engine_close(one);
        fc_engine_close(two);
    }
}

/* A swap behind the last evaluation is no swap; an earlier one is. */
static void test_swap_at_the_end(void **state)
{
    (void)state;
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    fc_task t = short_task();
    run_load(e, false);
    fc_picture without = run_picture(e, &t);
    run_load(e, true);
    t.switch_step = t.steps - 1;
    fc_picture at_end = run_picture(e, &t);
    t.switch_step = 1;
    fc_picture early = run_picture(e, &t);
    assert_same(&without, &at_end);
    assert_false(same_latent(&without, &early));
    fc_picture_fini(&without);
    fc_picture_fini(&at_end);
    fc_picture_fini(&early);
    fc_engine_close(e);
}

/* Operations of the UNet in one run. */
static double unet_flops(fc_engine *e, const fc_task *t)
{
    fc_err err = {0};
    double flops = 0;
    assert_ok(fc_engine_profile_start(e, fc_now, &err), &err);
    fc_picture p = run_picture(e, t);
    fc_picture_fini(&p);
    const fc_profile *profile = fc_engine_profile(e);
    for (int i = 0; i < profile->block_count; i++)
        if (strncmp(profile->blocks[i].name, "unet", 4) == 0) flops += profile->blocks[i].flops;
    return flops;
}

/* A guidance scale of 1 leaves the negative prompt out: every sampler does half of the work, call by call. */
static void test_scale_1_is_one_evaluation(void **state)
{
    (void)state;
    static const fc_recipe *const recipes[] = {&fc_recipe_1_0, &fc_recipe_2_5};
    fc_engine *e = run_engine(FC_PRECISION_F32, 1);
    const fc_sampler *sampler;
    run_load(e, false);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; (sampler = fc_sampler_at(i, recipes[k])); i++) {
            if (strcmp(sampler->name, "dpm_adaptive") == 0) continue; /* its steps depend on the model */
            fc_task t = short_task();
            t.recipe = k ? FC_RECIPE_2_5 : FC_RECIPE_1_0;
            t.width = t.height = 64;
            t.steps = 2;
            t.fast_vae = true;
            t.sampler = sampler->name;
            double guided = unet_flops(e, &t);
            t.cfg = 1;
            double alone = unet_flops(e, &t);
            if (!(alone > 0) || guided < 2 * alone || guided > 2 * alone)
                fail_msg("%s: %g with guidance, %g without", sampler->name, guided, alone);
        }
    }
    fc_engine_close(e);
}

static fc_picture run_with_loras(fc_engine *e, const fc_task *t, const fc_lora_choice *loras, int32_t count)
{
    fc_err err = {0};
    const fc_model_choice choice = {.base = fc_test_synth("tiny_base"), .loras = loras, .lora_count = count};
    assert_ok(fc_engine_load(e, &choice, NULL, &err), &err);
    return run_picture(e, t);
}

/* Weight 0 is no LoRA, +w and -w cancel to rounding, taking it off brings the picture back. */
static void test_loras(void **state)
{
    (void)state;
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    fc_task t = short_task();
    const char *path = fc_test_golden("lora_kohya.safetensors");
    assert_non_null(path);
    fc_picture none = run_with_loras(e, &t, NULL, 0);
    fc_picture zero = run_with_loras(e, &t, &(fc_lora_choice){path, 0}, 1);
    fc_picture some = run_with_loras(e, &t, &(fc_lora_choice){path, 0.7}, 1);
    fc_picture both = run_with_loras(e, &t, (const fc_lora_choice[]){{path, 0.7}, {path, -0.7}}, 2);
    fc_picture again = run_with_loras(e, &t, NULL, 0);
    assert_same(&none, &zero);
    assert_same(&none, &again);
    assert_true(fc_test_rel_error(some.latent, none.latent, run_latent_count(&none)) > 1e-2);
    assert_rel_error("+w then -w", both.latent, none.latent, run_latent_count(&none),
                     1.5e-5); /* measured 5.1e-6 */
    fc_picture_fini(&none);
    fc_picture_fini(&zero);
    fc_picture_fini(&some);
    fc_picture_fini(&both);
    fc_picture_fini(&again);
    fc_engine_close(e);
}

static uint64_t packs_of(fc_engine *e, const fc_task *t, const fc_lora_choice *lora)
{
    fc_err err = {0};
    assert_ok(fc_engine_profile_start(e, fc_now, &err), &err);
    fc_picture p = run_with_loras(e, t, lora, lora ? 1 : 0);
    fc_picture_fini(&p);
    return fc_engine_profile(e)->kinds[FC_OP_PACK].calls;
}

/* Another weight, another LoRA or none: only what one of them touches is prepared again. */
static void test_loras_repack(void **state)
{
    (void)state;
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    fc_task t = short_task();
    t.steps = 1;
    const char *kohya = fc_test_golden("lora_kohya.safetensors"),
               *lycoris = fc_test_golden("lora_lycoris.safetensors");
    assert_true(packs_of(e, &t, NULL) > 400); /* all of the model */
    assert_int_equal(packs_of(e, &t, NULL), 0);
    const char *const other = "another text";
    t.positive.texts = &other; /* not encoded yet: the encoders, which rest between prompts, wake up */
    uint64_t awake = packs_of(e, &t, NULL);
    assert_true(awake < 60);
    uint64_t on = packs_of(e, &t, &(fc_lora_choice){kohya, 0.7});
    assert_in_range(on, 1, awake + 57); /* at most one for each of its 57 parts */
    assert_int_equal(packs_of(e, &t, &(fc_lora_choice){kohya, 0.7}), 0);
    assert_int_equal(packs_of(e, &t, &(fc_lora_choice){kohya, 0.4}), on);
    assert_int_equal(packs_of(e, &t, &(fc_lora_choice){kohya, 0}), on);
    assert_int_equal(packs_of(e, &t, NULL), 0);                                    /* weight 0 is none */
    assert_in_range(packs_of(e, &t, &(fc_lora_choice){lycoris, 1}), 1, awake + 8); /* 8 parts */
    fc_engine_close(e);
}

struct told {
    char warnings[2000], phases[2000];
};

static void note(void *user, const fc_event *event)
{
    struct told *t = user;
    char *to = event->kind == FC_EVENT_WARNING ? t->warnings
               : event->kind == FC_EVENT_PHASE ? t->phases
                                               : NULL;
    if (to) snprintf(to + strlen(to), 2000 - strlen(to), "%s\n", event->text);
}

static struct told load_told(fc_engine *e, const fc_model_choice *choice, fc_status want)
{
    struct told told = {0};
    fc_err err = {0};
    const fc_hooks hooks = {.user = &told, .on_event = note};
    fc_status s = fc_engine_load(e, choice, &hooks, &err);
    if (s != want) fail_msg("status %d: %s", s, err.message);
    if (s) snprintf(told.warnings, sizeof told.warnings, "%s", err.message);
    return told;
}

/* How much of a LoRA fits is told, and loudly when nothing does. */
static void test_lora_reports(void **state)
{
    (void)state;
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    fc_lora_choice lora = {fc_test_golden("lora_kohya.safetensors"), 0.5};
    fc_model_choice choice = {.base = fc_test_synth("tiny_base"), .loras = &lora, .lora_count = 1};
    struct told told = load_told(e, &choice, FC_OK);
    assert_non_null(
        strstr(told.warnings, "lora_kohya.safetensors: 57 of its 58 parts are used; these do not fit"));
    assert_non_null(strstr(told.phases, "LoRA lora_kohya.safetensors: 57 parts"));
    lora.path = fc_test_golden("lora_diffusers.safetensors");
    told = load_told(e, &choice, FC_OK);
    assert_string_equal(told.warnings, "");
    assert_non_null(strstr(told.phases, "LoRA lora_diffusers.safetensors: 16 parts"));
    choice.base = fc_test_synth("tiny_refiner"); /* refused as a base: the former set stays */
    (void)load_told(e, &choice, FC_UNSUPPORTED);
    static const float data[64];
    const fc_st_source foreign[] = {{.name = "lora_unet_down_blocks_9_attn.lora_up.weight",
                                     .dtype = FC_F32,
                                     .ndim = 2,
                                     .shape = {8, 4},
                                     .data = data},
                                    {.name = "lora_unet_down_blocks_9_attn.lora_down.weight",
                                     .dtype = FC_F32,
                                     .ndim = 2,
                                     .shape = {4, 8},
                                     .data = data}};
    fc_err err = {0};
    const char *path = fc_test_tmp_path("foreign.safetensors");
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = foreign, .count = 2}, &err), &err);
    choice.base = fc_test_synth("tiny_base");
    lora.path = path;
    told = load_told(e, &choice, FC_OK);
    assert_non_null(
        strstr(told.warnings, "foreign.safetensors changes nothing: none of its 1 parts fits this model"));
    lora.path = fc_test_golden("rng.safetensors"); /* no LoRA at all */
    told = load_told(e, &choice, FC_UNSUPPORTED);
    assert_non_null(strstr(told.warnings, "rng.safetensors"));
    fc_engine_close(e);
}

/* ---- several texts ---- */

/* Hidden states side by side, the pooled vectors of the first texts summed: Fooocus 2.5.5 (v25_text, "cats").
 */
static void check_joined(fc_engine *e, const fc_safetensors *golden, const char *name, json_t *list,
                         json_t *texts, int32_t pooled)
{
    const char *chosen[8];
    fc_task t = run_task(chosen, chosen);
    char key[80];
    fc_arena arena;
    fc_conditions c;
    fc_err err = {0};
    t.recipe = FC_RECIPE_2_5;
    t.positive = (fc_text_list){chosen, (int32_t)json_array_size(list), pooled};
    assert_in_range(t.positive.count, 1, 8);
    for (size_t i = 0; i < json_array_size(list); i++)
        chosen[i] =
            json_string_value(json_array_get(texts, (size_t)json_integer_value(json_array_get(list, i))));
    fc_arena_init(&arena, 16 << 20);
    assert_ok(fc_engine_conditions(e, &t, &fc_recipe_2_5, false, false, &arena, &c, &err), &err);
    snprintf(key, sizeof key, "cat.%s.pooled_top%d", name, pooled);
    fc_test_array want = fc_test_array_load(golden, key);
    assert_rel_error(key, c.label, want.data, want.count, 1.4e-6); /* measured: 4.9e-7 */
    fc_test_array_free(&want);
    snprintf(key, sizeof key, "cat.%s.cond", name);
    if (fc_test_has(golden, key)) {
        want = fc_test_array_load(golden, key);
        assert_int_equal((size_t)c.tokens * (size_t)c.width, want.count);
        assert_rel_error(key, c.context, want.data, want.count, 1.5e-6); /* measured: 5.1e-7 */
        fc_test_array_free(&want);
    }
    fc_arena_fini(&arena);
}

static void test_joined_texts(void **state)
{
    (void)state;
    fc_safetensors golden;
    fc_test_golden_open(&golden, "v25_text.safetensors");
    json_t *texts = json_loads(fc_safetensors_metadata(&golden, "texts"), 0, NULL), *list,
           *cats = json_loads(fc_safetensors_metadata(&golden, "cats"), 0, NULL);
    fc_engine *e = run_engine(FC_PRECISION_F32, 1);
    const char *name;
    int checked = 0;
    run_load(e, false);
    json_object_foreach(cats, name, list)
    {
        for (int32_t k = 1; k <= (int32_t)json_array_size(list); k++) {
            char key[80];
            snprintf(key, sizeof key, "cat.%s.pooled_top%d", name, k);
            if (!fc_test_has(&golden, key)) continue;
            check_joined(e, &golden, name, list, texts, k);
            checked++;
        }
    }
    assert_int_equal(checked, 9);
    fc_engine_close(e);
    json_decref(texts);
    json_decref(cats);
    fc_safetensors_close(&golden);
}

/* ---- textual inversion ---- */

/* A file whose one vector is the word "fox" of the tiny base, times factor. */
static const char *write_pet(const char *file, float factor, int32_t extra_width)
{
    static const char *const tables[2] = {FC_CLIP_L_PREFIX "embeddings.token_embedding.weight",
                                          FC_CLIP_G_PREFIX "token_embedding.weight"};
    enum { MAX = 256 };
    static float row[2][MAX];
    fc_st_source t[2];
    fc_weights *w;
    fc_clip_chunks chunks;
    fc_err err = {0};
    const fc_clip_chunk_opts opts = {0};
    assert_ok(fc_clip_chunks_make(&chunks, &fc_clip_vocab_builtin, "fox", 3, &opts, &err), &err);
    int32_t fox = chunks.ids[0][1];
    fc_clip_chunks_fini(&chunks);
    assert_ok(fc_weights_open(&w, fc_test_synth("tiny_base"), &err), &err);
    for (int k = 0; k < 2; k++) {
        const fc_weight *table = fc_weights_find(w, tables[k]);
        assert_in_range(fc_weight_cols(table), 1, MAX - extra_width);
        assert_int_equal(fc_weight_read(table, fox, 1, row[k]), FC_OK);
        for (int i = 0; i < MAX; i++) row[k][i] *= factor;
        t[k] = (fc_st_source){.name = k ? "clip_g" : "clip_l",
                              .dtype = FC_F32,
                              .ndim = 2,
                              .shape = {1, fc_weight_cols(table) + extra_width},
                              .data = row[k]};
    }
    fc_weights_close(w);
    const char *path = fc_test_tmp_path(file);
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = t, .count = 2}, &err), &err);
    return path;
}

static fc_picture run_prompt(fc_engine *e, const char *prompt, const char *embedding, const char *refiner,
                             struct told *told)
{
    const fc_embedding_choice pet = {.name = "pet", .path = embedding};
    const fc_model_choice choice = {.base = fc_test_synth("tiny_base"),
                                    .refiner = refiner,
                                    .embeddings = &pet,
                                    .embedding_count = embedding ? 1 : 0};
    fc_task t = short_task();
    t.positive.texts = &prompt;
    t.switch_step = 1;
    *told = load_told(e, &choice, FC_OK);
    return run_picture(e, &t);
}

/* An embedding that is a word is that word; another file of the same name is noticed. */
static void test_embeddings(void **state)
{
    (void)state;
    struct told told;
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    const char *prompt = "a (embedding:pet:1.2) in snow";
    fc_picture word = run_prompt(e, "a (fox:1.2) in snow", NULL, NULL, &told),
               pet = run_prompt(e, prompt, write_pet("pet.safetensors", 1, 0), NULL, &told);
    assert_same(&word, &pet);
    assert_string_equal(told.warnings, "");
    fc_picture other = run_prompt(e, prompt, write_pet("pet.safetensors", -1, 0), NULL, &told);
    assert_false(same_latent(&word, &other));
    fc_picture without = run_prompt(e, "a in snow", NULL, NULL, &told),
               wide =
                   run_prompt(e, "a embedding:pet in snow", write_pet("wide.safetensors", 1, 8), NULL, &told);
    assert_same(&without, &wide);
    assert_non_null(
        strstr(told.warnings, "wide.safetensors was made for another kind of model and was left out"));
    fc_picture refined =
        run_prompt(e, prompt, write_pet("pet.safetensors", 1, 0), fc_test_synth("tiny_refiner"), &told);
    assert_false(same_latent(&word, &refined)); /* the refiner's encoder reads it too */
    const fc_embedding_choice broken = {.name = "pet", .path = fc_test_golden("rng.safetensors")};
    const fc_model_choice choice = {
        .base = fc_test_synth("tiny_base"), .embeddings = &broken, .embedding_count = 1};
    told = load_told(e, &choice, FC_UNSUPPORTED);
    assert_non_null(strstr(told.warnings, "rng.safetensors: it holds no vectors"));
    fc_picture *all[] = {&word, &pet, &other, &without, &wide, &refined};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) fc_picture_fini(all[i]);
    fc_engine_close(e);
}

/* Every weight is prepared for one use and dropped again: the same picture, nothing kept. */
static void test_low_memory(void **state)
{
    (void)state;
    fc_err err = {0};
    fc_engine *fast = run_engine(FC_PRECISION_F32, 0), *low = NULL;
    assert_ok(fc_engine_open(&(fc_engine_config){.precision = FC_PRECISION_F32, .memory = FC_MEMORY_LOW},
                             &low, &err),
              &err);
    fc_task t = short_task();
    run_load(fast, false);
    run_load(low, false);
    fc_picture a = run_picture(fast, &t), b = run_picture(low, &t);
    fc_engine_report kept, dropped;
    fc_engine_describe(fast, &kept);
    fc_engine_describe(low, &dropped);
    assert_same(&a, &b);
    assert_true(dropped.packed_bytes < kept.packed_bytes / 20); /* vectors stay */
    fc_picture_fini(&a);
    fc_picture_fini(&b);
    fc_engine_close(fast);
    fc_engine_close(low);
}

/* ---- events and stopping ---- */

struct watcher {
    fc_engine *engine;
    int what, at_step, steps;
    bool from_signal;
};

static fc_engine *signalled; /* handlers have no argument */

static void on_alarm(int number)
{
    (void)number;
    fc_engine_cancel(signalled, FC_STOP);
}

static void watch(void *user, const fc_event *event)
{
    struct watcher *w = user;
    if (event->kind != FC_EVENT_STEP) return;
    assert_int_equal(event->step, ++w->steps);
    if (event->step != w->at_step) return;
    if (w->from_signal)
        raise(SIGALRM);
    else
        fc_engine_cancel(w->engine, w->what);
}

static void test_stop(void **state)
{
    (void)state;
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    fc_task t = short_task();
    fc_err err = {0};
    fc_picture p, whole;
    run_load(e, false);
    int *flag = fc_engine_cancel_flag(e);
    struct watcher w = {.engine = e, .what = FC_STOP, .at_step = 2};
    fc_hooks hooks = {.user = &w, .on_event = watch};
    assert_fails(fc_engine_run(e, &t, &hooks, &p, &err), FC_CANCELLED, &err, NULL);
    assert_int_equal(w.steps, 2);
    assert_null(p.rgb);
    fc_engine_cancel(e, FC_SKIP_IMAGE);
    assert_int_equal(*flag, FC_STOP); /* which a skip does not take back */
    *flag = FC_RUN;
    w = (struct watcher){.engine = e, .what = FC_SKIP_IMAGE, .at_step = 1};
    assert_fails(fc_engine_run(e, &t, &hooks, &p, &err), FC_CANCELLED, &err, NULL);
    assert_int_equal(*flag, FC_RUN); /* a skip is used up */
    w = (struct watcher){.at_step = -1};
    assert_ok(fc_engine_run(e, &t, &hooks, &p, &err), &err);
    assert_int_equal(w.steps, 4);
    whole = run_picture(e, &t);
    assert_same(&whole, &p); /* nothing of the stopped runs is left */
    fc_picture_fini(&p);
    fc_picture_fini(&whole);
    fc_engine_close(e);
}

/* From a signal handler, and on a flag that somebody lent. */
static void test_stop_from_elsewhere(void **state)
{
    (void)state;
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    fc_task t = short_task();
    fc_err err = {0};
    fc_picture p;
    int lent = FC_RUN;
    struct sigaction action = {.sa_handler = on_alarm};
    run_load(e, false);
    signalled = e;
    sigaction(SIGALRM, &action, NULL);
    struct watcher w = {.from_signal = true, .at_step = 2};
    fc_hooks hooks = {.user = &w, .on_event = watch};
    assert_fails(fc_engine_run(e, &t, &hooks, &p, &err), FC_CANCELLED, &err, NULL);
    assert_int_equal(w.steps, 2);
    fc_engine_lend_cancel_flag(e, &lent);
    w = (struct watcher){.from_signal = true, .at_step = 3};
    assert_fails(fc_engine_run(e, &t, &hooks, &p, &err), FC_CANCELLED, &err, NULL);
    assert_int_equal(w.steps, 3);
    assert_int_equal(lent, FC_STOP);
    fc_engine_lend_cancel_flag(e, NULL);
    assert_int_equal(*fc_engine_cancel_flag(e), FC_STOP); /* of the first time: nobody cleared it */
    signal(SIGALRM, SIG_DFL);
    fc_engine_close(e);
}

static void test_wrong_tasks(void **state)
{
    (void)state;
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    fc_err err = {0};
    fc_picture p;
    fc_task t = short_task();
    assert_fails(fc_engine_run(e, &t, NULL, &p, &err), FC_ARG, &err, "no model");
    run_load(e, false);
    t.width = 100;
    assert_fails(fc_engine_run(e, &t, NULL, &p, &err), FC_ARG, &err, "multiples of 8");
    t = short_task();
    t.steps = 0;
    assert_fails(fc_engine_run(e, &t, NULL, &p, &err), FC_ARG, &err, "steps");
    t = short_task();
    t.sampler = "eular";
    assert_fails(fc_engine_run(e, &t, NULL, &p, &err), FC_ARG, &err, "sampler");
    const fc_model_choice missing = {.base = "/nonexistent/model.safetensors"};
    assert_fails(fc_engine_load(e, &missing, NULL, &err), FC_NOT_FOUND, &err, "/nonexistent");
    const fc_model_choice other = {.base = fc_test_synth("taesd_decoder")};
    assert_fails(fc_engine_load(e, &other, NULL, &err), FC_UNSUPPORTED, &err, NULL);
    t = short_task();
    fc_picture still = run_picture(e, &t); /* the former model stays */
    fc_picture_fini(&still);
    fc_engine_close(e);
}

struct torture {
    const char *model;
};

static fc_status torture_run(void *user)
{
    const struct torture *t = user;
    fc_engine *e = NULL;
    fc_err err = {0};
    fc_picture p = {0};
    const fc_model_choice choice = {.base = t->model};
    fc_task task = short_task();
    task.width = task.height = 64;
    task.steps = 1;
    fc_status s = fc_engine_open(&(fc_engine_config){.precision = FC_PRECISION_F32}, &e, &err);
    if (!s) s = fc_engine_load(e, &choice, NULL, &err);
    if (!s) s = fc_engine_run(e, &task, NULL, &p, &err);
    fc_picture_fini(&p);
    fc_engine_close(e);
    return s;
}

/* Every n-th allocation of a whole run fails once, with growing steps: open, bind, encode, sample, decode all
 * come by. */
static void test_torture(void **state)
{
    (void)state;
    struct torture t = {fc_test_synth("tiny_base")};
    int failures = 0, runs = 0;
    for (uint64_t n = 1;; n += 1 + n / 3, runs++) {
        fc_mem_fail_at(n);
        fc_status s = torture_run(&t);
        uint64_t made = fc_mem_fail_at(0);
        if (made < n) {
            assert_int_equal(s, FC_OK);
            break;
        }
        assert_true(s == FC_NOMEM || s == FC_OK);
        failures += s == FC_NOMEM;
    }
    print_message("%d of %d runs failed\n", failures, runs);
    assert_true(failures > 5 && runs > failures); /* a picture is tried again, opening and loading are not */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_swap_at_the_end),
        cmocka_unit_test(test_scale_1_is_one_evaluation),
        cmocka_unit_test(test_loras),
        cmocka_unit_test(test_low_memory),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_from_elsewhere),
        cmocka_unit_test(test_wrong_tasks),
        cmocka_unit_test(test_torture),
        cmocka_unit_test(test_loras_repack),
        cmocka_unit_test(test_joined_texts),
        cmocka_unit_test(test_lora_reports),
        cmocka_unit_test(test_embeddings),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

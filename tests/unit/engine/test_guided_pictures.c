/* Pictures with control networks and image prompts through the engine's interface: whole runs of v25_control
 * and v25_ip (Fooocus 2.5.5 on the tiny synthetic models, the adapter's published formula). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/loras.h"
#include "support/runs.h"
#include "support/synth.h"

enum { MAX_PIXELS = 256 * 256, RGB = 3 };

struct fixture {
    fc_safetensors control, ip, vision; /* golden */
    json_t *texts;                      /* of v25_pipeline.json */
    fc_engine *engine;
    fc_task_guides guides;
    uint8_t *pixels[FC_TASK_GUIDES];
    int32_t picture_count;
    const char *positive[8], *negative[8];
};

static fc_text_list texts_of(const struct fixture *f, const char *which, const char *store[8])
{
    json_t *list = json_object_get(f->texts, which);
    int32_t n = (int32_t)json_array_size(list);
    assert_in_range(n, 1, 8);
    for (int32_t i = 0; i < n; i++) store[i] = json_string_value(json_array_get(list, (size_t)i));
    return (fc_text_list){store, n, n};
}

/* A drawing of one channel, or a picture of three, as RGB. */
static const uint8_t *load_pixels(struct fixture *f, const fc_safetensors *from, const char *name, int32_t *w,
                                  int32_t *h)
{
    char key[60];
    snprintf(key, sizeof key, "image.%.40s", name);
    fc_test_array a = fc_test_array_load(from, key);
    int64_t channels = a.ndim == 3 ? a.shape[2] : 1;
    *h = (int32_t)a.shape[0];
    *w = (int32_t)a.shape[1];
    size_t values = (size_t)*w * (size_t)*h * RGB;
    uint8_t *rgb = fc_alloc(values);
    assert_non_null(rgb);
    for (size_t i = 0; i < values; i++) rgb[i] = (uint8_t)a.data[channels == 3 ? i : i / RGB];
    fc_test_array_free(&a);
    assert_true(f->picture_count < FC_TASK_GUIDES);
    return f->pixels[f->picture_count++] = rgb;
}

static double number(json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

static void add_control(struct fixture *f, const fc_safetensors *from, const char *net, const char *image,
                        double weight, double stop)
{
    fc_task_control *c = &f->guides.controls[f->guides.control_count++];
    *c = (fc_task_control){.network = strcmp(net, "cpds") == 0, .weight = weight, .stop = stop};
    c->rgb = load_pixels(f, from, image, &c->width, &c->height);
}

static void read_guides(struct fixture *f, json_t *c)
{
    json_t *one;
    size_t i;
    f->guides = (fc_task_guides){.softness = number(json_object_get(c, "settings"), "controlnet_softness")};
    json_array_foreach(json_object_get(c, "control"), i, one) add_control(
        f, &f->control, json_string_value(json_object_get(one, "net")),
        json_string_value(json_object_get(one, "image")), number(one, "weight"), number(one, "stop"));
    json_t *canny = json_object_get(c, "canny"); /* [stop, weight] */
    if (json_is_array(canny))
        add_control(f, &f->ip, "canny", "canny", json_number_value(json_array_get(canny, 1)),
                    json_number_value(json_array_get(canny, 0)));
    json_array_foreach(json_object_get(c, "ip"), i, one)
    {
        fc_task_picture *p = &f->guides.pictures[f->guides.picture_count++];
        bool face = strcmp(json_string_value(json_object_get(one, "adapter")), "face") == 0;
        *p = (fc_task_picture){.adapter = face, .weight = number(one, "weight"), .stop = number(one, "stop")};
        p->rgb = load_pixels(f, &f->vision, json_string_value(json_object_get(one, "image")), &p->width,
                             &p->height);
    }
}

static void forget_pixels(struct fixture *f)
{
    while (f->picture_count > 0) fc_free(f->pixels[--f->picture_count]);
}

static void load_models(struct fixture *f, json_t *c, bool zero)
{
    fc_err err = {0};
    fc_lora_choice lora = {0};
    json_t *loras = json_object_get(c, "lora");
    const char *refiner = json_string_value(json_object_get(c, "refiner"));
    fc_model_choice choice = {.base = fc_test_synth("tiny_base"),
                              .preview_decoder = fc_test_synth("taesd_decoder"),
                              .refiner = refiner ? fc_test_synth("tiny_refiner") : NULL};
    if (f->guides.control_count) {
        choice.controls[0] = fc_test_synth("control_canny");
        choice.controls[1] = fc_test_synth("control_cpds");
    }
    if (f->guides.picture_count) {
        choice.adapters[0] = fc_test_synth("ip_adapter_tiny");
        choice.adapters[1] = fc_test_synth("ip_face_tiny");
        choice.vision = fc_test_synth("clip_vision_tiny");
        if (!zero) choice.image_negative = fc_test_synth("ip_negative_tiny");
    }
    if (json_is_array(loras)) {
        /* the reference's texts were encoded without it */
        double weight = json_number_value(json_array_get(json_array_get(loras, 0), 1));
        lora = (fc_lora_choice){fc_test_lora_of_unet(), weight};
        choice.loras = &lora;
        choice.lora_count = 1;
    }
    assert_ok(fc_engine_load(f->engine, &choice, NULL, &err), &err);
}

static fc_task task_of(struct fixture *f, json_t *c)
{
    json_t *settings = json_object_get(c, "settings"), *size = json_object_get(c, "size");
    fc_task t = run_task(f->positive, f->negative);
    t.recipe = FC_RECIPE_2_5;
    t.positive = texts_of(f, json_string_value(json_object_get(c, "pos")), f->positive);
    t.negative = texts_of(f, json_string_value(json_object_get(c, "neg")), f->negative);
    t.seed = (uint64_t)json_integer_value(json_object_get(c, "seed"));
    t.width = (int32_t)json_integer_value(json_array_get(size, 0));
    t.height = (int32_t)json_integer_value(json_array_get(size, 1));
    t.steps = (int32_t)json_integer_value(json_object_get(c, "steps"));
    t.switch_step = (int32_t)json_integer_value(json_object_get(c, "switch"));
    bool joint = strcmp(json_string_value(json_object_get(c, "swap")), "joint") == 0;
    t.swap = joint ? FC_SWAP_JOINT : FC_SWAP_SEPARATE;
    t.sampler = json_string_value(json_object_get(c, "sampler"));
    t.scheduler = json_string_value(json_object_get(c, "scheduler"));
    t.cfg = number(c, "cfg");
    t.sharpness = number(settings, "sharpness");
    t.adaptive_cfg = number(settings, "adaptive_cfg");
    t.adm_end = number(settings, "adm_scaler_end");
    t.adm_positive = number(settings, "positive_adm_scale");
    t.adm_negative = number(settings, "negative_adm_scale");
    t.fast_vae = true; /* the picture is not compared */
    t.guides = &f->guides;
    return t;
}

/* Cases that this program answers otherwise: the formula that is not used, the base as its own refiner (a
 * test of inpainting has it), and prompts that never act with continuous levels (they do here). */
static bool is_other(const char *name, json_t *c)
{
    const char *refiner = json_string_value(json_object_get(c, "refiner"));
    return strstr(name, ".appended") || strcmp(name, "one_edm.plain") == 0 ||
           (refiner && strcmp(refiner, "same") == 0);
}

static void check_cases(struct fixture *f, json_t *root, const fc_safetensors *golden)
{
    const char *name;
    json_t *c;
    int cases = 0;
    json_object_foreach(json_object_get(root, "cases"), name, c)
    {
        char key[60];
        snprintf(key, sizeof key, "%s.final", name);
        if (is_other(name, c) || !fc_test_has(golden, key)) continue;
        read_guides(f, c);
        load_models(f, c, strstr(name, "plain_zero") != NULL);
        fc_task t = task_of(f, c);
        fc_picture p = run_picture(f->engine, &t);
        fc_test_array want = fc_test_array_load(golden, key);
        assert_int_equal(want.count, run_latent_count(&p));
        /* measured: at most 3.3e-6; 1.7e-5 with continuous levels */
        assert_rel_error(key, p.latent, want.data, want.count, strstr(name, "edm") ? 5e-5 : 9e-6);
        fc_test_array_free(&want);
        fc_picture_fini(&p);
        forget_pixels(f);
        cases++;
    }
    assert_true(cases > 0);
}

static void test_reference(void **state)
{
    (void)state;
    static struct fixture f;
    f = (struct fixture){0};
    if (!fc_test_golden("v25_control.json")) skip();
    json_t *pipeline = fc_test_golden_json("v25_pipeline.json");
    json_t *control = fc_test_golden_json("v25_control.json"), *ip = fc_test_golden_json("v25_ip.json");
    fc_test_golden_open_full(&f.control, "v25_control.safetensors");
    fc_test_golden_open_full(&f.ip, "v25_ip.safetensors");
    fc_test_golden_open_full(&f.vision, "v25_clipvision.safetensors");
    f.texts = json_object_get(pipeline, "texts");
    f.engine = run_engine(FC_PRECISION_F32, 1);
    check_cases(&f, control, &f.control);
    check_cases(&f, ip, &f.ip);
    fc_engine_close(f.engine);
    fc_safetensors_close(&f.control);
    fc_safetensors_close(&f.ip);
    fc_safetensors_close(&f.vision);
    json_decref(pipeline);
    json_decref(control);
    json_decref(ip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

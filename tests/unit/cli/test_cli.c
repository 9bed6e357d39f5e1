/* The program as people use it: wrong input, pictures, repeating them, interrupting it, killing it. */
#include "support/program.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "format/image.h"
#include "support/support.h"

#define MODEL "--model", "tiny.safetensors"
#define SMALL "--size", "64x64", "--steps", "2", "--style", "none", "--threads", "2"

/* ---- files ---- */

static void write_file(const char *name, const void *data, size_t size)
{
    fc_err err = {0};
    assert_ok(fc_file_write_atomic(program_path(name), data, size, &err), &err);
}

/* A valid file of tensors that are no model. */
static void write_other(void)
{
    static const float data[4];
    const fc_st_source tensor = {.name = "x", .dtype = FC_F32, .ndim = 1, .shape = {4}, .data = data};
    fc_err err = {0};
    assert_ok(fc_safetensors_write(program_path("other.safetensors"),
                                   &(fc_st_write){.tensors = &tensor, .count = 1}, &err),
              &err);
}

static int make_files(void **state)
{
    (void)state;
    program p = {0};
    static const char *const args[] = {"tiny_base", "tiny.safetensors", NULL};
    fc_mapping tiny;
    fc_err err = {0};
    program_run(&p, "synth_ckpt", args);
    assert_int_equal(p.code, 0);
    program_free(&p);
    assert_ok(fc_map_open(&tiny, program_path("tiny.safetensors"), &err), &err);
    write_file("cut.safetensors", tiny.data, 1 << 20);
    write_file("header.safetensors", tiny.data, 100);
    fc_map_close(&tiny);
    write_file("empty.safetensors", "", 0);
    write_file("short.safetensors", "abcde", 5);
    write_file("page.safetensors", "<!DOCTYPE html><html><title>Sign in</title></html>", 50);
    write_file("text.safetensors", "This is no model, only a text of some length.", 45);
    write_other();
    assert_int_equal(mkdir(program_path("folder"), 0700), 0);
    return 0;
}

/* Files below the work folder whose name ends so; paths go to found (may be NULL). */
static int count_files(const char *folder, const char *ending, char found[][700], int max)
{
    DIR *dir = opendir(folder);
    int count = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[700];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (fc_path_is_dir(path)) {
            count += count_files(path, ending, found ? found + count : NULL, max - count);
        } else if (fc_str_ends(path, ending)) {
            if (found && count < max) snprintf(found[count], 700, "%s", path);
            count++;
        }
    }
    if (dir) closedir(dir);
    return count;
}

static void check_no_leftovers(void)
{
    assert_int_equal(count_files(program_folder(), ".part", NULL, 0), 0);
}

static void load_picture(const char *path, fc_image *image)
{
    fc_buf data;
    fc_arena arena;
    fc_err err = {0};
    fc_buf_init(&data, 64 << 20);
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_file_read(path, &data, &err), &err);
    assert_ok(fc_image_decode(image, data.data, data.len, FC_IMAGE_MAX_PIXELS, &arena, NULL, &err), &err);
    fc_arena_fini(&arena);
    fc_buf_fini(&data);
}

static void check_same_pixels(const char *a, const char *b)
{
    fc_image first, second;
    load_picture(program_path(a), &first);
    load_picture(program_path(b), &second);
    assert_int_equal(first.w, second.w);
    assert_int_equal(first.h, second.h);
    assert_memory_equal(first.rgb, second.rgb, (size_t)first.w * (size_t)first.h * 3);
    fc_image_fini(&first);
    fc_image_fini(&second);
}

static void run_ok(const char *const *args)
{
    program p = {0};
    program_run(&p, "fooocus", args);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    program_free(&p);
}

/* ---- tests ---- */

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *args[4], *part;
    } cases[] = {
        {{"--version"}, "fooocus "},
        {{"--help"}, "generate"},
        {{"--man"}, ".TH FOOOCUS 1"},
        {{"--settings"}, "| `steps` | `--steps N` |"},
        {{"generate", "--help"}, "--model FILE"},
        {{"generate", "x", "--help"}, "--help all"},
        {{"generate", "--help", "all"}, "--clip-skip N"},
        {{"generate", "-h"}, "usage: fooocus generate"},
        {{"bench", "--help"}, "--cpu-time"},
        {{"--man"}, "FLAGS OF BENCH"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        program p = {0};
        program_run(&p, "fooocus", cases[i].args);
        assert_int_equal(p.code, 0);
        assert_string_equal(p.err, "");
        if (!strstr(p.out, cases[i].part))
            fail_msg("%s: no '%s' in: %s", cases[i].args[0], cases[i].part, p.out);
        program_free(&p);
    }
}

/* Each wrong input: its exit code, one sentence that names the place, and no file left behind. */
static void check_wrong(const json_t *c)
{
    const json_t *words = json_array_get(c, 0);
    const char *args[40], *part = json_string_value(json_array_get(c, 2));
    size_t n = json_array_size(words);
    char shown[500] = "";
    program p = {0};
    for (size_t i = 0; i < n; i++) {
        args[i] = json_string_value(json_array_get(words, i));
        snprintf(shown + strlen(shown), sizeof shown - strlen(shown), " %s", args[i]);
    }
    args[n] = NULL;
    program_run(&p, "fooocus", args);
    const char *last = strstr(p.err, "fooocus: ");
    if (p.code != (int)json_integer_value(json_array_get(c, 1)))
        fail_msg("fooocus%s: exit code %d: %s", shown, p.code, p.err);
    if (!last || !strstr(last, part)) fail_msg("fooocus%s: no '%s' in: %s", shown, part, p.err);
    assert_string_equal(p.out, "");
    program_free(&p);
}

static void test_wrong_input(void **state)
{
    (void)state;
    json_error_t where;
    json_t *cases = json_load_file(fc_test_source_path("tests/data/cli_wrong.json"), 0, &where), *c;
    size_t i;
    if (!cases) fail_msg("%d: %s", where.line, where.text);
    json_array_foreach(cases, i, c) check_wrong(c);
    assert_true(i > 45);
    json_decref(cases);
    check_no_leftovers();
    assert_int_equal(count_files(program_folder(), ".png", NULL, 0), 0);
}

static void test_a_picture(void **state)
{
    (void)state;
    static const char *const args[] = {"generate", "a fox", MODEL, SMALL, "--seed", "7", NULL};
    program p = {0};
    fc_image image;
    char found[2][700];
    program_run(&p, "fooocus", args);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    assert_int_equal(count_files(program_path("outputs"), ".png", found, 2), 1);
    p.out[strcspn(p.out, "\n")] = '\0';
    assert_true(fc_str_ends(found[0], p.out)); /* standard output is the path and nothing else */
    assert_non_null(strstr(p.err, "step 2 of 2"));
    assert_null(strchr(p.err, '\r')); /* no terminal, no bar */
    load_picture(found[0], &image);
    assert_int_equal(image.w, 64);
    assert_int_equal(count_files(program_path("outputs"), "log.html", NULL, 0), 1);
    fc_image_fini(&image);
    program_free(&p);
    check_no_leftovers();
}

static void test_json_lines(void **state)
{
    (void)state;
    static const char *const args[] = {"generate", "a fox", MODEL, SMALL,    "--json",
                                       "--count",  "2",     "-o",  "j.webp", NULL};
    program p = {0};
    int steps = 0, images = 0;
    program_run(&p, "fooocus", args);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    for (char *line = strtok(p.out, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *event = json_loads(line, 0, NULL);
        assert_non_null(event);
        const char *kind = json_string_value(json_object_get(event, "event"));
        steps += strcmp(kind, "step") == 0;
        if (strcmp(kind, "image") == 0) {
            char want[32];
            snprintf(want, sizeof want, "j-%d.webp", ++images);
            assert_string_equal(json_string_value(json_object_get(event, "path")), want);
            assert_true(fc_path_exists(program_path(want)));
            assert_string_equal(
                json_string_value(json_object_get(json_object_get(event, "settings"), "prompt")), "a fox");
        }
        json_decref(event);
    }
    assert_int_equal(steps, 4);
    assert_int_equal(images, 2);
    program_free(&p);
}

static void test_json_error(void **state)
{
    (void)state;
    static const char *const args[] = {"generate", "a fox", "--json", "--model", "missing", NULL};
    program p = {0};
    program_run(&p, "fooocus", args);
    assert_int_equal(p.code, 3);
    assert_non_null(strstr(p.out, "\"event\":\"error\",\"status\":\"NOT_FOUND\",\"exit_code\":3"));
    program_free(&p);
}

static void test_same_seed_and_repeats(void **state)
{
    (void)state;
    static const char *const first[] = {"generate", "a fox, b",  MODEL,        SMALL,     "--seed",
                                        "9",        "-n",        "blur",       "--cfg",   "5",
                                        "-o",       "first.png", "--metadata", "fooocus", NULL};
    static const char *const again[] = {"generate", "a fox, b",  MODEL,        SMALL,   "--seed",
                                        "9",        "-n",        "blur",       "--cfg", "5",
                                        "-o",       "again.png", "--metadata", "a1111", NULL};
    static const char *const from_fooocus[] = {"generate", "--from",      "first.png", MODEL,
                                               "-o",       "repeat1.png", NULL};
    static const char *const from_a1111[] = {"generate", "--from",      "again.png", MODEL,
                                             "-o",       "repeat2.png", NULL};
    static const char *const other[] = {"generate",  "--from", "again.png", MODEL, "-o",
                                        "other.png", "--seed", "10",        NULL};
    fc_image a, b;
    run_ok(first);
    run_ok(again);
    check_same_pixels("first.png", "again.png");
    run_ok(from_fooocus);
    check_same_pixels("first.png", "repeat1.png");
    run_ok(from_a1111);
    check_same_pixels("first.png", "repeat2.png");
    run_ok(other);
    load_picture(program_path("first.png"), &a);
    load_picture(program_path("other.png"), &b);
    assert_memory_not_equal(a.rgb, b.rgb, (size_t)a.w * (size_t)a.h * 3);
    fc_image_fini(&a);
    fc_image_fini(&b);
}

static void test_preset(void **state)
{
    (void)state;
    static const char preset[] = "{\"default_cfg_scale\": 9.0, \"default_sampler\": \"euler\"}";
    static const char *const args[] = {"generate", "x",         MODEL,  SMALL, "--json", "--preset",
                                       "mine",     "--sampler", "heun", "-o",  "p.png",  NULL};
    program p = {0};
    assert_int_equal(mkdir(program_path("presets"), 0700), 0);
    write_file("presets/mine.json", preset, sizeof preset - 1);
    program_run(&p, "fooocus", args);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    assert_non_null(strstr(p.out, "\"guidance_scale\":9,"));
    assert_non_null(strstr(p.out, "\"sampler\":\"heun\"")); /* flags win */
    program_free(&p);
}

static void test_latent(void **state)
{
    (void)state;
    static const char *const args[] = {"generate", "a fox",    MODEL,           SMALL, "-o",
                                       "l.png",    "--latent", "l.safetensors", NULL};
    fc_safetensors file;
    fc_err err = {0};
    run_ok(args);
    assert_ok(fc_safetensors_open(&file, program_path("l.safetensors"), &err), &err);
    const fc_st_tensor *t = fc_safetensors_find(&file, "latent");
    assert_non_null(t);
    assert_int_equal(t->ndim, 4);
    assert_int_equal(t->shape[0] * 1000000 + t->shape[1] * 10000 + t->shape[2] * 100 + t->shape[3], 1040808);
    fc_safetensors_close(&file);
}

static void check_words(const char *const *args, const char *const *parts)
{
    program p = {0};
    program_run(&p, "fooocus", args);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    for (; *parts; parts++)
        if (!strstr(p.out, *parts)) fail_msg("no '%s' in: %s", *parts, p.out);
    program_free(&p);
}

static void make_latent(const char *backend, const char *isa, const char *precision, const char *threads,
                        const char *latent)
{
    const char *const args[] = {"generate", "a fox",   MODEL,   "--style",     "none",    "--size",
                                "72x64",    "--steps", "2",     "--seed",      "3",       "--backend",
                                backend,    "--isa",   isa,     "--precision", precision, "--threads",
                                threads,    "-o",      "t.png", "--latent",    latent,    NULL};
    run_ok(args);
}

/* One process each: a cap on instructions holds for a whole process. */
static void test_same_bytes_for_any_number_of_threads(void **state)
{
    (void)state;
    static const struct {
        const char *backend, *isa, *precision;
    } cases[] = {{"cpu", "scalar", "f32"}, {"cpu", "avx2", "f32"},        {"cpu", "avx2", "bf16"},
                 {"cpu", "avx512", "f32"}, {"cpu", "avx512bf16", "bf16"}, {"cpu", "amx", "bf16"},
                 {"ref", "scalar", "f32"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_mapping one, three;
        fc_err err = {0};
        make_latent(cases[i].backend, cases[i].isa, cases[i].precision, "1", "t1.safetensors");
        make_latent(cases[i].backend, cases[i].isa, cases[i].precision, "3", "t3.safetensors");
        assert_ok(fc_map_open(&one, program_path("t1.safetensors"), &err), &err);
        assert_ok(fc_map_open(&three, program_path("t3.safetensors"), &err), &err);
        assert_int_equal(one.size, three.size);
        if (memcmp(one.data, three.data, one.size) != 0)
            fail_msg("%s, %s, %s: other bytes with 3 threads", cases[i].backend, cases[i].isa,
                     cases[i].precision);
        fc_map_close(&one);
        fc_map_close(&three);
    }
}

static void test_doctor(void **state)
{
    (void)state;
    check_words((const char *const[]){"doctor", "tiny.safetensors", "other.safetensors", NULL},
                (const char *const[]){"tiny.safetensors: an SDXL base model", "other.safetensors: ", NULL});
    check_words(
        (const char *const[]){"doctor", NULL},
        (const char *const[]){"computes on", "models/checkpoints: 0 files", "a step", "fooocus setup", NULL});
    check_words((const char *const[]){"devices", NULL}, (const char *const[]){"auto: ", NULL});
    check_words((const char *const[]){"devices", "--json", NULL},
                (const char *const[]){"\"devices\": [", "\"passed_over\": ", NULL});
    check_words((const char *const[]){"doctor", "--help", NULL},
                (const char *const[]){"usage: fooocus doctor", "--json", NULL});
}

/* Changes bytes of the model for one run. */
static void run_with_patch(uint64_t offset, const void *bytes, size_t size, int code, const char *part)
{
    static const char *const args[] = {"generate", "a fox", MODEL, SMALL, "-o", "patched.png", NULL};
    char former[64];
    program p = {0};
    FILE *f = fopen(program_path("tiny.safetensors"), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)offset, SEEK_SET), 0);
    assert_int_equal(fread(former, 1, size, f), size);
    assert_int_equal(fseek(f, (long)offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fflush(f);
    program_run(&p, "fooocus", args);
    assert_int_equal(fseek(f, (long)offset, SEEK_SET), 0);
    assert_int_equal(fwrite(former, 1, size, f), size);
    fclose(f);
    if (p.code != code) fail_msg("exit code %d: %s", p.code, p.err);
    if (!strstr(p.err, part)) fail_msg("no '%s' in: %s", part, p.err);
    assert_false(fc_path_exists(program_path("patched.png")));
    program_free(&p);
    check_no_leftovers();
}

static const char weight_name[] = "model.diffusion_model.input_blocks.0.0.weight";

/* One in each network: noticed by the sampler or behind the decoder, and the tensor is named. */
static void test_weights_that_are_no_numbers(void **state)
{
    (void)state;
    static const char *const names[] = {
        weight_name, "conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_fc.weight",
        "first_stage_model.decoder.mid.block_1.conv1.weight"};
    static const unsigned char nan_f16[2] = {0x00, 0x7e};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char part[200];
        fc_safetensors file;
        fc_err err = {0};
        assert_ok(fc_safetensors_open(&file, program_path("tiny.safetensors"), &err), &err);
        const fc_st_tensor *t = fc_safetensors_find(&file, names[i]);
        assert_non_null(t);
        assert_int_equal(t->dtype, FC_F16);
        uint64_t offset = (uint64_t)((const uint8_t *)t->data - file.map.data);
        fc_safetensors_close(&file);
        snprintf(part, sizeof part, "its tensor %s holds values that are not numbers", names[i]);
        run_with_patch(offset, nan_f16, sizeof nan_f16, fc_status_exit_code(FC_FORMAT), part);
    }
}

static void test_weights_of_another_kind(void **state)
{
    (void)state;
    fc_mapping map;
    fc_err err = {0};
    assert_ok(fc_map_open(&map, program_path("tiny.safetensors"), &err), &err);
    const char *place = memmem(map.data, 1 << 20, weight_name, sizeof weight_name - 1);
    assert_non_null(place);
    const char *dtype = memmem(place, 200, "F16", 3);
    assert_non_null(dtype);
    uint64_t offset = (uint64_t)(dtype - (const char *)map.data);
    fc_map_close(&map);
    run_with_patch(offset, "I16", 3, fc_status_exit_code(FC_FORMAT), weight_name);
}

static void test_refused_writes(void **state)
{
    (void)state;
    static const char *const args[] = {"generate", "a fox", MODEL, SMALL, "-q", "-o", "refused.png", NULL};
    program p = {.file_limit = 400};
    program_run(&p, "fooocus", args);
    assert_int_equal(p.code, fc_status_exit_code(FC_LIMIT));
    assert_non_null(strstr(p.err, "refused.png"));
    assert_false(fc_path_exists(program_path("refused.png")));
    program_free(&p);
    check_no_leftovers();
    p = (program){.no_output = true};
    program_run(&p, "fooocus", args);
    assert_int_equal(p.code, fc_status_exit_code(FC_IO));
    assert_non_null(strstr(p.err, "standard output does not take their names"));
    assert_true(fc_path_exists(program_path("refused.png")));
    program_free(&p);
}

static void test_interrupt_keeps_finished_pictures(void **state)
{
    (void)state;
    static const char *const args[] = {"generate", "a fox", MODEL, SMALL,   "--json",
                                       "--count",  "500",   "-o",  "stop/", NULL};
    program p = {0};
    program_start(&p, "fooocus", args);
    assert_true(program_wait_for(&p, "\"event\":\"image\""));
    kill(p.pid, SIGINT);
    program_wait(&p);
    assert_int_equal(p.code, 130);
    int finished = 0;
    for (const char *s = p.out; (s = strstr(s, "\"event\":\"image\"")); s++) finished++;
    assert_true(finished >= 1 && finished < 500);
    assert_int_equal(count_files(program_path("stop"), ".png", NULL, 0), finished);
    char last[80];
    snprintf(last, sizeof last, "fooocus: stopped; %d of 500 pictures are finished", finished);
    assert_non_null(strstr(p.err, last));
    program_free(&p);
    check_no_leftovers();
}

/* Killed at any moment: what has a final name is whole. */
static void test_killed(void **state)
{
    (void)state;
    static const char *const args[] = {"generate", "a fox", MODEL, SMALL,     "--json",
                                       "--count",  "500",   "-o",  "killed/", NULL};
    static char found[500][700];
    program p = {0};
    program_start(&p, "fooocus", args);
    assert_true(program_wait_for(&p, "\"image\":4,"));
    kill(p.pid, SIGKILL);
    program_wait(&p);
    assert_int_equal(p.code, -SIGKILL);
    int count = count_files(program_path("killed"), ".png", found, 500);
    assert_true(count >= 3);
    for (int i = 0; i < count; i++) {
        fc_image image;
        load_picture(found[i], &image);
        fc_image_fini(&image);
    }
    program_free(&p);
}

/* A broken style file of the user's: told, and left out. */
static void test_broken_style_file(void **state)
{
    (void)state;
    static const char *const args[] = {"generate", "x", MODEL, "--style", "Mine", NULL};
    program p = {0};
    assert_int_equal(mkdir(program_path("styles"), 0700), 0);
    write_file("styles/mine.json", "[{\"name\": \"Mine\", ", 18);
    program_run(&p, "fooocus", args);
    assert_int_equal(p.code, 2);
    assert_non_null(strstr(p.err, "styles/mine.json"));
    unlink(program_path("styles/mine.json"));
    program_free(&p);
}

/* The configuration is read once and handed down: two pictures, a refiner and a LoRA folder look-up included.
 */
static void test_settings_are_read_once(void **state)
{
    (void)state;
    static const char config[] = "{\"default_cfg_scale\": 5.0}";
    char events[4096];
    int opened = 0;
    program p = {0};
    const char *const args[] = {"generate", "a fox",      MODEL,     SMALL, "--count",
                                "2",        "--metadata", "fooocus", NULL};
    write_file("config.txt", config, sizeof config - 1);
    int watch = inotify_init1(IN_NONBLOCK);
    assert_true(inotify_add_watch(watch, program_path("config.txt"), IN_OPEN | IN_CLOSE) >= 0);
    program_run(&p, "fooocus", args);
    assert_int_equal(p.code, 0);
    ssize_t n = read(watch, events, sizeof events);
    for (ssize_t at = 0; at < n; at += (ssize_t)sizeof(struct inotify_event)) { /* of a file: no names */
        struct inotify_event e; /* a closing between two openings keeps them apart */
        memcpy(&e, events + at, sizeof e);
        opened += (e.mask & IN_OPEN) != 0;
    }
    assert_int_equal(opened, 1); /* measured 1; 11 when every part opened it for itself */
    close(watch);
    unlink(program_path("config.txt"));
    program_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_wrong_input),
        cmocka_unit_test(test_a_picture),
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_json_error),
        cmocka_unit_test(test_same_seed_and_repeats),
        cmocka_unit_test(test_preset),
        cmocka_unit_test(test_latent),
        cmocka_unit_test(test_same_bytes_for_any_number_of_threads),
        cmocka_unit_test(test_doctor),
        cmocka_unit_test(test_weights_that_are_no_numbers),
        cmocka_unit_test(test_weights_of_another_kind),
        cmocka_unit_test(test_refused_writes),
        cmocka_unit_test(test_interrupt_keeps_finished_pictures),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_broken_style_file),
        cmocka_unit_test(test_settings_are_read_once),
    };
    return cmocka_run_group_tests(tests, make_files, NULL);
}

/* One model in three layouts: single safetensors file, PyTorch checkpoint, folder of many files. Every weight
 * and the latents of a picture are the same, bit for bit. The folder is written by rules of this test's own:
 * the table below lists SDXL's blocks one by one, as diffusers names them. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine.h"
#include "nn/weights.h"
#include "support/runs.h"
#include "support/app_cases.h"
#include "support/support.h"
#include "support/synth.h"
#include "support/torchfile.h"

static const char *const table[][2] = {
    {"model.diffusion_model.time_embed.0.", "unet/time_embedding.linear_1."},
    {"model.diffusion_model.time_embed.2.", "unet/time_embedding.linear_2."},
    {"model.diffusion_model.label_emb.0.0.", "unet/add_embedding.linear_1."},
    {"model.diffusion_model.label_emb.0.2.", "unet/add_embedding.linear_2."},
    {"model.diffusion_model.out.0.", "unet/conv_norm_out."},
    {"model.diffusion_model.out.2.", "unet/conv_out."},
    {"model.diffusion_model.input_blocks.0.0.", "unet/conv_in."},
    {"model.diffusion_model.input_blocks.1.0.", "unet/down_blocks.0.resnets.0."},
    {"model.diffusion_model.input_blocks.2.0.", "unet/down_blocks.0.resnets.1."},
    {"model.diffusion_model.input_blocks.3.0.op.", "unet/down_blocks.0.downsamplers.0.conv."},
    {"model.diffusion_model.input_blocks.4.0.", "unet/down_blocks.1.resnets.0."},
    {"model.diffusion_model.input_blocks.4.1.", "unet/down_blocks.1.attentions.0."},
    {"model.diffusion_model.input_blocks.5.0.", "unet/down_blocks.1.resnets.1."},
    {"model.diffusion_model.input_blocks.5.1.", "unet/down_blocks.1.attentions.1."},
    {"model.diffusion_model.input_blocks.6.0.op.", "unet/down_blocks.1.downsamplers.0.conv."},
    {"model.diffusion_model.input_blocks.7.0.", "unet/down_blocks.2.resnets.0."},
    {"model.diffusion_model.input_blocks.7.1.", "unet/down_blocks.2.attentions.0."},
    {"model.diffusion_model.input_blocks.8.0.", "unet/down_blocks.2.resnets.1."},
    {"model.diffusion_model.input_blocks.8.1.", "unet/down_blocks.2.attentions.1."},
    {"model.diffusion_model.middle_block.0.", "unet/mid_block.resnets.0."},
    {"model.diffusion_model.middle_block.1.", "unet/mid_block.attentions.0."},
    {"model.diffusion_model.middle_block.2.", "unet/mid_block.resnets.1."},
    {"model.diffusion_model.output_blocks.0.0.", "unet/up_blocks.0.resnets.0."},
    {"model.diffusion_model.output_blocks.0.1.", "unet/up_blocks.0.attentions.0."},
    {"model.diffusion_model.output_blocks.1.0.", "unet/up_blocks.0.resnets.1."},
    {"model.diffusion_model.output_blocks.1.1.", "unet/up_blocks.0.attentions.1."},
    {"model.diffusion_model.output_blocks.2.0.", "unet/up_blocks.0.resnets.2."},
    {"model.diffusion_model.output_blocks.2.1.", "unet/up_blocks.0.attentions.2."},
    {"model.diffusion_model.output_blocks.2.2.", "unet/up_blocks.0.upsamplers.0."},
    {"model.diffusion_model.output_blocks.3.0.", "unet/up_blocks.1.resnets.0."},
    {"model.diffusion_model.output_blocks.3.1.", "unet/up_blocks.1.attentions.0."},
    {"model.diffusion_model.output_blocks.4.0.", "unet/up_blocks.1.resnets.1."},
    {"model.diffusion_model.output_blocks.4.1.", "unet/up_blocks.1.attentions.1."},
    {"model.diffusion_model.output_blocks.5.0.", "unet/up_blocks.1.resnets.2."},
    {"model.diffusion_model.output_blocks.5.1.", "unet/up_blocks.1.attentions.2."},
    {"model.diffusion_model.output_blocks.5.2.", "unet/up_blocks.1.upsamplers.0."},
    {"model.diffusion_model.output_blocks.6.0.", "unet/up_blocks.2.resnets.0."},
    {"model.diffusion_model.output_blocks.7.0.", "unet/up_blocks.2.resnets.1."},
    {"model.diffusion_model.output_blocks.8.0.", "unet/up_blocks.2.resnets.2."},
    {"conditioner.embedders.0.transformer.", "text_encoder/"},
    {"conditioner.embedders.1.model.token_embedding.",
     "text_encoder_2/text_model.embeddings.token_embedding."},
    {"conditioner.embedders.1.model.positional_embedding",
     "text_encoder_2/text_model.embeddings.position_embedding.weight"},
    {"conditioner.embedders.1.model.ln_final.", "text_encoder_2/text_model.final_layer_norm."},
    {"conditioner.embedders.1.model.text_projection", "text_encoder_2/text_projection.weight"},
    {"conditioner.embedders.1.model.transformer.resblocks.", "text_encoder_2/text_model.encoder.layers."},
    {"first_stage_model.encoder.down.", "vae/encoder.down_blocks."},
    {"first_stage_model.decoder.up.0.", "vae/decoder.up_blocks.3."},
    {"first_stage_model.decoder.up.1.", "vae/decoder.up_blocks.2."},
    {"first_stage_model.decoder.up.2.", "vae/decoder.up_blocks.1."},
    {"first_stage_model.decoder.up.3.", "vae/decoder.up_blocks.0."},
    {"first_stage_model.", "vae/"},
};

/* Inside the blocks, applied in order wherever they occur. */
static const char *const inner[][3] = {
    {"unet/", ".in_layers.0.", ".norm1."},
    {"unet/", ".in_layers.2.", ".conv1."},
    {"unet/", ".emb_layers.1.", ".time_emb_proj."},
    {"unet/", ".out_layers.0.", ".norm2."},
    {"unet/", ".out_layers.3.", ".conv2."},
    {"unet/", ".skip_connection.", ".conv_shortcut."},
    {"text_encoder_2/", ".ln_1.", ".layer_norm1."},
    {"text_encoder_2/", ".ln_2.", ".layer_norm2."},
    {"text_encoder_2/", ".mlp.c_fc.", ".mlp.fc1."},
    {"text_encoder_2/", ".mlp.c_proj.", ".mlp.fc2."},
    {"text_encoder_2/", ".attn.out_proj.", ".self_attn.out_proj."},
    {"vae/", ".block.", ".resnets."},
    {"vae/", ".downsample.", ".downsamplers.0."},
    {"vae/", ".upsample.", ".upsamplers.0."},
    {"vae/", ".mid.block_1.", ".mid_block.resnets.0."},
    {"vae/", ".mid.block_2.", ".mid_block.resnets.1."},
    {"vae/", ".mid.attn_1.norm.", ".mid_block.attentions.0.group_norm."},
    {"vae/", ".mid.attn_1.q.", ".mid_block.attentions.0.to_q."},
    {"vae/", ".mid.attn_1.k.", ".mid_block.attentions.0.to_k."},
    {"vae/", ".mid.attn_1.v.", ".mid_block.attentions.0.to_v."},
    {"vae/", ".mid.attn_1.proj_out.", ".mid_block.attentions.0.to_out.0."},
    {"vae/", ".nin_shortcut.", ".conv_shortcut."},
    {"vae/", ".norm_out.", ".conv_norm_out."},
};

/* "unet/down_blocks.0...": folder and name. */
static bool to_diffusers(const char *name, char out[300])
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!fc_str_starts(name, table[i][0])) continue;
        snprintf(out, 300, "%s%s", table[i][1], name + strlen(table[i][0]));
        for (size_t k = 0; k < sizeof inner / sizeof *inner; k++) {
            char *at = strstr(out, inner[k][1]), rest[300];
            if (!at || !fc_str_starts(out, inner[k][0])) continue;
            snprintf(rest, sizeof rest, "%s", at + strlen(inner[k][1]));
            snprintf(at, (size_t)(out + 300 - at), "%s%s", inner[k][2], rest);
        }
        return true;
    }
    return false;
}

/* ---- writing the folder ---- */

enum { MAX_TENSORS = 4000, MAX_COPIES = 8 };

typedef struct folder {
    fc_st_source *tensors;
    size_t count;
    fc_arena names;
    void *copies[MAX_COPIES];
    int copy_count;
} folder;

static fc_st_source *put(folder *f, const char *name, const fc_st_tensor *t)
{
    assert_true(f->count < MAX_TENSORS);
    fc_st_source *s = &f->tensors[f->count++];
    *s = (fc_st_source){
        .name = fc_arena_strdup(&f->names, name), .dtype = t->dtype, .ndim = t->ndim, .data = t->data};
    memcpy(s->shape, t->shape, sizeof s->shape);
    return s;
}

/* q, k and v on their own */
static void put_parts(folder *f, const char *name, const fc_st_tensor *t, const char *end)
{
    static const char *const parts[] = {"q", "k", "v"};
    char part[400];
    size_t bytes = t->size / 3;
    const char *at = strstr(name, ".attn.in_proj_");
    for (int i = 0; i < 3; i++) {
        snprintf(part, sizeof part, "%.*s.self_attn.%s_proj.%s", (int)(at - name), name, parts[i], end);
        fc_st_source *s = put(f, part, t);
        s->shape[0] /= 3;
        s->data = (const char *)t->data + (size_t)i * bytes;
    }
}

static void put_transposed(folder *f, const char *name, const fc_st_tensor *t)
{
    size_t rows = (size_t)t->shape[0], cols = (size_t)t->shape[1];
    const uint16_t *from = t->data;
    uint16_t *to = fc_alloc(t->size);
    assert_int_equal(fc_dtype_size(t->dtype), 2);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            memcpy(&to[c * rows + r], (const char *)from + 2 * (r * cols + c), 2);
    fc_st_source *s = put(f, name, t);
    s->shape[0] = (int64_t)cols;
    s->shape[1] = (int64_t)rows;
    s->data = to;
    f->copies[f->copy_count++] = to;
}

static void collect(folder *f, const fc_safetensors *st, const char *part)
{
    f->count = 0;
    for (size_t i = 0; i < st->count; i++) {
        const fc_st_tensor *t = &st->tensors[i];
        char name[300];
        if (!to_diffusers(t->name, name) || !fc_str_starts(name, part)) continue;
        const char *bare = name + strlen(part);
        if (strstr(name, "in_proj_weight"))
            put_parts(f, bare, t, "weight");
        else if (strstr(name, "in_proj_bias"))
            put_parts(f, bare, t, "bias");
        else if (strcmp(bare, "text_projection.weight") == 0)
            put_transposed(f, bare, t);
        else if (strstr(name, "attentions.0.to_") && strcmp(part, "vae/") == 0)
            put(f, bare, t)->ndim = strstr(bare, "weight") ? 2 : 1;
        else
            put(f, bare, t);
    }
    assert_true(f->count > 0);
}

static void join(char path[800], const char *dir, const char *name)
{
    assert_int_equal(fc_path_join(path, 800, dir, name), FC_OK);
}

static void write_tensors(const folder *f, size_t first, size_t count, const char *path)
{
    fc_err err;
    char dir[800];
    snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = 0;
    assert_ok(fc_mkdir_all(dir, &err), &err);
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = f->tensors + first, .count = count}, &err),
              &err);
}

/* Two shards and their index, as the full-size UNet has. */
static void write_shards(const folder *f, const char *dir)
{
    static const char *const names[] = {"diffusion_pytorch_model-00001-of-00002.safetensors",
                                        "diffusion_pytorch_model-00002-of-00002.safetensors"};
    char path[800];
    size_t half = f->count / 2;
    json_t *map = json_object();
    for (size_t i = 0; i < f->count; i++)
        json_object_set_new(map, f->tensors[i].name, json_string(names[i >= half]));
    json_t *root = json_pack("{s:{s:i}, s:o}", "metadata", "total_size", 1, "weight_map", map);
    join(path, dir, names[0]);
    write_tensors(f, 0, half, path);
    join(path, dir, names[1]);
    write_tensors(f, half, f->count - half, path);
    join(path, dir, "diffusion_pytorch_model.safetensors.index.json");
    assert_int_equal(json_dump_file(root, path, 0), 0);
    json_decref(root);
}

static void write_folder(const fc_safetensors *st, const char *dir)
{
    folder f = {.tensors = fc_calloc(MAX_TENSORS, sizeof *f.tensors)};
    char path[800];
    fc_arena_init(&f.names, 8 << 20);
    collect(&f, st, "unet/");
    join(path, dir, "unet");
    write_shards(&f, path);
    collect(&f, st, "text_encoder/");
    join(path, dir, "text_encoder/model.safetensors");
    write_tensors(&f, 0, f.count, path);
    collect(&f, st, "text_encoder_2/");
    join(path, dir, "text_encoder_2/model.fp16.safetensors");
    write_tensors(&f, 0, f.count, path);
    collect(&f, st, "vae/");
    join(path, dir, "vae/diffusion_pytorch_model.safetensors");
    write_tensors(&f, 0, f.count, path);
    join(path, dir, "model_index.json");
    fc_err err;
    static const char index[] = "{\"_class_name\": \"StableDiffusionXLPipeline\"}\n";
    assert_ok(fc_file_write_atomic(path, index, sizeof index - 1, &err), &err);
    for (int i = 0; i < f.copy_count; i++) fc_free(f.copies[i]);
    fc_arena_fini(&f.names);
    fc_free(f.tensors);
}

static void write_ckpt(const fc_safetensors *st, const char *path)
{
    fc_buf file;
    fc_err err;
    fc_st_source *tensors = fc_calloc(st->count, sizeof *tensors);
    for (size_t i = 0; i < st->count; i++) {
        const fc_st_tensor *t = &st->tensors[i];
        tensors[i] = (fc_st_source){.name = t->name, .dtype = t->dtype, .ndim = t->ndim, .data = t->data};
        memcpy(tensors[i].shape, t->shape, sizeof t->shape);
    }
    fc_buf_init(&file, 512 << 20);
    torch_file(&file, tensors, st->count, true, true);
    assert_int_equal(file.status, FC_OK);
    assert_ok(fc_file_write_atomic(path, file.data, file.len, &err), &err);
    fc_buf_fini(&file);
    fc_free(tensors);
}

/* The three paths; made once. */
static const char *layouts[3];

static int make_layouts(void **state)
{
    static char ckpt[600], dir[600];
    fc_safetensors st;
    fc_err err;
    (void)state;
    layouts[0] = fc_test_synth("tiny_base");
    snprintf(ckpt, sizeof ckpt, "%s/tiny.ckpt", fc_test_tmpdir());
    snprintf(dir, sizeof dir, "%s/tiny_folder", fc_test_tmpdir());
    layouts[1] = ckpt;
    layouts[2] = dir;
    assert_ok(fc_safetensors_open(&st, layouts[0], &err), &err);
    write_ckpt(&st, ckpt);
    write_folder(&st, dir);
    fc_safetensors_close(&st);
    return 0;
}

/* ---- tests ---- */

static void compare_weight(const fc_weight *a, const fc_weight *b)
{
    int64_t rows = fc_weight_rows(a), cols = fc_weight_cols(a);
    if (fc_weight_rows(b) != rows || fc_weight_cols(b) != cols || a->ndim != b->ndim || a->dtype != b->dtype)
        fail_msg("%s has another shape or type", a->name);
    float *x = fc_alloc((size_t)(rows * cols) * sizeof *x), *y = fc_alloc((size_t)(rows * cols) * sizeof *y);
    assert_int_equal(fc_weight_read(a, 0, (int32_t)rows, x), FC_OK);
    int32_t cut =
        (int32_t)(rows / 2 + 1) > rows ? (int32_t)rows : (int32_t)(rows / 2 + 1); /* inside a part */
    assert_int_equal(fc_weight_read(b, 0, cut, y), FC_OK);
    assert_int_equal(fc_weight_read(b, cut, (int32_t)rows - cut, y + cut * cols), FC_OK);
    if (memcmp(x, y, (size_t)(rows * cols) * sizeof *x) != 0) fail_msg("%s has other values", a->name);
    fc_free(x);
    fc_free(y);
}

static void test_weights(void **state)
{
    fc_weights *w[3];
    fc_err err;
    (void)state;
    for (int i = 0; i < 3; i++) assert_ok(fc_weights_open(&w[i], layouts[i], &err), &err);
    assert_int_equal(fc_weights_count(w[1]), fc_weights_count(w[0]));
    size_t left_out = 0;
    for (size_t i = 0; i < fc_weights_count(w[0]); i++) {
        const fc_weight *a = fc_weights_at(w[0], i);
        const fc_weight *ckpt = fc_weights_find(w[1], a->name), *many = fc_weights_find(w[2], a->name);
        assert_non_null(ckpt);
        compare_weight(a, ckpt);
        if (many)
            compare_weight(a, many);
        else if (!fc_str_ends(a->name, "logit_scale") && !fc_str_ends(a->name, "position_ids"))
            fail_msg("%s is not in the folder", a->name);
        else
            left_out++;
    }
    assert_int_equal(fc_weights_count(w[2]) + left_out, fc_weights_count(w[0]));
    for (int i = 0; i < 3; i++) fc_weights_close(w[i]);
}

static fc_picture picture_of(const char *path, const char *vae)
{
    static const char *const positive = "a red fox in the snow", *const negative = "blurry";
    fc_task t = run_task(&positive, &negative);
    t.seed = 7;
    t.width = t.height = 128;
    t.steps = 2;
    fc_err err = {0};
    fc_engine *e = run_engine(FC_PRECISION_F32, 2);
    assert_ok(fc_engine_load(e, &(fc_model_choice){.base = path, .vae = vae}, NULL, &err), &err);
    fc_picture p = run_picture(e, &t);
    fc_engine_close(e);
    return p;
}

static void test_latents(void **state)
{
    (void)state;
    fc_picture one = picture_of(layouts[0], NULL);
    size_t count = (size_t)one.latent_width * (size_t)one.latent_height * 4;
    for (int i = 1; i < 3; i++) {
        fc_picture other = picture_of(layouts[i], NULL);
        assert_memory_equal(other.latent, one.latent, count * sizeof *one.latent);
        assert_memory_equal(other.rgb, one.rgb, (size_t)one.width * (size_t)one.height * 3);
        fc_picture_fini(&other);
    }
    fc_picture_fini(&one);
}

/* A VAE file with diffusers' names, beside a checkpoint. */
static void test_vae_alone(void **state)
{
    char path[800];
    (void)state;
    join(path, layouts[2], "vae/diffusion_pytorch_model.safetensors");
    fc_picture own = picture_of(layouts[0], NULL), other = picture_of(layouts[0], path);
    assert_memory_equal(other.rgb, own.rgb, (size_t)own.width * (size_t)own.height * 3);
    fc_picture_fini(&own);
    fc_picture_fini(&other);
}

static void test_broken_folders(void **state)
{
    fc_weights *w;
    fc_err err;
    (void)state;
    app_write("bad1/model_index.json", "{}");
    assert_fails(fc_weights_open(&w, fc_test_tmp_path("bad1"), &err), FC_FORMAT, &err, "none of the folders");
    app_write("bad2/model_index.json", "{}");
    app_write("bad2/unet/config.json", "{}");
    assert_fails(fc_weights_open(&w, fc_test_tmp_path("bad2"), &err), FC_NOT_FOUND, &err, "holds no weights");
    app_write("bad3/model_index.json", "{}");
    app_write("bad3/unet/diffusion_pytorch_model.safetensors.index.json",
              "{\"weight_map\": {\"a\": \"../../etc/passwd\"}}");
    assert_fails(fc_weights_open(&w, fc_test_tmp_path("bad3"), &err), FC_FORMAT, &err, "no file name");
    app_write("bad4/model_index.json", "{}");
    app_write("bad4/unet/diffusion_pytorch_model.safetensors.index.json", "{\"weight_map\": []}");
    assert_fails(fc_weights_open(&w, fc_test_tmp_path("bad4"), &err), FC_FORMAT, &err, "lists no tensors");
    app_write("bad5/model_index.json", "{}");
    app_write("bad5/unet/diffusion_pytorch_model.safetensors.index.json",
              "{\"weight_map\": {\"a\": \"x.safetensors\"}}");
    assert_fails(fc_weights_open(&w, fc_test_tmp_path("bad5"), &err), FC_NOT_FOUND, &err, "x.safetensors");
    assert_false(fc_weights_is_folder(fc_test_tmpdir()));
}

/* k is missing: half a stack is no weight. */
static void test_missing_part(void **state)
{
    static const float numbers[16];
    const fc_st_source tensors[] = {
        {.name = "text_model.encoder.layers.0.self_attn.q_proj.weight",
         .dtype = FC_F32,
         .ndim = 2,
         .shape = {4, 4},
         .data = numbers},
        {.name = "text_model.encoder.layers.0.self_attn.v_proj.weight",
         .dtype = FC_F32,
         .ndim = 2,
         .shape = {4, 4},
         .data = numbers},
        {.name = "text_model.encoder.layers.0.self_attn.k_proj.weight",
         .dtype = FC_F32,
         .ndim = 2,
         .shape = {2, 4},
         .data = numbers},
    };
    fc_weights *w;
    fc_err err;
    (void)state;
    app_write("half/model_index.json", "{}");
    app_write("half/text_encoder_2/x", "");
    const char *path = fc_test_tmp_path("half/text_encoder_2/model.safetensors");
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = tensors, .count = 2}, &err), &err);
    assert_fails(fc_weights_open(&w, fc_test_tmp_path("half"), &err), FC_FORMAT, &err, "is missing");
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = tensors, .count = 3}, &err), &err);
    assert_fails(fc_weights_open(&w, fc_test_tmp_path("half"), &err), FC_FORMAT, &err, "do not fit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights), cmocka_unit_test(test_latents), cmocka_unit_test(test_vae_alone),
        cmocka_unit_test(test_broken_folders), cmocka_unit_test(test_missing_part)};
    return cmocka_run_group_tests(tests, make_layouts, NULL);
}

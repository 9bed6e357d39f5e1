/* One tensor under every name that single files give it: all become the canonical one, values in place. */
#include "nn/weights.h"

#include <string.h>
#include "support/support.h"

enum { MAX_TENSORS = 4 };

typedef struct name_pair {
    const char *in[MAX_TENSORS]; /* names in the file; each [4][2] */
    const char *out;             /* what the first becomes */
    int64_t rows;                /* of it */
} name_pair;

static float values[MAX_TENSORS][8];

static fc_weights *open_file(const name_pair *p)
{
    fc_st_source tensors[MAX_TENSORS];
    size_t count = 0;
    fc_weights *w;
    fc_err err = {0};
    const char *path = fc_test_tmp_path("single.safetensors");
    for (; count < MAX_TENSORS && p->in[count]; count++) {
        for (int i = 0; i < 8; i++) values[count][i] = (float)(10 * (int)count + i);
        tensors[count] = (fc_st_source){p->in[count], FC_F32, 2, {4, 2}, values[count]};
    }
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = tensors, .count = count}, &err), &err);
    assert_ok(fc_weights_open(&w, path, &err), &err);
    return w;
}

#define CLIP_G "conditioner.embedders.1.model."
#define QKV(prefix)                                                                                          \
    {                                                                                                        \
        prefix "text_model.encoder.layers.0.self_attn.q_proj.weight",                                        \
            prefix "text_model.encoder.layers.0.self_attn.k_proj.weight",                                    \
            prefix "text_model.encoder.layers.0.self_attn.v_proj.weight"                                     \
    }

static void test_names(void **state)
{
    (void)state;
    static const name_pair pairs[] = {
        {{"model.diffusion_model.out.0.weight"}, "model.diffusion_model.out.0.weight", 4},
        {{"out.0.weight", "label_emb.0.0.weight"}, "model.diffusion_model.out.0.weight", 4},
        {{"module.out.0.weight", "module.label_emb.0.0.weight"}, "model.diffusion_model.out.0.weight", 4},
        {{"diffusion_model.out.0.weight", "diffusion_model.label_emb.0.0.weight"},
         "model.diffusion_model.out.0.weight",
         4},
        {{"unet.out.0.weight", "unet.label_emb.0.0.weight"}, "model.diffusion_model.out.0.weight", 4},
        {{"unet.conv_norm_out.weight", "unet.add_embedding.linear_1.weight"},
         "model.diffusion_model.out.0.weight",
         4},
        {{"conv_norm_out.weight", "add_embedding.linear_1.weight"}, "model.diffusion_model.out.0.weight", 4},
        {{"control_model.out.0.weight", "control_model.label_emb.0.0.weight"},
         "control_model.out.0.weight",
         4},
        {{CLIP_G "ln_final.weight"}, CLIP_G "ln_final.weight", 4},
        {{CLIP_G "text_model.final_layer_norm.weight"}, CLIP_G "ln_final.weight", 4},
        {{"conditioner.embedders.1.transformer.text_model.final_layer_norm.weight"},
         CLIP_G "ln_final.weight",
         4},
        {{"text_encoder_2.text_model.final_layer_norm.weight"}, CLIP_G "ln_final.weight", 4},
        {{"text_encoder.text_model.final_layer_norm.weight"},
         "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight",
         4},
        {{"conditioner.embedders.0.model.text_model.final_layer_norm.weight"},
         "conditioner.embedders.0.model.ln_final.weight",
         4},
        {QKV(CLIP_G), CLIP_G "transformer.resblocks.0.attn.in_proj_weight", 12},
        {QKV("text_encoder_2."), CLIP_G "transformer.resblocks.0.attn.in_proj_weight", 12},
        {{"vae.decoder.conv_norm_out.weight"}, "first_stage_model.decoder.norm_out.weight", 4},
        {{CLIP_G "text_model.embeddings.position_ids"}, CLIP_G "text_model.embeddings.position_ids", 4},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        fc_weights *w = open_file(&pairs[i]);
        fc_weight *t = fc_weights_find(w, pairs[i].out);
        float got[24];
        if (!t) fail_msg("%s is not %s", pairs[i].in[0], pairs[i].out);
        assert_int_equal(fc_weight_rows(t), pairs[i].rows);
        assert_int_equal(fc_weight_read(t, 0, (int32_t)pairs[i].rows, got), FC_OK);
        for (int64_t k = 0; k < pairs[i].rows / 4; k++)
            assert_memory_equal(got + 8 * k, values[k], sizeof values[k]);
        fc_weights_close(w);
    }
}

static void test_projection(void **state)
{
    (void)state;
    static const name_pair pairs[] = {
        {{CLIP_G "text_projection.weight"}, CLIP_G "text_projection", 2},
        {{"text_encoder_2.text_projection.weight"}, CLIP_G "text_projection", 2},
        {{CLIP_G "text_projection"}, CLIP_G "text_projection", 4}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        fc_weights *w = open_file(&pairs[i]);
        fc_weight *t = fc_weights_find(w, pairs[i].out);
        float got[8];
        assert_non_null(t);
        assert_int_equal(fc_weight_rows(t), pairs[i].rows);
        assert_int_equal(fc_weight_read(t, 0, (int32_t)pairs[i].rows, got), FC_OK);
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < 2; c++)
                assert_true((pairs[i].rows == 2 ? got[c * 4 + r] : got[r * 2 + c]) == values[0][r * 2 + c]);
        fc_weights_close(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_projection)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

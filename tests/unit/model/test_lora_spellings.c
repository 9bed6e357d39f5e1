/* One module of a LoRA under every name that trainers give it. */
#include "model/lora_names.h"

#include <string.h>
#include "support/nano.h"
#include "support/support.h"

static fc_weights *open_model(void)
{
    fc_synth s;
    fc_weights *w;
    fc_err err = {0};
    const char *path = fc_test_tmp_path("nano.safetensors");
    fc_synth_init(&s);
    fc_nano_unet(&s, FC_NANO_MIDDLE_FULL);
    fc_nano_clip_l(&s);
    fc_nano_clip_g(&s);
    assert_ok(fc_synth_write(path, &s, FC_F16, &err), &err);
    fc_synth_fini(&s);
    assert_ok(fc_weights_open(&w, path, &err), &err);
    return w;
}

static void test_one_target_many_names(void **state)
{
    (void)state;
    static const char *const names[][12] = {
        {"model.diffusion_model.input_blocks.1.0.in_layers.2.weight",
         "lora_unet_input_blocks_1_0_in_layers_2", "lora_unet_down_blocks_0_resnets_0_conv1",
         "lycoris_input_blocks_1_0_in_layers_2", "lycoris_down_blocks_0_resnets_0_conv1",
         "diffusion_model.input_blocks.1.0.in_layers.2",
         "diffusion_model.input_blocks.1.0.in_layers.2.weight", "unet.down_blocks.0.resnets.0.conv1",
         "down_blocks.0.resnets.0.conv1", "base_model.model.unet.down_blocks.0.resnets.0.conv1",
         "base_model.model.down_blocks.0.resnets.0.conv1"},
        {"conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1.weight",
         "lora_te1_text_model_encoder_layers_0_mlp_fc1", "lora_te_text_model_encoder_layers_0_mlp_fc1",
         "text_encoder.text_model.encoder.layers.0.mlp.fc1",
         "text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1",
         "clip_l.transformer.text_model.encoder.layers.0.mlp.fc1"},
        {"conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_fc.weight",
         "lora_te2_text_model_encoder_layers_0_mlp_fc1", "text_encoder_2.text_model.encoder.layers.0.mlp.fc1",
         "text_encoders.clip_g.transformer.text_model.encoder.layers.0.mlp.fc1"},
        {"conditioner.embedders.1.model.transformer.resblocks.0.ln_2.weight",
         "lora_te2_text_model_encoder_layers_0_layer_norm2"},
        {"conditioner.embedders.1.model.ln_final.weight", "lora_te2_text_model_final_layer_norm"},
        {"conditioner.embedders.1.model.text_projection", "lora_te2_text_projection",
         "text_encoder_2.text_projection", "text_encoders.clip_g.transformer.text_projection"},
    };
    fc_weights *w = open_model();
    fc_lora_names *n;
    fc_err err = {0};
    assert_ok(fc_lora_names_new(&n, w, &err), &err);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const fc_weight *want = fc_weights_find(w, names[i][0]);
        if (!want) fail_msg("%s is not in the model", names[i][0]);
        for (int k = 1; k < 12 && names[i][k]; k++) {
            fc_lora_target t = {0};
            if (!fc_lora_names_resolve(n, names[i][k], strlen(names[i][k]), &t) || t.weight != want)
                fail_msg("%s is not %s", names[i][k], names[i][0]);
            assert_true(t.transposed == (strstr(names[i][0], "text_projection") != NULL));
        }
    }
    static const char *const none[] = {"", "lora_unet_", "lora_unet_nothing", "lora_te3_text_projection",
                                       "m"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        fc_lora_target t;
        assert_false(fc_lora_names_resolve(n, none[i], strlen(none[i]), &t));
    }
    fc_lora_names_free(n);
    fc_weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_target_many_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

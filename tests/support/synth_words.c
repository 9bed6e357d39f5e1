/* Synthetic networks that read or write sentences: translation. Values are made of a prefix of the kind and
 * the name in the file. */
#include "support/synth_impl.h"

#include <math.h>
#include <string.h>

/* Three times the usual weights: what stands in a text counts for more than its last word. */
static void add_linear(fc_synth *s, const char *layer, int64_t out, int64_t in)
{
    fc_synth_add(s, synth_name("%s.weight", layer).text, 2, (int64_t[]){out, in}, 0.0,
                 3 * sqrt(12.0) / sqrt((double)in));
    fc_synth_add(s, synth_name("%s.bias", layer).text, 1, &out, 0.0, 0.1);
}

static void add_attention(fc_synth *s, const char *name, int64_t width)
{
    static const char *const parts[] = {"q_proj", "k_proj", "v_proj", "out_proj"};
    for (int i = 0; i < 4; i++) add_linear(s, synth_name("%s.%s", name, parts[i]).text, width, width);
}

/* A translator of 97 words, 32 wide, two layers on either side. */
static void build_marian(fc_synth *s)
{
    enum { WORDS = 97, WIDTH = 32, MLP = 48 };
    const int64_t bias[] = {1, WORDS};
    synth_embedding(s, "model.shared.weight", WORDS, WIDTH);
    fc_synth_add(s, "final_logits_bias", 2, bias, 0.0, 0.5);
    for (int i = 0; i < 4; i++) {
        bool writes = i >= 2;
        synth_text layer = synth_name("model.%s.layers.%d", writes ? "decoder" : "encoder", i % 2);
        const char *b = layer.text;
        add_attention(s, synth_name("%s.self_attn", b).text, WIDTH);
        synth_norm(s, synth_name("%s.self_attn_layer_norm", b).text, WIDTH);
        if (writes) add_attention(s, synth_name("%s.encoder_attn", b).text, WIDTH);
        if (writes) synth_norm(s, synth_name("%s.encoder_attn_layer_norm", b).text, WIDTH);
        add_linear(s, synth_name("%s.fc1", b).text, MLP, WIDTH);
        add_linear(s, synth_name("%s.fc2", b).text, WIDTH, MLP);
        synth_norm(s, synth_name("%s.final_layer_norm", b).text, WIDTH);
    }
}

bool synth_build_words(fc_synth *s, const char *kind)
{
    if (strcmp(kind, "marian_tiny") != 0) return false;
    build_marian(s);
    return true;
}

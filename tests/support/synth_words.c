/* Synthetic networks that read or write sentences: translation, captions. Values are made of a prefix of the
 * kind and the name in the file. */
#include "support/synth_impl.h"

#include <math.h>
#include <string.h>

#include "base/str.h"

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

/* A captioner of 60 words for pictures of 32 x 32, all of it 32 wide, two layers on either side. */
enum { BLIP_WORDS = 60, BLIP_WIDTH = 32, BLIP_MLP = 48, BLIP_PLACES = 17, BLIP_CONTEXT = 32, BLIP_PATCH = 8 };

static void build_blip_vision(fc_synth *s)
{
    const int64_t w = BLIP_WIDTH;
    fc_synth_add(s, "visual_encoder.cls_token", 3, (int64_t[]){1, 1, w}, 0.0, sqrt(12.0) * 0.2);
    fc_synth_add(s, "visual_encoder.pos_embed", 3, (int64_t[]){1, BLIP_PLACES, w}, 0.0, sqrt(12.0) * 0.2);
    synth_conv(s, "visual_encoder.patch_embed.proj", w, 3, BLIP_PATCH);
    for (int i = 0; i < 2; i++) {
        synth_text block = synth_name("visual_encoder.blocks.%d", i);
        synth_norm(s, synth_name("%s.norm1", block.text).text, w);
        add_linear(s, synth_name("%s.attn.qkv", block.text).text, 3 * w, w);
        add_linear(s, synth_name("%s.attn.proj", block.text).text, w, w);
        synth_norm(s, synth_name("%s.norm2", block.text).text, w);
        add_linear(s, synth_name("%s.mlp.fc1", block.text).text, BLIP_MLP, w);
        add_linear(s, synth_name("%s.mlp.fc2", block.text).text, w, BLIP_MLP);
    }
    synth_norm(s, "visual_encoder.norm", w);
}

static void add_bert_attention(fc_synth *s, const char *name)
{
    static const char *const parts[] = {"self.query", "self.key", "self.value", "output.dense"};
    for (int i = 0; i < 4; i++)
        add_linear(s, synth_name("%s.%s", name, parts[i]).text, BLIP_WIDTH, BLIP_WIDTH);
    synth_norm(s, synth_name("%s.output.LayerNorm", name).text, BLIP_WIDTH);
}

static void build_blip_text(fc_synth *s)
{
    const int64_t w = BLIP_WIDTH, words = BLIP_WORDS;
    synth_embedding(s, "text_decoder.bert.embeddings.word_embeddings.weight", words, w);
    const char *seed = s->tensors[s->count - 1].name;
    synth_embedding(s, "text_decoder.bert.embeddings.position_embeddings.weight", BLIP_CONTEXT, w);
    synth_norm(s, "text_decoder.bert.embeddings.LayerNorm", w);
    for (int i = 0; i < 2; i++) {
        synth_text layer = synth_name("text_decoder.bert.encoder.layer.%d", i);
        add_bert_attention(s, synth_name("%s.attention", layer.text).text);
        add_bert_attention(s, synth_name("%s.crossattention", layer.text).text);
        add_linear(s, synth_name("%s.intermediate.dense", layer.text).text, BLIP_MLP, w);
        add_linear(s, synth_name("%s.output.dense", layer.text).text, w, BLIP_MLP);
        synth_norm(s, synth_name("%s.output.LayerNorm", layer.text).text, w);
    }
    fc_synth_add(s, "text_decoder.cls.predictions.bias", 1, &words, 0.0, 0.1);
    add_linear(s, "text_decoder.cls.predictions.transform.dense", w, w);
    synth_norm(s, "text_decoder.cls.predictions.transform.LayerNorm", w);
    synth_embedding(s, "text_decoder.cls.predictions.decoder.weight", words, w);
    if (s->status == FC_OK) s->tensors[s->count - 1].seed = seed; /* the word table again */
}

/* The same weights under transformers' names. */
static void rename_blip(fc_synth *s)
{
    static const char *const names[][2] = {
        {"visual_encoder.cls_token", "vision_model.embeddings.class_embedding"},
        {"visual_encoder.pos_embed", "vision_model.embeddings.position_embedding"},
        {"visual_encoder.patch_embed.proj", "vision_model.embeddings.patch_embedding"},
        {"visual_encoder.norm", "vision_model.post_layernorm"},
        {"visual_encoder.blocks", "vision_model.encoder.layers"}};
    static const char *const parts[][2] = {{".norm1", ".layer_norm1"},
                                           {".norm2", ".layer_norm2"},
                                           {".attn.qkv", ".self_attn.qkv"},
                                           {".attn.proj", ".self_attn.projection"},
                                           {"", ""}};
    for (size_t i = 0; i < s->count && s->status == FC_OK; i++) {
        fc_synth_tensor *t = &s->tensors[i];
        const char *rest = NULL, *at;
        int n = 0, p = 0;
        for (; n < 5 && !rest; n++)
            if (fc_str_starts(t->name, names[n][0])) rest = t->name + strlen(names[n][0]);
        if (!rest) continue;
        while (!(at = strstr(rest, parts[p][0]))) p++;
        if (!t->seed) t->seed = t->name;
        t->name = fc_arena_printf(&s->arena, "%s%.*s%s%s", names[n - 1][1], (int)(at - rest), rest,
                                  parts[p][1], at + strlen(parts[p][0]));
        s->status = s->arena.status;
    }
}

bool synth_build_words(fc_synth *s, const char *kind)
{
    bool renamed = strcmp(kind, "blip_tiny_hf") == 0;
    if (strcmp(kind, "marian_tiny") == 0) {
        build_marian(s);
        return true;
    }
    if (strcmp(kind, "blip_tiny") != 0 && !renamed) return false;
    build_blip_vision(s);
    build_blip_text(s);
    if (renamed) rename_blip(s);
    return true;
}

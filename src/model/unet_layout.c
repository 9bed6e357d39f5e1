/* Reads the UNet's table of blocks from the names and shapes in a file. The topology stands nowhere else.
 *
 * A block is a list of layers "block.0", "block.1", ...; each kind of layer is known by a tensor that only it
 * has, large kinds by either of two, so that a file that lacks one is not taken for a smaller model. Widths
 * of outputs come from the file, widths of inputs from the layer before, so that a file whose parts do not
 * fit together is refused here or by the binder, never later. */
#include "model/unet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 32, NAME_SIZE = 160 };

static const struct {
    fc_unet_kind kind;
    const char *marker; /* tensor that shows the kind */
    const char *width;  /* tensor whose dimension 0 is the output width; NULL: as the input */
} kinds[] = {
    {FC_UNET_CONV, "weight", "weight"},
    {FC_UNET_RES, "in_layers.0.weight", "in_layers.2.weight"},
    {FC_UNET_RES, "out_layers.0.weight", "in_layers.2.weight"},
    {FC_UNET_ATTN, "proj_in.weight", NULL},
    {FC_UNET_ATTN, "norm.weight", NULL},
    {FC_UNET_DOWN, "op.weight", "op.weight"},
    {FC_UNET_UP, "conv.weight", "conv.weight"},
};

enum part { INPUT, MIDDLE, OUTPUT };

/* While reading: where the table is and what flows from block to block. */
struct reader {
    fc_unet_layout *l;
    fc_weights *w;
    fc_err *err;
    enum part part;
    int32_t channels, level;
    struct {
        int32_t channels, level;
    } skip[FC_UNET_MAX_BLOCKS];
    int32_t skips, blocks;
};

static int32_t dim(struct reader *r, int32_t d, const char *format, ...) FC_PRINTF(3, 4);
/* Dimension d of a tensor below the UNet's prefix; -1 when there is none, 0 when it is out of range. */
static int32_t dim(struct reader *r, int32_t d, const char *format, ...)
{
    char name[NAME_SIZE] = FC_UNET_PREFIX;
    size_t at = strlen(name);
    va_list args;
    va_start(args, format);
    vsnprintf(name + at, sizeof name - at, format, args);
    va_end(args);
    int64_t n = fc_weights_dim(r->w, name, d);
    return n > FC_UNET_MAX_CHANNELS ? 0 : (int32_t)n;
}

static fc_status odd(struct reader *r, const char *block, const char *what)
{
    return fc_fail(r->err, FC_FORMAT,
                   "the UNet in this file cannot be read: %s%s%s; if it is an SDXL model, download it again",
                   block, block[0] ? ": " : "", what);
}

static bool has_transformer_block(struct reader *r, const char *block, const char *layer, int32_t i)
{
    return dim(r, 0, "%s.%s.transformer_blocks.%d.norm1.weight", block, layer, i) >= 0 ||
           dim(r, 0, "%s.%s.transformer_blocks.%d.ff.net.2.weight", block, layer, i) >= 0;
}

static int32_t count_depth(struct reader *r, const char *block, const char *layer)
{
    int32_t n = 0;
    while (n <= MAX_DEPTH && has_transformer_block(r, block, layer, n)) n++;
    return n;
}

/* Checks one layer against what flows into it and moves on: channels, level, number of cross attentions. */
static fc_status accept_layer(struct reader *r, const char *block, fc_unet_layer *y, bool first)
{
    if (y->cout < 0) return odd(r, block, "a layer's main weight is missing");
    if (y->cout == 0) return odd(r, block, "a layer has an impossible width");
    if (y->kind == FC_UNET_RES && (y->cin % 32 || y->cout % 32))
        return odd(r, block, "its width is no multiple of 32");
    if (y->kind == FC_UNET_ATTN) {
        if (first) return odd(r, block, "it begins with a transformer");
        if (y->cin % 64) return odd(r, block, "attention heads are not 64 wide, so it is no SDXL model");
        y->depth = count_depth(r, block, y->name);
        y->cross = r->l->cross_count;
        if (y->depth < 1 || y->depth > MAX_DEPTH)
            return odd(r, block, "an impossible number of transformer blocks");
        if (y->depth > FC_UNET_MAX_CROSS - r->l->cross_count)
            return odd(r, block, "too many transformer blocks");
        r->l->cross_count += y->depth;
    }
    if (y->kind == FC_UNET_DOWN) {
        if (r->part != INPUT) return odd(r, block, "it shrinks the image on the way up");
        r->level++;
    }
    if (y->kind == FC_UNET_UP) {
        if (r->part != OUTPUT) return odd(r, block, "it enlarges the image on the way down");
        r->level--; /* below 0 no skip tensor fits */
    }
    r->channels = y->cout;
    return FC_OK;
}

/* Fills the kind and widths of the layer that bears y->name; false when there is none. */
static bool find_layer(struct reader *r, const char *block, fc_unet_layer *y, int32_t cin)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (dim(r, 0, "%s.%s.%s", block, y->name, kinds[i].marker) < 0) continue;
        y->kind = kinds[i].kind;
        y->cin = cin;
        y->cout = kinds[i].width ? dim(r, 0, "%s.%s.%s", block, y->name, kinds[i].width) : cin;
        return true;
    }
    return false;
}

/* Reads the layers of the block whose name, cin and skip are set; a block without layers is not there. */
static fc_status read_layers(struct reader *r, fc_unet_block *b)
{
    int32_t cin = b->cin + b->skip;
    b->level = r->level;
    for (int32_t k = 0;; k++) {
        fc_unet_layer y = {0};
        snprintf(y.name, sizeof y.name, "%d", k);
        if (!find_layer(r, b->name, &y, cin)) break;
        if (k == FC_UNET_MAX_LAYERS) return odd(r, b->name, "too many layers");
        fc_status status = accept_layer(r, b->name, &y, k == 0);
        if (status) return status;
        b->layer[b->layer_count++] = y;
        cin = y.cout;
    }
    b->cout = cin;
    return FC_OK;
}

static bool block_exists(struct reader *r, const char *name)
{
    fc_unet_layer y = {.name = "0"};
    return find_layer(r, name, &y, 0);
}

static void name_block(const struct reader *r, fc_unet_block *b, int32_t i)
{
    if (r->part == MIDDLE)
        snprintf(b->name, sizeof b->name, "middle_block");
    else
        snprintf(b->name, sizeof b->name, "%s_blocks.%d", r->part == INPUT ? "input" : "output", i);
}

/* Takes back the newest of the input blocks' results, which must have the size of the image now. */
static fc_status pop_skip(struct reader *r, fc_unet_block *b)
{
    if (r->skips == 0) return odd(r, b->name, "there are more output blocks than input blocks");
    r->skips--;
    b->skip = r->skip[r->skips].channels;
    if (r->skip[r->skips].level != r->level) return odd(r, b->name, "it meets an image of another size");
    return FC_OK;
}

static void push_skip(struct reader *r, const fc_unet_block *b)
{
    r->skip[r->skips].channels = b->cout;
    r->skip[r->skips].level = r->level;
    r->skips++;
}

/* Reads all blocks of one part of the network, as many as the file has. */
static fc_status read_blocks(struct reader *r, enum part part, int32_t *count)
{
    r->part = part;
    for (int32_t i = 0; part != MIDDLE || i == 0; i++) {
        fc_unet_block b = {.cin = r->channels};
        name_block(r, &b, i);
        if (!block_exists(r, b.name)) break;
        if (r->blocks == FC_UNET_MAX_BLOCKS) return odd(r, b.name, "too many blocks");
        fc_status status = part == OUTPUT ? pop_skip(r, &b) : FC_OK;
        if (!status) status = read_layers(r, &b);
        if (status) return status;
        if (part == INPUT) push_skip(r, &b);
        r->l->block[r->blocks++] = b;
        ++*count;
    }
    return FC_OK;
}

/* Numbers of the network as a whole. */
static fc_status read_widths(struct reader *r, bool encoder)
{
    fc_unet_layout *l = r->l;
    l->in_channels = dim(r, 1, "input_blocks.0.0.weight");
    l->out_channels = encoder ? l->in_channels : dim(r, 0, "out.2.weight");
    l->channels = dim(r, 1, "time_embed.0.weight");
    l->time_width = dim(r, 0, "time_embed.0.weight");
    l->label_width = dim(r, 1, "label_emb.0.0.weight");
    if (l->in_channels <= 0 || l->out_channels <= 0 || l->channels <= 0 || l->time_width <= 0)
        return odd(r, "", "its first or last layers are missing");
    if (l->label_width <= 0) return odd(r, "", "it has no label embedding, so it is no SDXL model");
    if (l->channels % 2) return odd(r, "", "the time embedding has an odd width");
    return FC_OK;
}

/* Width of the text: all cross attentions must have the same one, which the binder checks. */
static void read_context_width(struct reader *r)
{
    for (int32_t i = 0; i < r->blocks; i++) {
        const fc_unet_block *b = &r->l->block[i];
        for (int32_t k = 0; k < b->layer_count; k++) {
            if (b->layer[k].kind != FC_UNET_ATTN) continue;
            r->l->context_width =
                dim(r, 1, "%s.%s.transformer_blocks.0.attn2.to_k.weight", b->name, b->layer[k].name);
            return;
        }
    }
}

fc_status fc_unet_layout_read_encoder(fc_unet_layout *l, fc_weights *w, fc_err *err)
{
    memset(l, 0, sizeof *l);
    struct reader r = {.l = l, .w = w, .err = err};
    fc_status status = read_widths(&r, true);
    r.channels = l->in_channels;
    if (status != FC_OK) return status;
    status = read_blocks(&r, INPUT, &l->inputs);
    if (status != FC_OK) return status;
    status = read_blocks(&r, MIDDLE, &l->middles);
    if (status) return status;
    if (l->inputs == 0) return odd(&r, "", "it has no input blocks");
    read_context_width(&r);
    return FC_OK;
}

fc_status fc_unet_layout_read(fc_unet_layout *l, fc_weights *w, fc_err *err)
{
    memset(l, 0, sizeof *l);
    struct reader r = {.l = l, .w = w, .err = err};
    fc_status status = read_widths(&r, false);
    r.channels = l->in_channels;
    if (status != FC_OK) return status;
    status = read_blocks(&r, INPUT, &l->inputs);
    if (status != FC_OK) return status;
    status = read_blocks(&r, MIDDLE, &l->middles);
    if (status != FC_OK) return status;
    status = read_blocks(&r, OUTPUT, &l->outputs);
    if (status) return status;
    if (l->inputs == 0 || r.skips != 0) return odd(&r, "", "input and output blocks do not pair up");
    if (r.level != 0) return odd(&r, "", "its result is smaller than its input");
    if (r.channels % 32) return odd(&r, "", "the width of its last block is no multiple of 32");
    read_context_width(&r);
    if (l->context_width <= 0) return odd(&r, "", "it has no cross attention");
    return FC_OK;
}

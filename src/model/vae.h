/* The autoencoder of SDXL: pixels <-> latents, 8 pixels a latent. Widths and depths are read from the file.
 *
 * Latents here are in the VAE's own scale: divide the sampler's by FC_VAE_SCALE before decoding, multiply
 * after encoding. Images are [n,h,w,3], nominally -1..1. Must match ldm AutoencoderKL. */
#ifndef FC_MODEL_VAE_H
#define FC_MODEL_VAE_H

#include "nn/ops.h"

#define FC_VAE_SCALE 0.13025f

typedef struct fc_vae fc_vae;

typedef enum fc_vae_parts { FC_VAE_DECODER = 1, FC_VAE_ENCODER = 2, FC_VAE_BOTH = 3 } fc_vae_parts;

/* Binds the parts asked for; w must outlive the model. Names begin with "first_stage_model.", or with nothing
 * in a file that holds a VAE alone. */
fc_status fc_vae_open(fc_vae **out, fc_weights *w, fc_vae_parts parts, fc_err *err) FC_MUST_USE;
void fc_vae_close(fc_vae *v); /* NULL is fine */
int32_t fc_vae_latent_channels(const fc_vae *v);
int32_t fc_vae_factor(const fc_vae *v); /* pixels a latent: 8 */

/* z [n,h,w,4] -> [n,8h,8w,3] F32. Peak memory of the stack: fc_vae_decode_bytes. strips: in half the memory
 * and 1.36 times the time, the same picture but for rounding; of one image (several are decoded in one
 * piece). */
fc_tensor fc_vae_decode(fc_cx *cx, const fc_vae *v, fc_tensor z, bool strips);
/* image [n,h,w,3] -> [n,h/8,w/8,8] F32: means, then logarithms of variances (not yet clamped). h and w are
 * multiples of 8 (other sizes round down as the reference's do). */
fc_tensor fc_vae_encode(fc_cx *cx, const fc_vae *v, fc_tensor image);

/* Stack bytes that decoding (encoding) a latent of h x w takes with activations of type act. */
uint64_t fc_vae_decode_bytes(const fc_vae *v, fc_dtype act, int32_t n, int32_t h, int32_t w, bool strips);
uint64_t fc_vae_encode_bytes(const fc_vae *v, fc_dtype act, int32_t n, int32_t h, int32_t w);

/* ---- host side ---- */

/* One sample of the posterior: moments [count][2*channels] as fc_vae_encode gives them, noise
 * [count][channels] (NULL: the mean itself) -> z [count][channels], which may be moments, = mean +
 * exp(clamp(logvar, -30, 20) / 2) * noise */
void fc_vae_sample(const float *moments, const float *noise, float *z, size_t count, int32_t channels);
/* Pixels -1..1 -> 0..255, clamped, truncated (not rounded) as the reference does. */
void fc_vae_to_u8(const float *image, uint8_t *out, size_t count);
/* The same value on the reference's scale: clamp((x + 1) / 2, 0, 1). */
static inline float fc_vae_unit(float x)
{
    float v = (x + 1.0f) / 2.0f;
    return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v; /* NaN stays NaN */
}

/* ---- tiles (vae_tiled.c): what the reference does when memory runs out ---- */

/* Latents that a tile covers, and how many of them it shares with its neighbour. What is shared is blended
 * linearly. */
typedef struct fc_vae_tiling {
    int32_t h, w, overlap_y, overlap_x;
    bool slivers; /* also tiles that lie wholly within the one before, as the reference places them */
} fc_vae_tiling;

/* The mean of three tilings of different shape: what Fooocus enlarges pictures with, both ways. */
extern const fc_vae_tiling fc_vae_decode_tilings[3], fc_vae_encode_tilings[3];
/* The same with smaller tiles, of the version before. */
extern const fc_vae_tiling fc_vae_reference_tilings[3];

/* Called after every tile. */
typedef void (*fc_vae_progress)(void *user, int32_t done, int32_t total);

typedef struct fc_vae_tiles {
    const fc_vae_tiling *tilings; /* the result is the mean over all of them */
    int32_t count;
    fc_vae_progress progress; /* may be NULL */
    /* Encoding: noise [h][w][channels] for a tile, of which one sample is taken then; NULL: moments are
     * wanted. */
    void (*draw)(void *user, float *noise, int32_t h, int32_t w, int32_t channels);
    void *user;
} fc_vae_tiles;

/* Decodes z (host [h][w][4]) tile by tile into image (host [8h][8w][3], -1..1). */
void fc_vae_decode_tiled(fc_cx *cx, const fc_vae *v, const float *z, int32_t h, int32_t w,
                         const fc_vae_tiles *tiles, float *image);
/* Encodes image (host [8h][8w][3]) into moments (host [h][w][8]), or with tiles->draw into the mean over
 * samples of all tiles (host [h][w][4]); h and w are those of the latent. */
void fc_vae_encode_tiled(fc_cx *cx, const fc_vae *v, const float *image, int32_t h, int32_t w,
                         const fc_vae_tiles *tiles, float *moments);

#endif

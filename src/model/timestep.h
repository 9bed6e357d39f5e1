/* Sinusoidal embedding of one number, as SDXL embeds timesteps and sizes. */
#ifndef FC_MODEL_TIMESTEP_H
#define FC_MODEL_TIMESTEP_H

/* out[width] = [cos | sin] of t * 10000^(-2i/width), i < width/2; width even. Frequencies and products are
 * float32, to the last bit those of the reference: arguments reach 1536, where a more exact frequency moves
 * the result by 1e-4. */
void fc_timestep_embedding(float t, int width, float *out);

#endif

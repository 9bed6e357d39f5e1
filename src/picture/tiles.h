/* A picture that goes through a network tile by tile, for upscalers whose activations would not fit
 * otherwise: where the tiles lie, and how their results are blended into 8-bit pixels.
 *
 *     fc_tiles_init(&t, src.w, src.h, 4, 512, 32, &err);
 *     for row < t.rows, for column < t.columns:
 *         fc_tiles_read(&t, &src, row, column, input);      the network's input
 *         ... output = network(input) ...
 *         fc_tiles_write(&t, &dst, row, column, output);    blended; finished rows go to dst
 *     fc_tiles_fini(&t);
 *
 * Tiles begin every `tile - overlap` pixels as long as the beginning lies inside the picture, so the last may
 * be thin. A tile's weight rises from its edges over the overlap; the result is the weighted mean. Memory: 16
 * bytes for each pixel of the result in one row of tiles. */
#ifndef FC_PICTURE_TILES_H
#define FC_PICTURE_TILES_H

#include "picture/fit.h"

typedef struct fc_tiles {
    int32_t rows, columns; /* of the grid */
    /* private */
    int32_t w, h, scale, tile, overlap;
    float *sum,
        *weight; /* [tile * scale][w * scale], the former with 3 channels: from the current row's top on */
    float *ramp; /* [2][tile * scale]: weights of the current tile's rows and columns */
} fc_tiles;

/* A w x h picture becomes scale times as large. ARG unless scale is 1 to 16, tile at least 1 and 0 <= overlap
 * < tile; LIMIT when the result is over format/pixels.h's maxima; NOMEM. */
fc_status fc_tiles_init(fc_tiles *t, int32_t w, int32_t h, int32_t scale, int32_t tile, int32_t overlap,
                        fc_err *err) FC_MUST_USE;
void fc_tiles_fini(fc_tiles *t);

/* What a tile covers of the source. */
fc_area fc_tiles_area(const fc_tiles *t, int32_t row, int32_t column);
/* A tile of an RGB source as floats 0 .. 1: out [height of its area][width][3]. */
void fc_tiles_read(const fc_tiles *t, const fc_pixels *rgb, int32_t row, int32_t column, float *out);
/* What the network made of it, [scale * height][scale * width][3], 0 .. 1 (clamped after blending). Tiles
 * must come row by row, left to right. dst is RGB of scale times the size; a row of it is there when no later
 * tile touches it, all of it after the last tile. */
void fc_tiles_write(fc_tiles *t, const fc_pixels *dst, int32_t row, int32_t column, const float *made);

#endif

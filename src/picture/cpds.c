/* The contrast-preserving structure picture that CPDS control looks at. See cpds.h. */
#include "picture/cpds.h"

#include <math.h>
#include "base/mem.h"
#include "picture/blur.h"
#include "picture/decolor.h"
#include "picture/stretch.h"

/* boosted: bgr with the density as its lightness. In rows, so that no second picture is needed. */
static void boost_row(uint8_t *boosted, const uint8_t *bgr, const uint8_t *density, size_t w,
                      const fc_lab *lab)
{
    fc_lab_from_bgr(lab, boosted, bgr, w);
    for (size_t x = 0; x < w; x++) boosted[3 * x] = density[x];
    fc_lab_to_bgr(lab, boosted, boosted, w);
}

static float distance(const uint8_t *a, const uint8_t *b)
{
    float sum = 0.0f;
    for (int c = 0; c < 3; c++) sum += (float)((a[c] - b[c]) * (a[c] - b[c]));
    return sqrtf(sum);
}

/* values: density + distance. row [w][3] */
static void fill_values(float *values, const fc_pixels *blurred, const fc_pixels *density, const fc_lab *lab,
                        uint8_t *row)
{
    const size_t w = (size_t)blurred->w;
    for (int32_t y = 0; y < blurred->h; y++) {
        const uint8_t *from = fc_pixels_row(blurred, y), *grey = fc_pixels_row(density, y);
        boost_row(row, from, grey, w, lab);
        for (size_t x = 0; x < w; x++) *values++ = (float)grey[x] + distance(from + 3 * x, row + 3 * x);
    }
}

fc_status fc_cpds(fc_pixels *out, const fc_pixels *rgb, fc_err *err)
{
    fc_pixels blurred = {0}, density = {0};
    double weights[FC_DECOLOR_TERMS];
    int rounds;
    *out = (fc_pixels){0};
    if (rgb->channels != 3) return fc_fail(err, FC_ARG, "a density picture is made from an RGB picture");
    const size_t count = (size_t)rgb->w * (size_t)rgb->h;
    fc_lab *lab = fc_alloc(sizeof *lab);
    float *values = fc_calloc(count, sizeof *values);
    uint8_t *row = fc_calloc((size_t)rgb->w, 3);
    fc_status status =
        lab && values && row ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory for a density picture");
    if (status == FC_OK) {
        fc_lab_init(lab);
        status = fc_blur_gauss(&blurred, rgb, err);
    }
    if (status != FC_OK) goto out;
    /* Red stands where these functions expect blue, as Fooocus calls them. */
    status = fc_decolor_weights(weights, &rounds, &blurred, lab, err);
    if (status != FC_OK) goto out;
    status = fc_decolor_grey(&density, &blurred, weights, err);
    if (status != FC_OK) goto out;
    status = fc_pixels_init(out, rgb->w, rgb->h, 1, err);
    if (status == FC_OK) {
        fill_values(values, &blurred, &density, lab, row);
        status = fc_stretch_u8(out->data, values, count, 0.04, err);
        if (status != FC_OK) fc_pixels_fini(out);
    }
out:
    fc_pixels_fini(&blurred);
    fc_pixels_fini(&density);
    fc_free(lab);
    fc_free(values);
    fc_free(row);
    return status;
}

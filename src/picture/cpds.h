/* CPDS, Fooocus's stand-in for a depth map: how dense the picture's colours are. */
#ifndef FC_PICTURE_CPDS_H
#define FC_PICTURE_CPDS_H

#include "format/pixels.h"

/* An RGB picture -> one channel, 0 .. 255: a blurred picture's contrast-preserving grey plus how far colours
 * move when that becomes their lightness, stretched between the 4th and the 96th percentile. A picture
 * without colours (line art) has no such grey; what remains is its brightness. Memory: some 15 bytes a pixel
 * and 40 MB: meant for pictures that have been brought to the size of the painting. */
fc_status fc_cpds(fc_pixels *out, const fc_pixels *rgb, fc_err *err) FC_MUST_USE;

#endif

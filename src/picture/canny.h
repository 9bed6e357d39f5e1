/* Edges of a picture as a control network wants them. */
#ifndef FC_PICTURE_CANNY_H
#define FC_PICTURE_CANNY_H

#include "format/pixels.h"

/* OpenCV's Canny with a 3 x 3 Sobel and |dx| + |dy|: one channel -> 255 on edges, else 0. Edges start above
 * `high` and go on above `low`; thresholds are swapped when low > high and truncated to whole numbers. edges
 * is initialised here. Memory: 1 byte a pixel for edges, up to 5 more while it runs. */
fc_status fc_canny_edges(fc_pixels *edges, const fc_pixels *grey, double low, double high,
                         fc_err *err) FC_MUST_USE;

/* Fooocus's PyraCanny of an RGB picture -> one channel, 0 .. 255: edges at nine sizes from 0.2 to 1.0, each
 * laid over the enlarged ones before, stretched between the 1st and the 99th percentile. ARG for a side
 * below 5. Memory: some 20 bytes a pixel: meant for pictures that have been brought to the size of the
 * painting. */
fc_status fc_canny_pyramid(fc_pixels *out, const fc_pixels *rgb, double low, double high,
                           fc_err *err) FC_MUST_USE;

#endif

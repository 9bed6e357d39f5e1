/* A face brought to the place where a face adapter expects it. */
#ifndef FC_PICTURE_FACE_H
#define FC_PICTURE_FACE_H

#include "format/pixels.h"

enum { FC_FACE_POINTS = 5, FC_FACE_SIDE = 512 };

typedef struct fc_point {
    float x, y; /* pixels, may lie outside the picture */
} fc_point;

/* x' = a x - b y + dx, y' = b x + a y + dy */
typedef struct fc_similarity {
    double a, b, dx, dy;
} fc_similarity;

/* From the picture to the crop. points: left eye, right eye, nose, left and right corner of the mouth, as
 * seen in the picture. One wrong point of the five does no harm: least median of squares over OpenCV's fixed
 * random pairs, then least squares over what agrees. ARG when the points are no numbers or lie on one
 * another. */
fc_status fc_face_align(fc_similarity *to_crop, const fc_point points[FC_FACE_POINTS],
                        fc_err *err) FC_MUST_USE;

/* The face of an RGB picture, FC_FACE_SIDE squared; what lies outside the picture is grey. dst is initialised
 * here. OpenCV's bilinear warp in 1/32 of a pixel. */
fc_status fc_face_crop(fc_pixels *dst, const fc_pixels *rgb, const fc_similarity *to_crop,
                       fc_err *err) FC_MUST_USE;

#endif

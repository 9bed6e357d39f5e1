/* Ops: what models are written in. Each wraps the backend's function once: sticky error, cancel, shape check,
 * packing, timing. x_to variants write into a tensor the caller made; the others return a new one on cx's
 * stack with x's dtype. */
#ifndef FC_NN_OPS_H
#define FC_NN_OPS_H

#include "nn/cx.h"

/* [n,h,w,cin] -> [n,h,w,cout] */
fc_tensor fc_linear(fc_cx *cx, fc_tensor x, const fc_linear_w *w, fc_epi epi);
void fc_linear_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_linear_w *w, fc_epi epi);
/* [n,h,w,cin] -> [n,h',w',cout] */
fc_tensor fc_conv2d(fc_cx *cx, fc_tensor x, const fc_conv_w *w, fc_epi epi);
void fc_conv2d_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_conv_w *w, fc_epi epi);
/* x is first resized to y's size, nearest neighbour; w keeps that size */
void fc_conv2d_resized_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_conv_w *w, fc_epi epi);
/* with another stride or padding than w's own, for parts of a picture */
void fc_conv2d_geom_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_conv_w *w, const fc_conv_geom *geom,
                       fc_epi epi);
fc_tensor fc_group_norm(fc_cx *cx, fc_tensor x, const fc_norm_w *w, fc_act act);
void fc_group_norm_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_norm_w *w, fc_act act); /* y may be x */
/* For pictures in parts: statistics of n images; those of x joined to what stats has of `before` pixels of
 * each (0: nothing yet); and the norm by statistics that are given, y may be x. */
fc_tensor fc_group_stats_new(fc_cx *cx, const fc_norm_w *w, int32_t n);
void fc_group_stats_add(fc_cx *cx, fc_tensor stats, fc_tensor x, const fc_norm_w *w, int64_t before);
void fc_group_norm_given_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_norm_w *w, fc_act act,
                            fc_tensor stats);
fc_tensor fc_layer_norm(fc_cx *cx, fc_tensor x, const fc_norm_w *w);
/* q [n,1,Tq,c], k, v [n,1,Tk,c] -> [n,1,Tq,c] */
fc_tensor fc_attention(fc_cx *cx, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads, bool causal);
fc_tensor fc_geglu(fc_cx *cx, fc_tensor x); /* [n,h,w,2c] -> [n,h,w,c] */
fc_tensor fc_unary(fc_cx *cx, fc_tensor x, fc_act act);
void fc_unary_to(fc_cx *cx, fc_tensor y, fc_tensor x, fc_act act); /* y may be x */
void fc_axpby_to(fc_cx *cx, fc_tensor y, float a, fc_tensor x, float b,
                 fc_tensor z); /* y = a*x + b*z; y may be x or z */
void fc_copy_to(fc_cx *cx, fc_tensor y, fc_tensor x);
fc_tensor fc_concat(fc_cx *cx, fc_tensor a, fc_tensor b); /* along channels */
fc_tensor fc_convert(fc_cx *cx, fc_tensor x,
                     fc_dtype dtype); /* a copy in dtype, dense; x itself when it is that already */

/* Host float32 [n][h][w][c] -> device, as dtype; and back (dense, waits for the device). */
fc_tensor fc_upload(fc_cx *cx, fc_dtype dtype, const float *host, int32_t n, int32_t h, int32_t w, int32_t c);
void fc_download(fc_cx *cx, fc_tensor x, float *host);
/* Rows of an embedding table: ids[n*t] -> [n,1,t,c] in cx->act, plus position row i when positions is not
 * NULL. A negative id takes row (-id - 1) of extra [.][c] (host) instead: textual inversion. */
fc_tensor fc_embed(fc_cx *cx, const fc_table_w *table, const fc_table_w *positions, const int32_t *ids,
                   const float *extra, int32_t n, int32_t t);

#endif

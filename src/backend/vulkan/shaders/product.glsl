// What the product shaders share. y[m][n] = scale * act(sum over taps and k of x[row(m, tap)][k] * w[n][tap][k]
// + bias[n] + rowadd[image(m)][n]) + add[m][n]. A linear layer has one tap and row(m) = m; a convolution walks
// over its taps with contiguous channels, so nothing is unfolded. w: [n][tap][cin_padded], zeros behind cin.
#include "tensor.glsl"
#include "act.glsl"

layout(constant_id = 1) const uint BM = 64;
layout(constant_id = 2) const uint BN = 64;
layout(constant_id = 3) const uint BK = 16;
layout(constant_id = 4) const uint X_TYPE = 0;
layout(constant_id = 5) const uint W_TYPE = 0;
layout(constant_id = 6) const bool CONV = false;
layout(constant_id = 7) const bool X_VEC = false; // rows of x can be read four values at once
layout(constant_id = 8) const bool DIRECT = false; // operands are read where they are; for software drivers
layout(constant_id = 9) const uint FLAGS = 0;      // act, types and presence of the tail's operands: below; all
                                                   // ones: in p.flags, so that fewer pipelines are made

layout(push_constant) uniform Push {
    uint m, n, cin, cin_padded;                     // rows, output channels
    uint x_at, y_at, add_at, rowadd_at, bias_at;    // elements between a binding's start and its tensor
    uint ldx, ldy, ld_add, ld_rowadd, ld_w;         // elements between rows
    float scale;
    uint image_rows;                                // rows of m in an image: rowadd's row is m / image_rows
    uint source;                                    // h of x's binding << 16 | w
    uint frame;                                     // h << 16 | w of what is convolved, after resizing
    uint out_w;                                     // width of y
    int first_row, source_row;                      // y's row of m = 0; x's row at the start of its binding
    uint kernel;                                    // kh << 16 | kw
    uint stride;
    uint pads;                                      // top << 16 | left
    float scale_h, scale_w;                         // of nearest(); 0: not resized
    uint source_h;                                  // height of a whole image of x
    uint w_at, scales_at;
    uint flags;
} p;

const uint HAS_BIAS = 1u << 16, HAS_ROWADD = 1u << 17, HAS_ADD = 1u << 18;

uint flags_() { return FLAGS == 0xffffffffu ? p.flags : FLAGS; }
uint act_kind() { return flags_() & 15u; }
uint y_type() { return (flags_() >> 4) & 15u; }
uint add_type() { return (flags_() >> 8) & 15u; }
uint rowadd_type() { return (flags_() >> 12) & 15u; }

TENSOR(0, x, readonly)
LOAD(x)
TENSOR_VIEWS(1, w, readonly)
LOAD4(w)
layout(set = 0, binding = 1) readonly buffer w_block_uint { uint w_uint[]; };
layout(set = 0, binding = 2) readonly buffer bias_block { float bias[]; };
TENSOR(3, rowadd, readonly)
LOAD(rowadd)
TENSOR(4, add, readonly)
LOAD(add)
TENSOR(5, y, )
STORE(y)
layout(set = 0, binding = 6) readonly buffer scales_block { float scales[]; };

// Values k .. k+3 of the row that starts at element `row`; zeros behind cin.
vec4 load_x4(uint row, uint k)
{
    vec4 v = vec4(0.0);
    if (k >= p.cin) return v;
    if (X_VEC) return load4_x(X_TYPE, row + k);
    v.x = load_x(X_TYPE, row + k);
    if (k + 1 < p.cin) v.y = load_x(X_TYPE, row + k + 1);
    if (k + 2 < p.cin) v.z = load_x(X_TYPE, row + k + 2);
    if (k + 3 < p.cin) v.w = load_x(X_TYPE, row + k + 3);
    return v;
}

// at: element of w behind w_at, which both are multiples of 4.
vec4 load_w4(uint at)
{
    if (W_TYPE == INT8) {
        int u = int(w_uint[(p.w_at + at) >> 2]);
        return vec4(bitfieldExtract(u, 0, 8), bitfieldExtract(u, 8, 8), bitfieldExtract(u, 16, 8),
                    bitfieldExtract(u, 24, 8));
    }
    return load4_w(W_TYPE, p.w_at + at);
}

// Where an output row's pixel stands: x of the first tap, y of it, and its image.
struct pixel {
    int iy, ix;
    uint image;
};

pixel pixel_of(uint m)
{
    pixel q;
    q.image = m / p.image_rows;
    uint at = m - q.image * p.image_rows, row = at / p.out_w;
    q.iy = (int(row) + p.first_row) * int(p.stride) - int(p.pads >> 16);
    q.ix = int(at - row * p.out_w) * int(p.stride) - int(p.pads & 0xffffu);
    return q;
}

const uint NO_ROW = 0xffffffffu;

// Element where the row of x starts that a tap of the pixel reads; NO_ROW: padding.
uint source_of(pixel q, uint ky, uint kx)
{
    int iy = q.iy + int(ky), ix = q.ix + int(kx);
    if (iy < 0 || ix < 0 || iy >= int(p.frame >> 16) || ix >= int(p.frame & 0xffffu)) return NO_ROW;
    uint w = p.source & 0xffffu;
    if (p.scale_h > 0.0) {
        iy = min(int(float(iy) * p.scale_h), int(p.source_h) - 1);
        ix = min(int(float(ix) * p.scale_w), int(w) - 1);
    }
    uint row = (q.image * p.source_h + uint(iy - p.source_row)) * w + uint(ix);
    return p.x_at + row * p.ldx;
}

void finish(uint m, uint n, float sum)
{
    if (W_TYPE == INT8) sum *= scales[p.scales_at + n];
    if ((flags_() & HAS_BIAS) != 0) sum += bias[p.bias_at + n];
    if ((flags_() & HAS_ROWADD) != 0)
        sum += load_rowadd(rowadd_type(), p.rowadd_at + (m / p.image_rows) * p.ld_rowadd + n);
    sum = p.scale * act_of(act_kind(), sum);
    if ((flags_() & HAS_ADD) != 0) sum += load_add(add_type(), p.add_at + m * p.ld_add + n);
    store_y(y_type(), p.y_at + m * p.ldy + n, sum);
}

// Output channels n .. n+3 of row m.
void finish4(uint m, uint n, vec4 sum)
{
    if (m >= p.m) return;
    [[dont_unroll]] for (uint j = 0; j < 4; j++)
        if (n + j < p.n) finish(m, n + j, sum[j]);
}

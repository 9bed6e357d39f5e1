#version 450
#extension GL_GOOGLE_include_directive : require
// Layer norm: a workgroup a row, mean first and the variance around it, in float32.
#include "tensor.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 4) const uint X_TYPE = 0;
layout(constant_id = 5) const uint Y_TYPE = 0;

layout(push_constant) uniform Push {
    uint c, ldx, ldy, x_at, y_at, gamma_at, beta_at;
    uint flags; // 16: gamma, 32: beta
    float eps;
} p;

TENSOR(0, x, readonly)
LOAD(x)
layout(set = 0, binding = 2) readonly buffer gamma_block { float gamma[]; };
layout(set = 0, binding = 3) readonly buffer beta_block { float beta[]; };
TENSOR(5, y, )
STORE(y)
shared float part[64];

float summed(float v)
{
    uint t = gl_LocalInvocationIndex;
    part[t] = v;
    barrier();
    for (uint half_ = 32; half_ > 0; half_ >>= 1) {
        if (t < half_) part[t] += part[t + half_];
        barrier();
    }
    float all_ = part[0];
    barrier();
    return all_;
}

void main()
{
    uint t = gl_LocalInvocationIndex, from = p.x_at + gl_WorkGroupID.x * p.ldx, to = p.y_at + gl_WorkGroupID.x * p.ldy;
    float sum = 0.0, squares = 0.0;
    for (uint c = t; c < p.c; c += 64) sum += load_x(X_TYPE, from + c);
    float mean = summed(sum) / float(p.c);
    for (uint c = t; c < p.c; c += 64) {
        float d = load_x(X_TYPE, from + c) - mean;
        squares += d * d;
    }
    float scale = inversesqrt(summed(squares) / float(p.c) + p.eps);
    for (uint c = t; c < p.c; c += 64) {
        float v = (load_x(X_TYPE, from + c) - mean) * scale;
        if ((p.flags & 16) != 0) v *= gamma[p.gamma_at + c];
        if ((p.flags & 32) != 0) v += beta[p.beta_at + c];
        store_y(Y_TYPE, to + c, v);
    }
}

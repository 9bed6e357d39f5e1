#version 450
#extension GL_GOOGLE_include_directive : require
// Third part: y = act((x - mean) / sqrt(variance + eps) * gamma + beta).
#include "tensor.glsl"
#include "act.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 4) const uint X_TYPE = 0;
layout(constant_id = 5) const uint Y_TYPE = 0;
layout(constant_id = 7) const bool VEC = false;

layout(push_constant) uniform Push {
    uint rows, c, ldx, ldy, x_at, y_at;
    uint stats_at, gamma_at, beta_at;
    uint image_rows, first_row, groups; // first_row: of this dispatch, among all rows
    uint flags;                         // act, 16: gamma, 32: beta
    float eps;
} p;

TENSOR(0, x, readonly)
LOAD(x)
layout(set = 0, binding = 1) readonly buffer stats_block { float stats[]; };
layout(set = 0, binding = 2) readonly buffer gamma_block { float gamma[]; };
layout(set = 0, binding = 3) readonly buffer beta_block { float beta[]; };
TENSOR(5, y, )
STORE(y)

float value(uint image, uint c, float x)
{
    uint at = p.stats_at + 2 * (image * p.groups + c / (p.c / p.groups));
    float v = (x - stats[at]) * inversesqrt(stats[at + 1] + p.eps);
    if ((p.flags & 16) != 0) v *= gamma[p.gamma_at + c];
    if ((p.flags & 32) != 0) v += beta[p.beta_at + c];
    return act_of(p.flags & 15, v);
}

void main()
{
    const uint width = VEC ? 4 : 1;
    uint across = p.c / width, count = p.rows * across;
    uint step_ = gl_NumWorkGroups.x * 256;
    for (uint i = gl_GlobalInvocationID.x; i < count; i += step_) {
        uint row = i / across, c = (i - row * across) * width, image = (p.first_row + row) / p.image_rows;
        uint from = p.x_at + row * p.ldx + c, to = p.y_at + row * p.ldy + c;
        if (VEC) {
            vec4 v = load4_x(X_TYPE, from);
            v = vec4(value(image, c, v.x), value(image, c + 1, v.y), value(image, c + 2, v.z),
                     value(image, c + 3, v.w));
            store4_y(Y_TYPE, to, v);
        } else {
            store_y(Y_TYPE, to, value(image, c, load_x(X_TYPE, from)));
        }
    }
}

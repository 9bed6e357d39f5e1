#version 450
#extension GL_GOOGLE_include_directive : require
// Rows of scores -> rows of weights, in place, in float32: exp(scale * (s - max)) / sum. One workgroup a row.
layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    uint keys, ld, at;
    uint first_query, causal;
    float scale;
} p;

layout(set = 0, binding = 5) buffer block { float s[]; };
shared float part[64];

float reduced(bool is_sum, float v)
{
    uint t = gl_LocalInvocationIndex;
    part[t] = v;
    barrier();
    for (uint half_ = 32; half_ > 0; half_ >>= 1) {
        if (t < half_) part[t] = is_sum ? part[t] + part[t + half_] : max(part[t], part[t + half_]);
        barrier();
    }
    float all_ = part[0];
    barrier();
    return all_;
}

void main()
{
    uint t = gl_LocalInvocationIndex, row = gl_WorkGroupID.x, base = p.at + row * p.ld;
    uint seen = p.causal != 0 ? min(p.keys, p.first_query + row + 1) : p.keys;
    float top = -1e30, sum = 0.0;
    for (uint j = t; j < seen; j += 64) top = max(top, s[base + j]);
    top = reduced(false, top);
    for (uint j = t; j < seen; j += 64) {
        float e = exp((s[base + j] - top) * p.scale);
        s[base + j] = e;
        sum += e;
    }
    float part_of = 1.0 / reduced(true, sum);
    for (uint j = t; j < p.keys; j += 64) s[base + j] = j < seen ? s[base + j] * part_of : 0.0;
}

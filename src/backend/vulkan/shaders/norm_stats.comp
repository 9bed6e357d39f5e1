#version 450
#extension GL_GOOGLE_include_directive : require
// First part of a group norm's statistics, of each group in a chunk of rows: count, a mean, what is missing to the
// exact mean, and the sum of squared differences from that. A workgroup takes some whole groups and reads its
// chunk twice, so that float32 sums stay good whatever the mean.
#include "tensor.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 4) const uint TYPE = 0;

layout(push_constant) uniform Push {
    uint rows, chunk_rows, chunks; // rows of an image
    uint c, ld, at;
    uint groups, block_groups;     // all; those of a workgroup
    uint image_rows;               // between images
    uint first_chunk, all_chunks;  // where this dispatch's chunks stand among an image's
    uint first_image;
} p;

TENSOR(0, x, readonly)
LOAD(x)
layout(set = 0, binding = 5) buffer block { float partial[]; }; // [image][group][chunk][4]

shared vec2 found[256];
shared float mean[256]; // of the groups of this workgroup

// Sum over the threads of this thread's group, for the group's first threads.
vec2 of_group(uint t, uint own, uint lanes, uint side)
{
    vec2 all_ = vec2(0.0);
    for (uint s = 0; s < side; s++)
        for (uint i = 0; i < own; i++) all_ += found[s * lanes + t * own + i];
    return all_;
}

void main()
{
    uint t = gl_LocalInvocationIndex, chunk = gl_WorkGroupID.x, image = gl_WorkGroupID.y;
    uint width = p.c / p.groups, first_group = gl_WorkGroupID.z * p.block_groups;
    uint groups = min(p.block_groups, p.groups - first_group), count = groups * width;
    uint lanes = min(count, 256), side = 256 / lanes, own = min(width, lanes);
    uint begin = chunk * p.chunk_rows, end = min(begin + p.chunk_rows, p.rows);
    if (t / lanes >= side) end = begin; // no part in it
    uint start = p.at + (image * p.image_rows) * p.ld + first_group * width, group = t % lanes / own;
    float values = float(min(p.chunk_rows, p.rows - begin) * width);
    float first = load_x(TYPE, start + begin * p.ld + min(group, groups - 1) * width), sum = 0.0, squares = 0.0;
    for (uint r = begin + t / lanes; r < end; r += side)
        for (uint c = t % lanes; c < count; c += lanes) sum += load_x(TYPE, start + r * p.ld + c) - first;
    found[t] = vec2(sum, 0.0);
    barrier();
    if (t < groups) {
        float near = load_x(TYPE, start + begin * p.ld + t * width);
        mean[t] = near + of_group(t, own, lanes, side).x / values;
    }
    barrier();
    float middle = mean[min(group, groups - 1)];
    sum = 0.0;
    for (uint r = begin + t / lanes; r < end; r += side)
        for (uint c = t % lanes; c < count; c += lanes) {
            float d = load_x(TYPE, start + r * p.ld + c) - middle;
            sum += d;
            squares += d * d;
        }
    found[t] = vec2(sum, squares);
    barrier();
    if (t >= groups) return;
    vec2 all_ = of_group(t, own, lanes, side);
    uint to = (((p.first_image + image) * p.groups + first_group + t) * p.all_chunks + p.first_chunk + chunk) * 4;
    partial[to] = values;
    partial[to + 1] = mean[t];
    partial[to + 2] = all_.x / values;
    partial[to + 3] = max(all_.y - all_.x * (all_.x / values), 0.0);
}

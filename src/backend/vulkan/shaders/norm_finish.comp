#version 450
// Second part: the chunks' results -> mean and variance of each image's groups, joined with those of the rows that
// came before them.
layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    uint count, chunks; // images * groups
    uint at;            // element of stats
    float before;       // values of a group whose mean and variance stand in stats already
} p;

layout(set = 0, binding = 0) readonly buffer partial_block { float partial[]; };
layout(set = 0, binding = 5) buffer stats_block { float stats[]; };

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i >= p.count) return;
    // Means are joined (Chan, Golub and LeVeque, 1983) as differences from one of them, which keeps their digits.
    float base = p.before > 0.0 ? stats[p.at + 2 * i] : partial[i * p.chunks * 4 + 1];
    float n = p.before, mean = 0.0, squares = 0.0;
    if (p.before > 0.0) squares = stats[p.at + 2 * i + 1] * p.before;
    for (uint c = 0; c < p.chunks; c++) {
        uint from = (i * p.chunks + c) * 4;
        float m = partial[from], sum = n + m;
        float d = (partial[from + 1] - base) + partial[from + 2] - mean, share = m / sum;
        mean += d * share;
        squares += partial[from + 3] + d * d * n * share;
        n = sum;
    }
    stats[p.at + 2 * i] = base + mean;
    stats[p.at + 2 * i + 1] = squares / n;
}

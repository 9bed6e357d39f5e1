#version 450
#extension GL_GOOGLE_include_directive : require
// softmax(q k^T * scale) v of one head for 64 queries, 64 keys at a time: running maximum and sum of each query
// are carried along (Milakov and Gimelshein, arXiv:1805.02867), so no score leaves shared memory. Head sizes up
// to 64. 64 threads, each with 8 x 8 scores and 8 x 8 outputs; sums in float32.
#include "tensor.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 4) const uint TYPE = 0;
layout(constant_id = 5) const uint Y_TYPE = 0;
layout(constant_id = 7) const bool VEC = false;    // rows can be read four values at once
layout(constant_id = 8) const bool DIRECT = false; // q, k and v are read where they are

layout(push_constant) uniform Push {
    uint queries, keys, heads, d;       // queries: of this dispatch
    uint q_image, k_image;              // rows between images
    uint ldq, ldk, ldv, ldy;
    uint q_at, k_at, v_at, y_at;
    uint first_query;                   // number of the first query in its image, for the causal mask
    uint causal;
    float scale;
} p;

TENSOR(0, q, readonly)
LOAD(q)
TENSOR(1, k, readonly)
LOAD(k)
TENSOR(2, v, readonly)
LOAD(v)
TENSOR(5, y, )
STORE(y)

const uint SIDE = 64, CHUNK = 16, PAD = 1, ROW = SIDE / 4 + PAD;
const float LOWEST = -1e30; // not -inf: differences of two of them are numbers
shared vec4 score[SIDE * ROW];            // [key][query]
shared vec4 tile_a[DIRECT ? 1 : CHUNK * ROW]; // [d][query]
shared vec4 tile_b[DIRECT ? 1 : CHUNK * ROW]; // [d][key], or [key][d]
shared float shrink[SIDE];

vec4 sums[8][2], outs[8][2];

uint in_tile(uint i, uint t)
{
    return (i >> 2) * (SIDE / 2) + t * 4 + (i & 3);
}


#define READ4(name)                                                                                         \
    vec4 read4_##name(uint row, uint e)                                                                     \
    {                                                                                                       \
        if (e >= p.d) return vec4(0.0);                                                                     \
        if (VEC) return load4_##name(TYPE, row + e);                                                        \
        vec4 r = vec4(load_##name(TYPE, row + e), 0.0, 0.0, 0.0);                                           \
        if (e + 1 < p.d) r.y = load_##name(TYPE, row + e + 1);                                              \
        if (e + 2 < p.d) r.z = load_##name(TYPE, row + e + 2);                                              \
        if (e + 3 < p.d) r.w = load_##name(TYPE, row + e + 3);                                              \
        return r;                                                                                           \
    }
READ4(q)
READ4(k)
READ4(v)

void add_scores(vec4 x0, vec4 x1, vec4 w0, vec4 w1)
{
    [[unroll]] for (int i = 0; i < 4; i++) {
        sums[i][0] = fma(vec4(x0[i]), w0, sums[i][0]);
        sums[i][1] = fma(vec4(x0[i]), w1, sums[i][1]);
        sums[i + 4][0] = fma(vec4(x1[i]), w0, sums[i + 4][0]);
        sums[i + 4][1] = fma(vec4(x1[i]), w1, sums[i + 4][1]);
    }
}

void add_outs(vec4 x0, vec4 x1, vec4 w0, vec4 w1)
{
    [[unroll]] for (int i = 0; i < 4; i++) {
        outs[i][0] = fma(vec4(x0[i]), w0, outs[i][0]);
        outs[i][1] = fma(vec4(x0[i]), w1, outs[i][1]);
        outs[i + 4][0] = fma(vec4(x1[i]), w0, outs[i + 4][0]);
        outs[i + 4][1] = fma(vec4(x1[i]), w1, outs[i + 4][1]);
    }
}

uint q_row(uint image, uint head, uint query)
{
    return p.q_at + (image * p.q_image + min(query, p.queries - 1)) * p.ldq + head * p.d;
}

uint k_row(uint image, uint head, uint key)
{
    return p.k_at + (image * p.k_image + min(key, p.keys - 1)) * p.ldk + head * p.d;
}

uint v_row(uint image, uint head, uint key)
{
    return p.v_at + (image * p.k_image + min(key, p.keys - 1)) * p.ldv + head * p.d;
}

void scores_direct(uint image, uint head, uint q0, uint k0, uint tx, uint ty)
{
    [[dont_unroll]] for (uint e = 0; e < p.d; e += 4) {
        vec4 a[8], b[8];
        [[unroll]] for (uint i = 0; i < 8; i++) {
            a[i] = read4_q(q_row(image, head, q0 + in_tile(i, ty)), e);
            b[i] = read4_k(k_row(image, head, k0 + in_tile(i, tx)), e);
        }
        [[unroll]] for (uint j = 0; j < 4; j++)
            add_scores(vec4(a[0][j], a[1][j], a[2][j], a[3][j]), vec4(a[4][j], a[5][j], a[6][j], a[7][j]),
                       vec4(b[0][j], b[1][j], b[2][j], b[3][j]), vec4(b[4][j], b[5][j], b[6][j], b[7][j]));
    }
}

void scores_shared(uint image, uint head, uint q0, uint k0, uint tx, uint ty)
{
    uint quad = gl_LocalInvocationIndex & 3, lane = gl_LocalInvocationIndex >> 2;
    [[dont_unroll]] for (uint e = 0; e < p.d; e += CHUNK) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            uint row = lane + 16 * i;
            vec4 a = read4_q(q_row(image, head, q0 + row), e + quad * 4);
            vec4 b = read4_k(k_row(image, head, k0 + row), e + quad * 4);
            [[unroll]] for (uint j = 0; j < 4; j++) {
                tile_a[(quad * 4 + j) * ROW + row / 4][row & 3] = a[j];
                tile_b[(quad * 4 + j) * ROW + row / 4][row & 3] = b[j];
            }
        }
        barrier();
        [[dont_unroll]] for (uint j = 0; j < CHUNK; j++)
            add_scores(tile_a[j * ROW + ty], tile_a[j * ROW + ty + SIDE / 8], tile_b[j * ROW + tx],
                       tile_b[j * ROW + tx + SIDE / 8]);
        barrier();
    }
}

void outs_direct(uint image, uint head, uint k0, uint tx, uint ty)
{
    uint count = min(SIDE, p.keys - k0);
    [[dont_unroll]] for (uint j = 0; j < count; j++) {
        uint row = v_row(image, head, k0 + j);
        add_outs(score[j * ROW + ty], score[j * ROW + ty + SIDE / 8], read4_v(row, tx * 4), read4_v(row, SIDE / 2 + tx * 4));
    }
}

void outs_shared(uint image, uint head, uint k0, uint tx, uint ty)
{
    uint quad = gl_LocalInvocationIndex & 15, lane = gl_LocalInvocationIndex >> 4;
    [[dont_unroll]] for (uint c = 0; c < SIDE; c += CHUNK) {
        [[unroll]] for (uint i = 0; i < 4; i++) {
            uint j = lane + 4 * i;
            tile_b[j * ROW + quad] = read4_v(v_row(image, head, k0 + c + j), quad * 4);
        }
        barrier();
        [[dont_unroll]] for (uint j = 0; j < CHUNK; j++)
            add_outs(score[(c + j) * ROW + ty], score[(c + j) * ROW + ty + SIDE / 8], tile_b[j * ROW + tx],
                     tile_b[j * ROW + tx + SIDE / 8]);
        barrier();
    }
}

void main()
{
    uint blocks = (p.queries + SIDE - 1) / SIDE, t = gl_LocalInvocationIndex, tx = t & 7, ty = t >> 3;
    uint q0 = gl_WorkGroupID.x % blocks * SIDE, rest = gl_WorkGroupID.x / blocks;
    uint head = rest % p.heads, image = rest / p.heads;
    float top = LOWEST, total = 0.0; // of query q0 + t
    [[unroll]] for (int i = 0; i < 8; i++) outs[i][0] = outs[i][1] = vec4(0.0);
    uint end = p.keys;
    if (p.causal != 0) end = min(end, p.first_query + q0 + SIDE);
    [[dont_unroll]] for (uint k0 = 0; k0 < end; k0 += SIDE) {
        [[unroll]] for (int i = 0; i < 8; i++) sums[i][0] = sums[i][1] = vec4(0.0);
        if (DIRECT)
            scores_direct(image, head, q0, k0, tx, ty);
        else
            scores_shared(image, head, q0, k0, tx, ty);
        [[unroll]] for (uint j = 0; j < 8; j++) {
            uint key = in_tile(j, tx);
            score[key * ROW + ty] = vec4(sums[0][j >> 2][j & 3], sums[1][j >> 2][j & 3], sums[2][j >> 2][j & 3], sums[3][j >> 2][j & 3]);
            score[key * ROW + ty + SIDE / 8] = vec4(sums[4][j >> 2][j & 3], sums[5][j >> 2][j & 3], sums[6][j >> 2][j & 3], sums[7][j >> 2][j & 3]);
        }
        barrier();
        uint seen = min(SIDE, p.keys - k0);
        if (p.causal != 0) seen = min(seen, max(p.first_query + q0 + t + 1, k0) - k0);
        float highest = top;
        for (uint j = 0; j < seen; j++) highest = max(highest, score[j * ROW + t / 4][t & 3] * p.scale);
        float keep = exp(top - highest), sum = 0.0;
        for (uint j = 0; j < SIDE; j++) {
            float e = j < seen ? exp(score[j * ROW + t / 4][t & 3] * p.scale - highest) : 0.0;
            score[j * ROW + t / 4][t & 3] = e;
            sum += e;
        }
        top = highest;
        total = total * keep + sum;
        shrink[t] = keep;
        barrier();
        [[unroll]] for (uint i = 0; i < 8; i++) {
            float keep_row = shrink[in_tile(i, ty)];
            outs[i][0] *= keep_row;
            outs[i][1] *= keep_row;
        }
        if (DIRECT)
            outs_direct(image, head, k0, tx, ty);
        else
            outs_shared(image, head, k0, tx, ty);
        barrier();
    }
    shrink[t] = 1.0 / total;
    barrier();
    [[unroll]] for (uint i = 0; i < 8; i++) {
        uint query = q0 + in_tile(i, ty);
        float part = shrink[in_tile(i, ty)];
        uint row = p.y_at + (image * p.q_image + query) * p.ldy + head * p.d;
        if (query >= p.queries) continue;
        [[unroll]] for (uint h = 0; h < 2; h++)
            [[dont_unroll]] for (uint j = 0; j < 4; j++) {
                uint e = in_tile(h * 4, tx) + j;
                if (e < p.d) store_y(Y_TYPE, row + e, outs[i][h][j] * part);
            }
    }
}

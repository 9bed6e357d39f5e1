#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// Products by cooperative matrices of SIDE x SIDE x SIDE (8 or 16; some drivers take literal sizes only): f16 times
// f16, or whole numbers of 8 bits, which f16 holds exactly; sums in float32. Four subgroups share a tile of BM x BN: each
// holds the sums of a quarter.
#define WITH_16
#include "product.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 128;
layout(constant_id = 10) const uint LANES = 32; // threads of a subgroup

const uint QUADS = BK / 4, PASSES_M = BM * QUADS / THREADS, PASSES_N = BN * QUADS / THREADS;
const uint ROW = QUADS + 2; // of a tile in shared memory: rows do not start at the same bank
const uint MATS_M = BM / 2 / SIDE, MATS_N = BN / 2 / SIDE;
shared f16vec4 tile_x[BM * ROW];
shared f16vec4 tile_w[BN * ROW];
shared float staged[4 * SIDE * SIDE]; // of each subgroup one matrix of sums

f16vec4 half4(uvec2 u)
{
    return f16vec4(unpackFloat2x16(u.x), unpackFloat2x16(u.y));
}

// Values k .. k+3 of the row of x, untouched where they lie together.
f16vec4 half_x4(uint row, uint k)
{
    if (row == NO_ROW || k >= p.cin) return f16vec4(0.0);
    if (X_VEC) return half4(x64[(row + k) >> 2]);
    return f16vec4(load_x4(row, k));
}

f16vec4 half_w4(uint at)
{
    if (W_TYPE == INT8) return f16vec4(load_w4(at));
    return half4(w64[(p.w_at + at) >> 2]);
}

coopmat<float, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseAccumulator> sums[MATS_M * MATS_N];

void tap(uint which, uint ky, uint kx, uint m0, uint n0, uint sub_m, uint sub_n)
{
    uint quad = gl_LocalInvocationIndex % QUADS, lane = gl_LocalInvocationIndex / QUADS;
    uint rows[PASSES_M];
    [[unroll]] for (uint i = 0; i < PASSES_M; i++) {
        uint m = m0 + lane + i * (THREADS / QUADS);
        rows[i] = NO_ROW;
        if (m < p.m) rows[i] = CONV ? source_of(pixel_of(m), ky, kx) : p.x_at + m * p.ldx;
    }
    for (uint k0 = 0; k0 < p.cin; k0 += BK) {
        uint k = k0 + quad * 4;
        [[unroll]] for (uint i = 0; i < PASSES_M; i++)
            tile_x[(lane + i * (THREADS / QUADS)) * ROW + quad] = half_x4(rows[i], k);
        [[unroll]] for (uint i = 0; i < PASSES_N; i++) {
            uint at = lane + i * (THREADS / QUADS), n = n0 + at;
            bool there = n < p.n && k < p.cin_padded;
            tile_w[at * ROW + quad] = there ? half_w4(n * p.ld_w + which * p.cin_padded + k) : f16vec4(0.0);
        }
        barrier();
        [[unroll]] for (uint j = 0; j < BK / SIDE; j++) {
            coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseA> a[MATS_M];
            coopmat<float16_t, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseB> b;
            [[unroll]] for (uint i = 0; i < MATS_M; i++)
                coopMatLoad(a[i], tile_x, (sub_m + i * SIDE) * ROW + j * (SIDE / 4), ROW,
                            gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint c = 0; c < MATS_N; c++) {
                coopMatLoad(b, tile_w, (sub_n + c * SIDE) * ROW + j * (SIDE / 4), ROW,
                            gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint i = 0; i < MATS_M; i++)
                    sums[i * MATS_N + c] = coopMatMulAdd(a[i], b, sums[i * MATS_N + c]);
            }
        }
        barrier();
    }
}

void main()
{
    uint n_tiles = (p.n + BN - 1) / BN;
    uint m0 = gl_WorkGroupID.x / n_tiles * BM, n0 = gl_WorkGroupID.x % n_tiles * BN;
    uint sub_m = (gl_SubgroupID >> 1) * (BM / 2), sub_n = (gl_SubgroupID & 1) * (BN / 2);
    [[unroll]] for (uint i = 0; i < MATS_M * MATS_N; i++)
        sums[i] = coopmat<float, gl_ScopeSubgroup, SIDE, SIDE, gl_MatrixUseAccumulator>(0.0);
    uint kw = p.kernel & 0xffffu, taps = CONV ? (p.kernel >> 16) * kw : 1;
    for (uint t = 0; t < taps; t++) tap(t, t / kw, t % kw, m0, n0, sub_m, sub_n);

    uint own = gl_SubgroupID * SIDE * SIDE;
    [[unroll]] for (uint i = 0; i < MATS_M * MATS_N; i++) {
        coopMatStore(sums[i], staged, own, SIDE, gl_CooperativeMatrixLayoutRowMajor);
        barrier();
        uint m = m0 + sub_m + i / MATS_N * SIDE, n = n0 + sub_n + i % MATS_N * SIDE;
        for (uint q = gl_SubgroupInvocationID; q < SIDE * SIDE / 4; q += LANES) {
            uint row = q / (SIDE / 4), col = q % (SIDE / 4) * 4, at = own + row * SIDE + col;
            finish4(m + row, n + col, vec4(staged[at], staged[at + 1], staged[at + 2], staged[at + 3]));
        }
        barrier();
    }
}

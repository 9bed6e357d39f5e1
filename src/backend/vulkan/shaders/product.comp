#version 450
#extension GL_GOOGLE_include_directive : require
// Products without matrix units: each thread holds 8 x 8 sums. Tiles of x and w pass through shared memory, or
// (DIRECT) each thread reads its own rows, which drivers that compute on the CPU prefer.
#include "product.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 64;

const uint QUADS = BK / 4;                       // of k in a tile
const uint PASSES_M = BM * QUADS / THREADS;      // quads of x's tile that a thread loads
const uint PASSES_N = BN * QUADS / THREADS;
const uint PAD = 1;
shared vec4 tile_x[DIRECT ? 1 : BK * (BM / 4 + PAD)]; // [k][m]
shared vec4 tile_w[DIRECT ? 1 : BK * (BN / 4 + PAD)]; // [k][n]

vec4 sums[8][2];

uint row_in_tile(uint i, uint side, uint t)
{
    return (i >> 2) * (side / 2) + t * 4 + (i & 3);
}

void add_products(vec4 x0, vec4 x1, vec4 w0, vec4 w1)
{
    [[unroll]] for (int i = 0; i < 4; i++) {
        sums[i][0] = fma(vec4(x0[i]), w0, sums[i][0]);
        sums[i][1] = fma(vec4(x0[i]), w1, sums[i][1]);
        sums[i + 4][0] = fma(vec4(x1[i]), w0, sums[i + 4][0]);
        sums[i + 4][1] = fma(vec4(x1[i]), w1, sums[i + 4][1]);
    }
}

void put(bool of_x, uint quad, uint row, vec4 v)
{
    [[unroll]] for (uint j = 0; j < 4; j++) {
        if (of_x)
            tile_x[(quad * 4 + j) * (BM / 4 + PAD) + row / 4][row & 3] = v[j];
        else
            tile_w[(quad * 4 + j) * (BN / 4 + PAD) + row / 4][row & 3] = v[j];
    }
}

void tap_shared(uint tap, uint ky, uint kx, uint m0, uint n0, uint tx, uint ty)
{
    uint quad = gl_LocalInvocationIndex % QUADS, lane = gl_LocalInvocationIndex / QUADS;
    uint rows[8];
    [[unroll]] for (uint i = 0; i < 8; i++) {
        if (i >= PASSES_M) break;
        uint m = m0 + lane + i * (THREADS / QUADS);
        rows[i] = NO_ROW;
        if (m < p.m) rows[i] = CONV ? source_of(pixel_of(m), ky, kx) : p.x_at + m * p.ldx;
    }
    [[dont_unroll]] for (uint k0 = 0; k0 < p.cin; k0 += BK) {
        uint k = k0 + quad * 4;
        [[unroll]] for (uint i = 0; i < 8; i++) {
            if (i >= PASSES_M) break;
            put(true, quad, lane + i * (THREADS / QUADS), rows[i] == NO_ROW ? vec4(0.0) : load_x4(rows[i], k));
        }
        [[unroll]] for (uint i = 0; i < 8; i++) {
            if (i >= PASSES_N) break;
            uint n = n0 + lane + i * (THREADS / QUADS);
            bool there = n < p.n && k < p.cin_padded;
            put(false, quad, lane + i * (THREADS / QUADS),
                there ? load_w4(n * p.ld_w + tap * p.cin_padded + k) : vec4(0.0));
        }
        barrier();
        [[dont_unroll]] for (uint j = 0; j < BK; j++) {
            uint x = j * (BM / 4 + PAD) + ty, w = j * (BN / 4 + PAD) + tx;
            add_products(tile_x[x], tile_x[x + BM / 8], tile_w[w], tile_w[w + BN / 8]);
        }
        barrier();
    }
}

void tap_direct(uint tap, uint ky, uint kx, uint m0, uint n0, uint tx, uint ty)
{
    uint rows[8], cols[8];
    [[unroll]] for (uint i = 0; i < 8; i++) {
        uint m = m0 + row_in_tile(i, BM, ty), n = n0 + row_in_tile(i, BN, tx);
        rows[i] = NO_ROW;
        if (m < p.m) rows[i] = CONV ? source_of(pixel_of(m), ky, kx) : p.x_at + m * p.ldx;
        cols[i] = min(n, p.n - 1) * p.ld_w + tap * p.cin_padded;
    }
    [[dont_unroll]] for (uint k = 0; k < p.cin; k += 4) {
        vec4 x[8], w[8];
        [[unroll]] for (uint i = 0; i < 8; i++) {
            x[i] = rows[i] == NO_ROW ? vec4(0.0) : load_x4(rows[i], k);
            w[i] = load_w4(cols[i] + k);
        }
        [[unroll]] for (uint j = 0; j < 4; j++)
            add_products(vec4(x[0][j], x[1][j], x[2][j], x[3][j]), vec4(x[4][j], x[5][j], x[6][j], x[7][j]),
                         vec4(w[0][j], w[1][j], w[2][j], w[3][j]), vec4(w[4][j], w[5][j], w[6][j], w[7][j]));
    }
}

void main()
{
    uint n_tiles = (p.n + BN - 1) / BN;
    uint m0 = gl_WorkGroupID.x / n_tiles * BM, n0 = gl_WorkGroupID.x % n_tiles * BN;
    uint tx = gl_LocalInvocationIndex % (BN / 8), ty = gl_LocalInvocationIndex / (BN / 8);
    [[unroll]] for (int i = 0; i < 8; i++) sums[i][0] = sums[i][1] = vec4(0.0);
    uint kw = p.kernel & 0xffffu, taps = CONV ? (p.kernel >> 16) * kw : 1;
    [[dont_unroll]] for (uint tap = 0; tap < taps; tap++) {
        if (DIRECT)
            tap_direct(tap, tap / kw, tap % kw, m0, n0, tx, ty);
        else
            tap_shared(tap, tap / kw, tap % kw, m0, n0, tx, ty);
    }
    if (DIRECT) { // a short program, for its compiler's sake
        [[dont_unroll]] for (uint i = 0; i < 16; i++) {
            vec4 sum = sums[0][0];
            [[unroll]] for (uint k = 1; k < 16; k++)
                if (i == k) sum = sums[k >> 1][k & 1];
            finish4(m0 + row_in_tile(i >> 1, BM, ty), n0 + row_in_tile((i & 1) * 4, BN, tx), sum);
        }
    } else {
        [[unroll]] for (uint i = 0; i < 16; i++)
            finish4(m0 + row_in_tile(i >> 1, BM, ty), n0 + row_in_tile((i & 1) * 4, BN, tx), sums[i >> 1][i & 1]);
    }
}

#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// softmax(q k^T * scale) v as in attention.comp, both products by cooperative matrices of SIDE x SIDE x SIDE: f16 operands,
// float32 sums, softmax in float32; its values, at most 1, are rounded to f16 for the second product. One head, 64 queries,
// of which each subgroup has SIDE, KEYS keys at a time. LANES / SIDE threads share the row of a query.
#define WITH_16
#include "tensor.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 128;
layout(constant_id = 5) const uint Y_TYPE = 0;
layout(constant_id = 7) const bool VEC = false; // rows can be read four values at once
layout(constant_id = 10) const uint LANES = 32; // threads of a subgroup

layout(push_constant) uniform Push {
    uint queries, keys, heads, d;
    uint q_image, k_image;
    uint ldq, ldk, ldv, ldy;
    uint q_at, k_at, v_at, y_at;
    uint first_query;
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

const uint QUERIES = 64, KEYS = 32, HEAD = 64, QUADS = HEAD / 4;
const uint ROW = QUADS + 2, PROB_ROW = KEYS / 4 + 2, SCORE_ROW = KEYS + 4;
const uint SHARE = LANES / SIDE, OWN = HEAD / SHARE; // threads of a row; outputs of each
const uint MATS_D = HEAD / SIDE, MATS_K = KEYS / SIDE;
const float LOWEST = -1e30; // not -inf: differences of two of them are numbers
shared f16vec4 tile[QUERIES * ROW];          // q at first, then keys or values
shared f16vec4 prob[QUERIES * PROB_ROW];     // [query][key]
shared float score[QUERIES * SCORE_ROW];     // [query][key], then a part of the outputs

#define READ4(name)                                                                                         \
    f16vec4 half4_##name(uint row, uint e)                                                                  \
    {                                                                                                       \
        if (e >= p.d) return f16vec4(0.0);                                                                  \
        if (VEC) {                                                                                          \
            uvec2 u = name##64[(row + e) >> 2];                                                             \
            return f16vec4(unpackFloat2x16(u.x), unpackFloat2x16(u.y));                                     \
        }                                                                                                   \
        vec4 r = vec4(load_##name(F16, row + e), 0.0, 0.0, 0.0);                                            \
        if (e + 1 < p.d) r.y = load_##name(F16, row + e + 1);                                               \
        if (e + 2 < p.d) r.z = load_##name(F16, row + e + 2);                                               \
        if (e + 3 < p.d) r.w = load_##name(F16, row + e + 3);                                               \
        return f16vec4(r);                                                                                  \
    }
READ4(q)
READ4(k)
READ4(v)

#define MATRIX(type, use) coopmat<type, gl_ScopeSubgroup, SIDE, SIDE, use>

void main()
{
    uint blocks = (p.queries + QUERIES - 1) / QUERIES, t = gl_LocalInvocationIndex;
    uint q0 = gl_WorkGroupID.x % blocks * QUERIES, rest = gl_WorkGroupID.x / blocks;
    uint head = rest % p.heads, image = rest / p.heads;
    uint first = gl_SubgroupID * SIDE, lane = gl_SubgroupInvocationID;
    uint mine = first + lane % SIDE, part = lane / SIDE; // the query of this thread; which share of its row
    for (uint i = t; i < QUERIES * QUADS; i += THREADS) {
        uint query = min(q0 + i / QUADS, p.queries - 1);
        uint row = p.q_at + (image * p.q_image + query) * p.ldq + head * p.d;
        tile[i / QUADS * ROW + i % QUADS] = half4_q(row, i % QUADS * 4);
    }
    barrier();
    MATRIX(float16_t, gl_MatrixUseA) queries[MATS_D];
    [[unroll]] for (uint i = 0; i < MATS_D; i++)
        coopMatLoad(queries[i], tile, first * ROW + i * (SIDE / 4), ROW, gl_CooperativeMatrixLayoutRowMajor);
    barrier();
    float top = LOWEST, total = 0.0, outs[OWN];
    [[unroll]] for (uint i = 0; i < OWN; i++) outs[i] = 0.0;
    uint end = p.keys;
    if (p.causal != 0) end = min(end, p.first_query + q0 + QUERIES);
    for (uint k0 = 0; k0 < end; k0 += KEYS) {
        for (uint i = t; i < KEYS * QUADS; i += THREADS) {
            uint key = min(k0 + i / QUADS, p.keys - 1);
            uint row = p.k_at + (image * p.k_image + key) * p.ldk + head * p.d;
            tile[i / QUADS * ROW + i % QUADS] = half4_k(row, i % QUADS * 4);
        }
        barrier();
        [[dont_unroll]] for (uint c = 0; c < MATS_K; c++) {
            MATRIX(float, gl_MatrixUseAccumulator) sum = MATRIX(float, gl_MatrixUseAccumulator)(0.0);
            [[unroll]] for (uint i = 0; i < MATS_D; i++) {
                MATRIX(float16_t, gl_MatrixUseB) b;
                coopMatLoad(b, tile, c * SIDE * ROW + i * (SIDE / 4), ROW, gl_CooperativeMatrixLayoutColumnMajor);
                sum = coopMatMulAdd(queries[i], b, sum);
            }
            coopMatStore(sum, score, first * SCORE_ROW + c * SIDE, SCORE_ROW, gl_CooperativeMatrixLayoutRowMajor);
        }
        barrier();
        // values come while the softmax is made: the keys are used up
        for (uint i = t; i < KEYS * QUADS; i += THREADS) {
            uint key = min(k0 + i / QUADS, p.keys - 1);
            uint row = p.v_at + (image * p.k_image + key) * p.ldv + head * p.d;
            tile[i / QUADS * ROW + i % QUADS] = half4_v(row, i % QUADS * 4);
        }
        uint seen = min(KEYS, p.keys - k0);
        if (p.causal != 0) seen = min(seen, max(p.first_query + q0 + mine + 1, k0) - k0);
        float highest = top;
        for (uint j = part; j < seen; j += SHARE) highest = max(highest, score[mine * SCORE_ROW + j] * p.scale);
        for (uint other = SIDE; other < LANES; other *= 2) highest = max(highest, subgroupShuffleXor(highest, other));
        float keep = exp(top - highest), sum = 0.0;
        for (uint quad = part; quad < KEYS / 4; quad += SHARE) {
            vec4 e = vec4(0.0);
            [[unroll]] for (uint j = 0; j < 4; j++)
                if (quad * 4 + j < seen) e[j] = exp(score[mine * SCORE_ROW + quad * 4 + j] * p.scale - highest);
            prob[mine * PROB_ROW + quad] = f16vec4(e);
            e = vec4(prob[mine * PROB_ROW + quad]); // what the product will see is what is divided by
            sum += e.x + e.y + e.z + e.w;
        }
        for (uint other = SIDE; other < LANES; other *= 2) sum += subgroupShuffleXor(sum, other);
        top = highest;
        total = total * keep + sum;
        [[unroll]] for (uint i = 0; i < OWN; i++) outs[i] *= keep;
        barrier();
        // the outputs in parts as wide as the scores, through their memory
        [[unroll]] for (uint half_ = 0; half_ < HEAD / KEYS; half_++) {
            [[dont_unroll]] for (uint c = 0; c < MATS_K; c++) {
                MATRIX(float, gl_MatrixUseAccumulator) o = MATRIX(float, gl_MatrixUseAccumulator)(0.0);
                [[unroll]] for (uint i = 0; i < MATS_K; i++) {
                    MATRIX(float16_t, gl_MatrixUseA) a;
                    MATRIX(float16_t, gl_MatrixUseB) b;
                    coopMatLoad(a, prob, first * PROB_ROW + i * (SIDE / 4), PROB_ROW, gl_CooperativeMatrixLayoutRowMajor);
                    coopMatLoad(b, tile, i * SIDE * ROW + (half_ * KEYS + c * SIDE) / 4, ROW,
                                gl_CooperativeMatrixLayoutRowMajor);
                    o = coopMatMulAdd(a, b, o);
                }
                coopMatStore(o, score, first * SCORE_ROW + c * SIDE, SCORE_ROW, gl_CooperativeMatrixLayoutRowMajor);
            }
            barrier();
            // output e of the row belongs to thread e % SHARE
            [[unroll]] for (uint i = 0; i < KEYS / SHARE; i++)
                outs[half_ * (KEYS / SHARE) + i] += score[mine * SCORE_ROW + i * SHARE + part];
            barrier();
        }
    }
    uint query = q0 + mine, row = p.y_at + (image * p.q_image + query) * p.ldy + head * p.d;
    if (query >= p.queries) return;
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        uint e = i * SHARE + part;
        if (e < p.d) store_y(Y_TYPE, row + e, outs[i] / total);
    }
}

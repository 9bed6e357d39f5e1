#version 450
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_control_flow_attributes : enable
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
// Nothing but products of cooperative matrices in registers.
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push { uint rounds; float a, b; } p;
layout(set = 0, binding = 5) buffer y_block { float y[]; };

#define MATRIX(type, use) coopmat<type, gl_ScopeSubgroup, SIDE, SIDE, use>

void main()
{
    MATRIX(float16_t, gl_MatrixUseA) x = MATRIX(float16_t, gl_MatrixUseA)(float16_t(p.a));
    MATRIX(float16_t, gl_MatrixUseB) w = MATRIX(float16_t, gl_MatrixUseB)(float16_t(p.b));
    MATRIX(float, gl_MatrixUseAccumulator) s[4];
    [[unroll]] for (uint i = 0; i < 4; i++) s[i] = MATRIX(float, gl_MatrixUseAccumulator)(float(i));
    [[dont_unroll]] for (uint r = 0; r < p.rounds; r++)
        [[unroll]] for (uint i = 0; i < 4; i++) s[i] = coopMatMulAdd(x, w, s[i]);
    [[unroll]] for (uint i = 1; i < 4; i++) s[0] = s[0] + s[i];
    if (s[0][0] > 1e30) y[gl_LocalInvocationIndex] = s[0][0]; // never true
}

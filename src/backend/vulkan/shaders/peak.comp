#version 450
#extension GL_EXT_control_flow_attributes : enable
// Nothing but float32 multiply-adds on values in registers: what the device can do at best.
layout(local_size_x = 64) in;
layout(push_constant) uniform Push { uint rounds; float a, b; } p;
layout(set = 0, binding = 5) buffer y_block { float y[]; };

void main()
{
    vec4 s[8];
    [[unroll]] for (uint i = 0; i < 8; i++) s[i] = vec4(float(gl_LocalInvocationIndex + i));
    [[dont_unroll]] for (uint r = 0; r < p.rounds; r++)
        [[unroll]] for (uint i = 0; i < 8; i++) s[i] = fma(s[i], vec4(p.a), vec4(p.b));
    vec4 all = vec4(0.0);
    [[unroll]] for (uint i = 0; i < 8; i++) all += s[i];
    // never true: the values shrink towards b / (1 - a); the compiler does not know
    if (all.x + all.y + all.z + all.w > 1e30) y[gl_LocalInvocationIndex] = all.x;
}

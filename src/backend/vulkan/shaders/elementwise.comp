#version 450
#extension GL_GOOGLE_include_directive : require
// Operations without sums: y = act(x), a * x + b * z, geglu, copy with a change of type, transposition.
#include "tensor.glsl"
#include "act.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 4) const uint X_TYPE = 0;
layout(constant_id = 5) const uint Y_TYPE = 0;
layout(constant_id = 6) const uint MODE = 0;
layout(constant_id = 7) const bool VEC = false;
layout(constant_id = 8) const uint Z_TYPE = 0;
const uint UNARY = 0, AXPBY = 1, GEGLU = 2, TRANSPOSE = 3;

layout(push_constant) uniform Push {
    uint rows, c, ldx, ldy, ldz, x_at, y_at, z_at; // rows and c of y; TRANSPOSE: of x
    uint act;
    float a, b;
} p;

TENSOR(0, x, readonly)
LOAD(x)
TENSOR(1, z, readonly)
LOAD(z)
TENSOR(5, y, )
STORE(y)

vec4 geglu4(uint from)
{
    vec4 v = load4_x(X_TYPE, from), g = load4_x(X_TYPE, from + p.c);
    return v * vec4(gelu_(g.x), gelu_(g.y), gelu_(g.z), gelu_(g.w));
}

void four(uint row, uint c)
{
    uint from = p.x_at + row * p.ldx + c;
    vec4 v;
    if (MODE == GEGLU) {
        v = geglu4(from);
    } else {
        v = load4_x(X_TYPE, from);
        if (MODE == AXPBY)
            v = p.a * v + p.b * load4_z(Z_TYPE, p.z_at + row * p.ldz + c);
        else if (p.act != 0)
            v = vec4(act_of(p.act, v.x), act_of(p.act, v.y), act_of(p.act, v.z), act_of(p.act, v.w));
    }
    store4_y(Y_TYPE, p.y_at + row * p.ldy + c, v);
}

void one(uint row, uint c)
{
    uint from = p.x_at + row * p.ldx + c;
    float v = load_x(X_TYPE, from);
    if (MODE == GEGLU)
        v *= gelu_(load_x(X_TYPE, from + p.c));
    else if (MODE == AXPBY)
        v = p.a * v + p.b * load_z(Z_TYPE, p.z_at + row * p.ldz + c);
    else
        v = act_of(p.act, v);
    store_y(Y_TYPE, p.y_at + (MODE == TRANSPOSE ? c * p.ldy + row : row * p.ldy + c), v);
}

void main()
{
    const uint width = VEC ? 4 : 1;
    uint across = p.c / width, count = p.rows * across;
    uint step_ = gl_NumWorkGroups.x * 256;
    for (uint i = gl_GlobalInvocationID.x; i < count; i += step_) {
        uint row = i / across, c = (i - row * across) * width;
        if (VEC)
            four(row, c);
        else
            one(row, c);
    }
}

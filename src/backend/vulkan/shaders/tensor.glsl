// Tensors of any type in storage buffers. The same binding is seen as float32 and, where the device can
// (WITH_16), as 16-bit values. Types are numbered as fc_dtype.
#extension GL_EXT_control_flow_attributes : enable
#ifdef WITH_16
#extension GL_EXT_shader_16bit_storage : require
#endif

const uint F32 = 0, BF16 = 1, F16 = 2, INT8 = 9;

// Round to nearest even; a NaN stays one.
uint bf16_bits(float v)
{
    uint u = floatBitsToUint(v);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (u >> 16) | 0x40u;
    return (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
}

// The same for f16. Vulkan leaves the rounding of its own conversion to the driver.
uint f16_bits(float v)
{
    uint u = floatBitsToUint(v), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return sign | 0x7e00u;
    if (a >= 0x477ff000u) return sign | 0x7c00u; // 65520 and more
    if (a < 0x38800000u) {                       // below 2^-14: fixed point
        float scaled = uintBitsToFloat(a) * 16777216.0; // in units of 2^-24, exact
        return sign | uint(roundEven(scaled));
    }
    a += 0xc8000fffu + ((a >> 13) & 1u); // exponent from bias 127 to 15, half a unit, ties to even
    return sign | (a >> 13);
}

float from_bf16(uint bits)
{
    return uintBitsToFloat(bits << 16);
}

vec4 unpack4(uint type, uvec2 u)
{
    if (type == BF16)
        return uintBitsToFloat(uvec4(u.x << 16, u.x & 0xffff0000u, u.y << 16, u.y & 0xffff0000u));
    return vec4(unpackHalf2x16(u.x), unpackHalf2x16(u.y));
}

uvec2 pack4(uint type, vec4 v)
{
    if (type == BF16)
        return uvec2(bf16_bits(v.x) | (bf16_bits(v.y) << 16), bf16_bits(v.z) | (bf16_bits(v.w) << 16));
    return uvec2(f16_bits(v.x) | (f16_bits(v.y) << 16), f16_bits(v.z) | (f16_bits(v.w) << 16));
}

// A tensor at a binding, and functions for one element or for four at a multiple of 4.
#define TENSOR_VIEWS(slot, name, access)                                                                    \
    layout(set = 0, binding = slot) access buffer name##_block32 { float name##32[]; };                     \
    layout(set = 0, binding = slot) access buffer name##_block128 { vec4 name##128[]; };                    \
    layout(set = 0, binding = slot) access buffer name##_block64 { uvec2 name##64[]; };
#define LOAD4(name)                                                                                         \
    vec4 load4_##name(uint type, uint at)                                                                   \
    {                                                                                                       \
        if (type == F32) return name##128[at >> 2];                                                         \
        return unpack4(type, name##64[at >> 2]);                                                            \
    }
#define STORE4(name)                                                                                        \
    void store4_##name(uint type, uint at, vec4 v)                                                          \
    {                                                                                                       \
        if (type == F32)                                                                                    \
            name##128[at >> 2] = v;                                                                         \
        else                                                                                                \
            name##64[at >> 2] = pack4(type, v);                                                             \
    }

#ifdef WITH_16
#define TENSOR(slot, name, access)                                                                          \
    TENSOR_VIEWS(slot, name, access)                                                                        \
    layout(set = 0, binding = slot) access buffer name##_block16 { uint16_t name##16[]; };
#define LOAD(name)                                                                                          \
    float load_##name(uint type, uint at)                                                                   \
    {                                                                                                       \
        if (type == F32) return name##32[at];                                                               \
        uint bits = uint(name##16[at]);                                                                     \
        if (type == BF16) return from_bf16(bits);                                                           \
        return unpackHalf2x16(bits).x;                                                                      \
    }                                                                                                       \
    LOAD4(name)
#define STORE(name)                                                                                         \
    void store_##name(uint type, uint at, float v)                                                          \
    {                                                                                                       \
        if (type == F32)                                                                                    \
            name##32[at] = v;                                                                               \
        else                                                                                                \
            name##16[at] = uint16_t(type == BF16 ? bf16_bits(v) : f16_bits(v));                             \
    }                                                                                                       \
    STORE4(name)
#else
#define TENSOR(slot, name, access) TENSOR_VIEWS(slot, name, access)
#define LOAD(name)                                                                                          \
    float load_##name(uint type, uint at) { return name##32[at]; }                                          \
    LOAD4(name)
#define STORE(name)                                                                                         \
    void store_##name(uint type, uint at, float v) { name##32[at] = v; }                                    \
    STORE4(name)
#endif

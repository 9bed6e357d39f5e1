/* Little- and big-endian numbers at any address. */
#ifndef FC_FORMAT_BYTES_H
#define FC_FORMAT_BYTES_H

#include <stdint.h>

static inline uint16_t fc_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint16_t fc_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t fc_le32(const uint8_t *p)
{
    return fc_le16(p) | (uint32_t)fc_le16(p + 2) << 16;
}
static inline uint32_t fc_be32(const uint8_t *p)
{
    return (uint32_t)fc_be16(p) << 16 | fc_be16(p + 2);
}
static inline uint64_t fc_le64(const uint8_t *p)
{
    return fc_le32(p) | (uint64_t)fc_le32(p + 4) << 32;
}
static inline void fc_put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void fc_put_le32(uint8_t *p, uint32_t v)
{
    fc_put_le16(p, (uint16_t)v);
    fc_put_le16(p + 2, (uint16_t)(v >> 16));
}
static inline void fc_put_le64(uint8_t *p, uint64_t v)
{
    fc_put_le32(p, (uint32_t)v);
    fc_put_le32(p + 4, (uint32_t)(v >> 32));
}

#endif

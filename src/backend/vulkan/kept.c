/* The file of a device: see kept.h. Header, little endian: "fc-card1", key, flags, tile, speed, size and hash
 * of the shaders, hash of the header before it. */
#include "backend/vulkan/kept.h"

#include <math.h>
#include <string.h>
#include "base/hash.h"

static const char magic[8] = "fc-card1";
enum { KEY_AT = 8, FLAGS_AT = 16, TILE_AT = 20, SPEED_AT = 24, SIZE_AT = 32, HASH_AT = 40, SELF_AT = 48 };
enum { TESTED = 1, NO_COOPMAT = 2, NO_F16 = 4 };
#define FASTEST 1e18 /* FLOP/s: more is damage */

static void put(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *from, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)from[i] << (8 * i);
    return value;
}

void vk_kept_header(const vk_kept *k, uint64_t key, uint8_t out[VK_KEPT_HEADER])
{
    uint64_t speed;
    memcpy(&speed, &k->speed, sizeof speed);
    memcpy(out, magic, sizeof magic);
    put(out + KEY_AT, key, 8);
    put(out + FLAGS_AT,
        (k->tested ? TESTED : 0u) | (k->no_coopmat ? NO_COOPMAT : 0u) | (k->no_f16 ? NO_F16 : 0u), 4);
    put(out + TILE_AT, k->tile, 4);
    put(out + SPEED_AT, speed, 8);
    put(out + SIZE_AT, k->shaders_size, 8);
    put(out + HASH_AT, fc_fnv1a(k->shaders, k->shaders_size), 8);
    put(out + SELF_AT, fc_fnv1a(out, SELF_AT), 8);
}

bool vk_kept_parse(const uint8_t *data, size_t size, uint64_t key, vk_kept *out)
{
    *out = (vk_kept){0};
    if (size < VK_KEPT_HEADER || size > VK_KEPT_MOST || memcmp(data, magic, sizeof magic) != 0) return false;
    if (get(data + SELF_AT, 8) != fc_fnv1a(data, SELF_AT) || get(data + KEY_AT, 8) != key) return false;
    const uint8_t *shaders = data + VK_KEPT_HEADER;
    size_t count = size - VK_KEPT_HEADER;
    if (get(data + SIZE_AT, 8) != count || get(data + HASH_AT, 8) != fc_fnv1a(shaders, count)) return false;
    uint64_t flags = get(data + FLAGS_AT, 4), bits = get(data + SPEED_AT, 8), tile = get(data + TILE_AT, 4);
    double speed;
    memcpy(&speed, &bits, sizeof speed);
    if (!(speed >= 0.0 && speed <= FASTEST) || (tile != 0 && tile != 64 && tile != 128)) return false;
    *out = (vk_kept){.tested = (flags & TESTED) != 0,
                     .no_coopmat = (flags & NO_COOPMAT) != 0,
                     .no_f16 = (flags & NO_F16) != 0,
                     .tile = (uint32_t)tile,
                     .speed = speed,
                     .shaders = count ? shaders : NULL,
                     .shaders_size = count};
    return true;
}

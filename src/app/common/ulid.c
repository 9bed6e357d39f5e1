/* Identifiers that sort by time: 48 bits of milliseconds, 80 random ones, in Crockford's base 32. See ulid.h.
 */
#include "app/common/ulid.h"

#include <string.h>
#include "base/random.h"

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void write(const fc_ulid *u, char out[FC_ULID_SIZE])
{
    uint8_t bytes[16];
    for (int i = 0; i < 6; i++) bytes[i] = (uint8_t)((uint64_t)u->millis >> (40 - 8 * i));
    memcpy(bytes + 6, u->random, sizeof u->random);
    for (int i = 0; i < 26; i++) { /* 128 bits are 26 groups of 5, the first of which has 2 zeros in front */
        int value = 0;
        for (int k = 5 * i - 2; k < 5 * i + 3; k++)
            value = value << 1 | (k < 0 ? 0 : bytes[k / 8] >> (7 - k % 8) & 1);
        out[i] = digits[value];
    }
    out[26] = '\0';
}

fc_status fc_ulid_next(fc_ulid *u, int64_t millis, char out[FC_ULID_SIZE], fc_err *err)
{
    if (millis > u->millis) {
        fc_status status = fc_random_bytes(u->random, sizeof u->random, err);
        if (status != FC_OK) return status;
        u->random[0] &= 0x7f; /* room to count up */
        u->millis = millis;
    } else { /* the same millisecond, or the clock was set back: count up */
        for (int i = (int)sizeof u->random - 1; i >= 0 && ++u->random[i] == 0; i--) continue;
    }
    write(u, out);
    return FC_OK;
}

bool fc_ulid_valid(const char *text)
{
    return strlen(text) == FC_ULID_SIZE - 1 && strspn(text, digits) == FC_ULID_SIZE - 1;
}

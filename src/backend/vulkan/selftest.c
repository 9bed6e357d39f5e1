/* What a card computes is compared with plain loops before it is trusted: drivers have given wrong numbers
 * with a straight face. Sizes are uneven, so that the edges of tiles are seen too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "backend/vulkan/ops.h"
#include "backend/vulkan/selftest.h"
#include "base/mem.h"

enum { H = 9, W = 7, CIN = 24, COUT = 72, TAPS = 9, TOKENS = 70, HEAD = 64, GROUPS = 8 };
enum { PIXELS = H * W, MOST = TOKENS * HEAD > PIXELS *COUT ? TOKENS *HEAD : PIXELS *COUT };

/* Whole numbers of 1/8 from -1 to 1: exact in every type, and so are all sums of their products. */
static float pattern(int i, int seed)
{
    return (float)((i * 7 + i / 11 + seed) % 17 - 8) * 0.125f;
}

static fc_status read_rows(void *user, int32_t first, int32_t count, float *dst)
{
    (void)user;
    for (int32_t i = 0; i < count * CIN * TAPS; i++) dst[i] = pattern(first * CIN * TAPS + i, 3);
    return FC_OK;
}

/* What one check works on: the card's tensors and the host's numbers. */
struct bench {
    fc_dev *dev;
    fc_dtype type;
    fc_tensor t[4];
    float host[MOST], got[MOST], want[MOST];
    uint16_t narrow[MOST];
};

static fc_status put(struct bench *b, int which, int32_t h, int32_t w, int32_t c, fc_dtype type, int seed)
{
    fc_tensor *t = &b->t[which];
    int count = h * w * c;
    void *p = NULL;
    size_t bytes = (size_t)count * fc_dtype_size(type);
    fc_status status = vk_mem_alloc(b->dev, bytes, &p);
    if (status) return status;
    *t = (fc_tensor){p, type, 1, h, w, c, c};
    for (int i = 0; i < count; i++) b->host[i] = pattern(i, seed);
    if (type != FC_F32) fc_from_f32(b->narrow, type, b->host, (size_t)count);
    return vk_upload(b->dev, p, type == FC_F32 ? (const void *)b->host : b->narrow, bytes);
}

static fc_status get(struct bench *b, int which, int count)
{
    const fc_tensor *t = &b->t[which];
    void *to = t->dtype == FC_F32 ? (void *)b->got : b->narrow;
    fc_status status = vk_download(b->dev, to, t->data, (size_t)count * fc_dtype_size(t->dtype));
    if (!status && t->dtype != FC_F32) fc_to_f32(b->got, b->narrow, t->dtype, (size_t)count);
    return status;
}

static void drop(struct bench *b)
{
    for (int i = 0; i < 4; i++) vk_mem_free(b->dev, b->t[i].data, 0);
    memset(b->t, 0, sizeof b->t);
}

/* limit: relative to the largest number wanted. */
static fc_status compare(struct bench *b, int count, float limit, const char *what)
{
    const char *lie = getenv("FC_VK_LIE"); /* plays a driver that is wrong in this type */
    float top = 0.0f, worst = 0.0f;
    if (lie && strcmp(lie, fc_dtype_name(b->type)) == 0) b->got[count / 2] += 1.0f;
    for (int i = 0; i < count; i++) {
        float d = fabsf(b->got[i] - b->want[i]);
        top = fmaxf(top, fabsf(b->want[i]));
        worst = d <= worst ? worst : d; /* also when it is no number */
    }
    if (worst <= limit * top) return FC_OK;
    return vk_fail_text(b->dev, FC_UNSUPPORTED, "this driver computes wrongly: %s in %s is off by %g of %g",
                        what, fc_dtype_name(b->type), (double)worst, (double)top);
}

/* ---- the checks ---- */

static void convolve(struct bench *b)
{
    for (int p = 0; p < PIXELS; p++)
        for (int n = 0; n < COUT; n++) {
            float sum = 0.0f;
            for (int t = 0; t < TAPS; t++) {
                int y = p / W + t / 3 - 1, x = p % W + t % 3 - 1;
                if (y < 0 || x < 0 || y >= H || x >= W) continue;
                for (int c = 0; c < CIN; c++)
                    sum += b->host[(y * W + x) * CIN + c] * pattern((n * CIN + c) * TAPS + t, 3);
            }
            b->want[p * COUT + n] = sum;
        }
}

static fc_status check_product(struct bench *b)
{
    const fc_conv_geom geom = {3, 3, 1, 1, 1, 1, 1, 0};
    const fc_epi plain = FC_PLAIN;
    const fc_pack_src src = {
        .name = "self-test", .rows = COUT, .cin = CIN, .kh = 3, .kw = 3, .read_rows = read_rows};
    fc_packed *w = NULL;
    fc_status status = put(b, 1, H, W, COUT, FC_F32, 0);
    if (status) goto out;
    status = put(b, 0, H, W, CIN, b->type, 1);
    if (status) goto out;
    status = vk_pack_conv(b->dev, &src, &geom, b->type, &w, NULL);
    if (status) goto out;
    status = vk_conv2d(b->dev, b->t[1], b->t[0], w, NULL, &geom, &plain);
    if (status) goto out;
    status = get(b, 1, PIXELS * COUT);
    if (status) goto out;
    convolve(b);
    status = compare(b, PIXELS * COUT, 0.0f, "a convolution"); /* exact: see pattern */
out:
    vk_packed_free(b->dev, w);
    return status;
}

static void attend(struct bench *b)
{
    for (int i = 0; i < TOKENS; i++) {
        double weight[TOKENS], sum = 0.0;
        for (int j = 0; j < TOKENS; j++) {
            double dot = 0.0;
            for (int e = 0; e < HEAD; e++)
                dot += (double)pattern(i * HEAD + e, 1) * (double)pattern(j * HEAD + e, 2);
            sum += weight[j] = exp(dot / sqrt((double)HEAD));
        }
        for (int e = 0; e < HEAD; e++) {
            double out = 0.0;
            for (int j = 0; j < TOKENS; j++) out += weight[j] / sum * (double)pattern(j * HEAD + e, 5);
            b->want[i * HEAD + e] = (float)out;
        }
    }
}

static fc_status check_attention(struct bench *b)
{
    static const int seeds[] = {1, 2, 5, 0};
    fc_status status = FC_OK;
    for (int i = 0; i < 4 && !status; i++) status = put(b, i, 1, TOKENS, HEAD, b->type, seeds[i]);
    if (status != FC_OK) goto out;
    status = vk_attention(b->dev, b->t[3], b->t[0], b->t[1], b->t[2], 1, false);
    if (status != FC_OK) goto out;
    status = get(b, 3, TOKENS * HEAD);
out:
    attend(b);
    return status ? status : compare(b, TOKENS * HEAD, 1e-2f, "attention"); /* bf16 rounds to 4e-3 */
}

static void normalise(struct bench *b)
{
    enum { WIDTH = CIN / GROUPS };
    for (int g = 0; g < GROUPS; g++) {
        double sum = 0.0, squares = 0.0, n = (double)PIXELS * WIDTH;
        for (int i = 0; i < PIXELS * WIDTH; i++) {
            double v = (double)b->host[i / WIDTH * CIN + g * WIDTH + i % WIDTH];
            sum += v;
            squares += v * v;
        }
        double mean = sum / n, scale = 1.0 / sqrt(squares / n - mean * mean + 1e-5);
        for (int i = 0; i < PIXELS * WIDTH; i++) {
            int at = i / WIDTH * CIN + g * WIDTH + i % WIDTH;
            b->want[at] = (float)(((double)b->host[at] - mean) * scale);
        }
    }
}

static fc_status check_norm(struct bench *b)
{
    fc_status status = put(b, 1, H, W, CIN, FC_F32, 0);
    if (status != FC_OK) goto out;
    status = put(b, 0, H, W, CIN, b->type, 1);
    if (status != FC_OK) goto out;
    status = vk_group_norm(b->dev, b->t[1], b->t[0], NULL, NULL, GROUPS, 1e-5f, FC_ACT_NONE, (fc_tensor){0});
    if (status != FC_OK) goto out;
    status = get(b, 1, PIXELS * CIN);
out:
    normalise(b);
    return status ? status : compare(b, PIXELS * CIN, 1e-4f, "a norm");
}

fc_status vk_selftest(fc_dev *dev)
{
    static fc_status (*const checks[])(struct bench *) = {check_product, check_attention, check_norm};
    static const fc_dtype types[] = {FC_F32, FC_F16, FC_BF16};
    struct bench *b = fc_calloc(1, sizeof *b);
    if (!b) return vk_fail_text(dev, FC_NOMEM, "out of memory");
    b->dev = dev;
    fc_status status = FC_OK;
    for (int t = 0; t < (dev->caps.f16 ? 3 : 1) && !status; t++) {
        b->type = types[t];
        for (int i = 0; i < 3 && !status; i++) {
            status = checks[i](b);
            drop(b);
        }
    }
    fc_free(b);
    return status;
}

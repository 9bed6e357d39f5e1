/* See brownian.h. Node = an interval [start, end] with its increment W; splitting gives a left and a right
 * half whose increments add up to W. A split's left half is a function of the node's place, its W and one
 * normal draw seeded by the place. Buffers of left halves are kept per depth, the most recently used WAYS of
 * them: the samplers' queries share one or two end points with the query before, so that one new path per
 * query has to be drawn. */
#include "diffusion/brownian.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "base/mem.h"
#include "diffusion/rng.h"
#include "diffusion/seedseq.h"

enum { MAX_DEPTH = 60, WAYS = 3 };

typedef struct split {
    uint64_t key;
    uint64_t last_use; /* 0 = holds nothing */
    float *left;       /* [count], allocated at first use */
} split;

struct fc_brownian {
    size_t count;
    uint64_t seed;
    double start, end; /* rounded */
    float *root;       /* [count] W of the whole range */
    split splits[MAX_DEPTH][WAYS];
    float *right[MAX_DEPTH]; /* [count] right half in use at each depth */
    uint64_t clock;
};

typedef struct node {
    double start, end;
    uint64_t key;
    int depth;
    const float *w;
} node;

double fc_brownian_round6(double v)
{
    const double scale = 1e6;
    double product = v * scale;
    double error = fma(v, scale, -product); /* product + error is exact */
    double whole = rint(product);
    double rest = product - whole;
    if (rest == 0.5 && error > 0.0) whole += 1.0; /* a tie only because the product was rounded */
    if (rest == -0.5 && error < 0.0) whole -= 1.0;
    return whole / scale; /* both exact, so the quotient is the nearest double */
}

static float *buffer_new(size_t count, fc_err *err)
{
    size_t size;
    float *p = fc_size_mul(count, sizeof(float), &size) ? fc_alloc(size) : NULL;
    if (!p) fc_fail(err, FC_NOMEM, "not enough memory for the sampler's noise (%zu values)", count);
    return p;
}

fc_status fc_brownian_new(fc_brownian **out, size_t count, float sigma_min, float sigma_max, uint64_t seed,
                          fc_err *err)
{
    *out = NULL;
    if (!(sigma_min >= 0.0f && sigma_min < sigma_max && sigma_max < 1e6f) || count == 0) {
        return fc_fail(err, FC_ARG, "noise range %g..%g is not a range of sigmas", (double)sigma_min,
                       (double)sigma_max);
    }
    fc_brownian *b = fc_calloc(1, sizeof *b);
    if (!b) return fc_fail(err, FC_NOMEM, "not enough memory for the sampler's noise");
    b->count = count;
    b->seed = seed;
    b->start = fc_brownian_round6((double)sigma_min);
    b->end = fc_brownian_round6((double)sigma_max);
    b->root = buffer_new(count, err);
    if (!b->root) {
        fc_brownian_free(b);
        return FC_NOMEM;
    }
    uint32_t word;
    fc_seedseq_root(seed, &word, 1);
    fc_rng rng;
    fc_rng_seed(&rng, word);
    fc_rng_normal(&rng, b->root, count);
    float deviation = (float)sqrt((double)sigma_max - (double)sigma_min);
    for (size_t i = 0; i < count; i++) b->root[i] *= deviation;
    *out = b;
    return FC_OK;
}

void fc_brownian_free(fc_brownian *b)
{
    if (!b) return;
    for (int d = 0; d < MAX_DEPTH; d++) {
        for (int way = 0; way < WAYS; way++) fc_free(b->splits[d][way].left);
        fc_free(b->right[d]);
    }
    fc_free(b->root);
    fc_free(b);
}

/* Draws the left half of a node into left[count]; middle lies between its ends. */
static void draw_left(const fc_brownian *b, const node *n, double middle, float *left)
{
    uint32_t word;
    fc_seedseq_spawned(b->seed, n->key, (uint64_t)n->depth, &word, 1);
    fc_rng rng;
    fc_rng_seed(&rng, word);
    fc_rng_normal(&rng, left, b->count);
    double h = 1.0 / (n->end - n->start);
    float length = (float)(middle - n->start);
    float inverse = (float)h;
    float deviation = (float)sqrt((middle - n->start) * (n->end - middle) * h);
    for (size_t i = 0; i < b->count; i++) left[i] = length * n->w[i] * inverse + deviation * left[i];
}

/* The left half of node n, drawn or remembered; NULL when out of memory. */
static const float *left_half(fc_brownian *b, const node *n, double middle, fc_err *err)
{
    split *set = b->splits[n->depth], *oldest = &set[0];
    for (int way = 0; way < WAYS; way++) {
        if (set[way].last_use && set[way].key == n->key) {
            set[way].last_use = ++b->clock;
            return set[way].left;
        }
        if (set[way].last_use < oldest->last_use) oldest = &set[way];
    }
    if (!oldest->left) oldest->left = buffer_new(b->count, err);
    if (!oldest->left) return NULL;
    draw_left(b, n, middle, oldest->left);
    oldest->key = n->key;
    oldest->last_use = ++b->clock;
    return oldest->left;
}

/* The right half of node n, given its left one; NULL when out of memory. */
static const float *right_half(fc_brownian *b, const node *n, const float *left, fc_err *err)
{
    float **right = &b->right[n->depth];
    if (!*right) *right = buffer_new(b->count, err);
    if (!*right) return NULL;
    for (size_t i = 0; i < b->count; i++) (*right)[i] = n->w[i] - left[i];
    return *right;
}

/* Adds W over [from, to], which lies inside node n, to out. Recursion is at most MAX_DEPTH deep. */
static fc_status add_increment(fc_brownian *b, const node *n, double from, double to, float *out, fc_err *err)
{
    if (from == n->start && to == n->end) {
        for (size_t i = 0; i < b->count; i++) out[i] += n->w[i];
        return FC_OK;
    }
    if (n->depth >= MAX_DEPTH)
        return fc_fail(err, FC_INTERNAL, "the noise path has no piece %.9g..%.9g", from, to);
    double middle = fc_brownian_round6(0.5 * (n->end + n->start));
    const float *left = left_half(b, n, middle, err);
    if (!left) return FC_NOMEM;
    if (from < middle) {
        node child = {n->start, middle, n->key * 2, n->depth + 1, left};
        fc_status status = add_increment(b, &child, from, to < middle ? to : middle, out, err);
        if (status) return status;
    }
    if (to > middle) {
        const float *right = right_half(b, n, left, err);
        if (!right) return FC_NOMEM;
        node child = {middle, n->end, n->key * 2 + 1, n->depth + 1, right};
        return add_increment(b, &child, from > middle ? from : middle, to, out, err);
    }
    return FC_OK;
}

fc_status fc_brownian_noise(fc_brownian *b, float sigma, float sigma_next, float *out, fc_err *err)
{
    memset(out, 0, b->count * sizeof *out);
    double from = (double)sigma_next, to = (double)sigma;
    from = fc_brownian_round6(from < b->start ? b->start : from);
    to = fc_brownian_round6(to > b->end ? b->end : to);
    if (!(from < to)) return FC_OK;
    node root = {b->start, b->end, 0, 0, b->root};
    fc_status status = add_increment(b, &root, from, to, out, err);
    float length = sqrtf(fabsf(sigma_next - sigma));
    for (size_t i = 0; i < b->count; i++) out[i] = -out[i] / length;
    return status;
}

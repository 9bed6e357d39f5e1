// Activations, numbered as fc_act.

// erf: Taylor's series below 0.5, above it Chebyshev's fit of erfc with a relative error of 1.2e-7 (Press et al.,
// Numerical Recipes, 6.2.2).
float erf_(float x)
{
    float a = abs(x);
    if (a < 0.5) {
        float s = a * a;
        return x * (1.128379167 + s * (-0.3761263890 + s * (0.1128379165 + s * (-0.02686617064 + s * (0.005223977625 - s * 0.0008548327)))));
    }
    if (a > 4.0) return x < 0.0 ? -1.0 : 1.0;
    float t = 1.0 / (1.0 + 0.5 * a);
    float p = t * exp(-a * a - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 +
              t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
    return x < 0.0 ? p - 1.0 : 1.0 - p;
}

float gelu_(float x)
{
    return 0.5 * x * (1.0 + erf_(x * 0.70710678));
}

float sigmoid_(float x)
{
    return 1.0 / (1.0 + exp(-x));
}

// tanh(x), right for large x too.
float tanh_(float x)
{
    float a = abs(x);
    if (a < 0.1) {
        float s = x * x;
        return x * (1.0 - s * (1.0 / 3.0 - s * (2.0 / 15.0 - s * 17.0 / 315.0)));
    }
    float e = exp(-2.0 * a);
    float t = (1.0 - e) / (1.0 + e);
    return x < 0.0 ? -t : t;
}

float act_of(uint act, float x)
{
    switch (act) {
    case 1: return x * sigmoid_(x);
    case 2: return gelu_(x);
    case 3: return x * sigmoid_(1.702 * x);
    case 4: return x < 0.0 ? 0.0 : x; // a NaN stays one
    case 5: return 3.0 * tanh_(x / 3.0);
    case 6: return x < 0.0 ? 0.2 * x : x;
    default: return x;
    }
}

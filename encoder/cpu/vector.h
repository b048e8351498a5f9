/*
 * The compiler's vector type with LANES floats, and the functions of one vector that the loops are made of. Included by
 * kernels_body.h alone, so once an instruction set.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if LANES > 4
#include <immintrin.h>
#endif

/* Loops whose counts the compiler knows and whose arrays are meant to be registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_TWICE _Pragma("clang loop unroll_count(2)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_TWICE _Pragma("GCC unroll 2")
#endif

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));

static inline vf load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The first n floats, then zeros. */
static inline vf load_some(const float *p, size_t n)
{
    vf v = {0};
    memcpy(&v, p, (n < LANES ? n : LANES) * sizeof *p);
    return v;
}

static inline void store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

static inline void store_some(float *p, vf v, size_t n)
{
    if (n >= LANES)
        store(p, v);
    else
        memcpy(p, &v, n * sizeof *p);
}

static inline vf all(float x)
{
    return x - (vf){0};
}

/* The numbers of the lanes. */
static inline vi lane_numbers(void)
{
    vi n;
    for (int i = 0; i < LANES; i++)
        n[i] = i;
    return n;
}

static inline vf pick(vi mask, vf yes, vf no)
{
    return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

/* The larger of two; b where one is not a number. The instruction is named, because compilers make three of pick(). */
static inline vf larger(vf a, vf b)
{
#if LANES == 16
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif LANES == 8
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return pick(a > b, a, b);
#endif
}

/* Two vectors' floats alternating: a0 b0 a1 b1 ... of the lower and of the upper halves. */
#if LANES == 16
#define ZIP_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANES == 8
#define ZIP_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define ZIP_LOW 0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#endif

static inline vf zip_low(vf a, vf b)
{
    return __builtin_shufflevector(a, b, ZIP_LOW);
}

static inline vf zip_high(vf a, vf b)
{
    return __builtin_shufflevector(a, b, ZIP_HIGH);
}

/* Zipping a square's rows with those half the square away, as often as LANES can be halved, turns rows into columns. */
static inline void transpose(vf rows[LANES])
{
    vf next[LANES];
    UNROLL
    for (int width = 1; width < LANES; width *= 2) {
        UNROLL
        for (int i = 0; i < LANES / 2; i++) {
            next[2 * i] = zip_low(rows[i], rows[i + LANES / 2]);
            next[2 * i + 1] = zip_high(rows[i], rows[i + LANES / 2]);
        }
        UNROLL
        for (int i = 0; i < LANES; i++)
            rows[i] = next[i];
    }
}

/* Without an instruction of their own: a vector zipped with itself and folded, as often as LANES can be halved. */
static inline float sum_of(vf v)
{
#if LANES == 16
    return _mm512_reduce_add_ps((__m512)v);
#else
    UNROLL
    for (int width = 1; width < LANES; width *= 2)
        v = zip_low(v, v) + zip_high(v, v);
    return v[0];
#endif
}

static inline float max_of(vf v)
{
#if LANES == 16
    return _mm512_reduce_max_ps((__m512)v);
#else
    UNROLL
    for (int width = 1; width < LANES; width *= 2)
        v = larger(zip_low(v, v), zip_high(v, v));
    return v[0];
#endif
}

/*
 * 2^x to about 1e-7 relative, for x of at most 0: x = n + f, a polynomial in f, and n added to the exponent. Below -126
 * it stays at 2^-126, the smallest normal number. Not a number stays that.
 */
static inline vf exp2_below_0(vf x)
{
    const vf magic = all(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
    x = larger(all(-126.0f), x);
    vf shifted = x + magic;
    vf f = x - (shifted - magic);
    vf p = all(1.534580806e-4f);
    p = p * f + all(1.3399930904e-3f);
    p = p * f + all(9.6184890717e-3f);
    p = p * f + all(5.5503286421e-2f);
    p = p * f + all(2.4022646248e-1f);
    p = p * f + all(6.9314718246e-1f);
    p = p * f + all(1.0f);
    return (vf)((vi)p + ((vi)shifted << 23));
}

static const float LOG2_E = 1.44269504088896341f;

/* Without its sign, and at most limit. Not a number becomes limit. */
static inline vf magnitude(vf x, float limit)
{
    return -larger((vf)((vi)x | (vi)all(-0.0f)), all(-limit));
}

/*
 * x Φ(x) is max(x, 0) - |x| Φ(-|x|), and the logarithm of Φ's tail is so near a parabola that 6 terms give x Φ(x) to 1e-7
 * absolute (fitted for that, over 0 to 5.6); at 8 the tail is below 1e-14, and stays so.
 */
static inline vf act_gelu_erf(vf x)
{
    vf a = magnitude(x, 8);
    vf p = all(3.309278690e-5f);
    p = p * a + all(-7.692194195e-4f);
    p = p * a + all(8.080715314e-3f);
    p = p * a + all(-5.341210216e-2f);
    p = p * a + all(-4.587709606e-1f);
    p = p * a + all(-1.1512017250f);
    p = p * a + all(-9.999930859e-1f);
    return larger(all(0), x) - a * exp2_below_0(p);
}

/* By e^-2|x|, which neither overflows nor, with the sign put back afterwards, has to care for it. */
static inline vf vtanh(vf x)
{
    const vi sign = (vi)all(-0.0f);
    vf e = exp2_below_0((vf)((vi)x & ~sign) * all(-2 * LOG2_E));
    vf t = (all(1.0f) - e) / (all(1.0f) + e);
    return (vf)((vi)t | ((vi)x & sign));
}

/* (1 - e) / (1 + e) cancels near 0, which the product with x hides in GELU but a bare tanh would show. */
static inline vf act_tanh(vf x)
{
    vf x2 = x * x;
    vf series = x * (all(1.0f) + x2 * (all(-0.33333333f) + x2 * (all(0.13333333f) + x2 * all(-0.053968254f))));
    return pick(x2 < all(0.01f), series, vtanh(x));
}

static inline vf act_gelu_tanh(vf x)
{
    vf inner = all(0.7978845608028654f) * (x + all(0.044715f) * x * x * x);
    return all(0.5f) * x * (all(1.0f) + vtanh(inner));
}

static inline vf act_relu(vf x)
{
    return larger(all(0), x);
}

static inline vf act_none(vf x)
{
    return x;
}

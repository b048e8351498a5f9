/* What the int8 products of both kinds of AVX-512 share: bytes in vectors of 16 floats' size. See int8_body.h. */

static inline vi to_ints(vf v)
{
    return (vi)_mm512_cvtps_epi32((__m512)v);
}

/* Quarters of vectors are packed apart, so their fours of bytes are put in order afterwards. */
static inline void keep(x_value *out, const vi q[4])
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i low = _mm512_packs_epi32((__m512i)q[0], (__m512i)q[1]);
    __m512i high = _mm512_packs_epi32((__m512i)q[2], (__m512i)q[3]);
    _mm512_storeu_si512(out, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high)));
}

static inline vi weights(const int8_t *w)
{
    return (vi)_mm512_loadu_si512(w);
}

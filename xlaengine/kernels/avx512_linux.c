//go:build cgo && (amd64 || arm64)

// The kernels for x86 processors with AVX-512.

#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512dq,avx2,fma")))
#define NAME(x) avx512_##x
#define REGISTER(x) "+v"(x)
#define WIDE 8

TARGET static inline __attribute__((always_inline)) void add4(__m512 a, __m512 b, __m512 c, __m512 d, float out[4]) {
  __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  __m512d lo = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  __m512d hi = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  __m512 quarters = _mm512_add_ps(_mm512_castpd_ps(lo), _mm512_castpd_ps(hi)); // a, b, c, d of each 128 bits
  __m256 halves = _mm256_add_ps(_mm512_castps512_ps256(quarters), _mm512_extractf32x8_ps(quarters, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1)));
}

#include "body.h"

static int here(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
}

const variant kernels_avx512 = {"avx512", here, avx512_product, avx512_attention};

#else

const variant kernels_avx512 = {"avx512", 0, 0, 0};

#endif

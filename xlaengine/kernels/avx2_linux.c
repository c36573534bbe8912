//go:build cgo && (amd64 || arm64)

// The kernels for x86 processors with AVX2 and FMA.

#include "kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#define NAME(x) avx2_##x
#define REGISTER(x) "+x"(x)
#define WIDE 4

TARGET static inline __attribute__((always_inline)) void add4(__m256 a, __m256 b, __m256 c, __m256 d, float out[4]) {
  __m256 halves = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d)); // a, b, c, d of each 128 bits
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1)));
}

#include "body.h"

static int here(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

const variant kernels_avx2 = {"avx2", here, avx2_product, avx2_attention};

#else

const variant kernels_avx2 = {"avx2", 0, 0, 0};

#endif

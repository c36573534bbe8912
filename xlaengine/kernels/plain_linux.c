//go:build cgo && (amd64 || arm64)

// The kernels for every processor of the two kinds that XLA is built for, in vectors of four, which all of them have (SSE2,
// NEON).

#include "kernels.h"

typedef float four __attribute__((vector_size(16)));

#define LANES 4
#define TARGET
#define NAME(x) plain_##x
#if defined(__aarch64__)
#define REGISTER(x) "+w"(x)
#define WIDE 8
#else
#define REGISTER(x) "+x"(x)
#define WIDE 4
#endif

static inline __attribute__((always_inline)) void add4(four a, four b, four c, four d, float out[4]) {
  out[0] = (a[0] + a[1]) + (a[2] + a[3]);
  out[1] = (b[0] + b[1]) + (b[2] + b[3]);
  out[2] = (c[0] + c[1]) + (c[2] + c[3]);
  out[3] = (d[0] + d[1]) + (d[2] + d[3]);
}

#include "body.h"

static int here(void) { return 1; }

const variant kernels_plain = {"plain", here, plain_product, plain_attention};

// The kernels: what they compute (product, attention), which variants of them there are, and who shares the work
// (pool_linux.c). Everything here is float32, row-major.

#ifndef LATENTCHAIN_KERNELS_H
#define LATENTCHAIN_KERNELS_H

#include <stdint.h>

enum {
  lanes = 16,     // sizes along which kernels read are multiples of it
  most_rows = 64, // side by side
  most_dim = 512, // of a head
};

// product is y [n, out] = x [n, in] · wᵀ with w [out, in]; in is a multiple of lanes.
typedef struct {
  const float *x, *w;
  float *y;
  int64_t n, in, out;
} product;

// attention is that of t new positions for each of rows rows over the row's past and over the new positions up to
// their own; see attention.go above this folder, whose graph says the same.
typedef struct {
  const float *q;      // [rows·t, heads, dim], scaled
  const int32_t *past; // [rows], positions of the caches that count; NULL for none
  float *y;            // [rows·t, heads·dim]
  int64_t rows, t, heads, groups, dim, slots;
  int64_t window;                     // new positions see so many, themselves included; 0 for all
  const float *new_keys[most_rows];   // by row: of the new positions, [groups, dim, t]
  const float *new_values[most_rows]; // and [groups, t, dim]
  const float *keys[most_rows];       // of its cache, [groups, dim, slots]
  const float *values[most_rows];     // and [groups, slots, dim]
} attention;

// variant is the kernels compiled for one kind of processor.
typedef struct {
  const char *name;
  int (*here)(void); // whether this processor can run them
  // rows [from, to) of w
  void (*product)(const product *p, int64_t from, int64_t to);
  // of one row's heads that share keys, new positions [from, to)
  void (*attention)(const attention *a, int64_t row, int64_t group, int64_t from, int64_t to);
} variant;

extern const variant kernels_avx512, kernels_avx2, kernels_plain;

// kernels_choose makes the variant of that name the one that runs, or the best one here for "". It returns the name of
// what runs now, NULL if there is no such variant here.
const char *kernels_choose(const char *name);

// kernels_threads sets how many threads share the work of a call at most, the caller included.
void kernels_threads(int n);

// lender is where a call gets threads from: lend has one run task once, soon; 0 if it cannot.
typedef struct {
  int (*lend)(void *context, void (*task)(void *));
  void *context;
} lender;

void kernels_product(product *p, const lender *from);
void kernels_attention(attention *a, const lender *from);

// kernels_pool_run has fn(arg, i) run for i in [0, n), each i once, and returns when all of them are done.
void kernels_pool_run(void (*fn)(void *arg, int64_t i), void *arg, int64_t n, const lender *from);

#endif

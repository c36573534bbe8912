//go:build cgo && (amd64 || arm64)

// Choosing the variant that runs, and cutting a call into parts for the threads.

#include <stddef.h>
#include <string.h>

#include "kernels.h"

static const variant *const all[] = {&kernels_avx512, &kernels_avx2, &kernels_plain}; // the best first
static const variant *chosen = &kernels_plain;

const char *kernels_choose(const char *name) {
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (*name != 0 && strcmp(name, all[i]->name) != 0) continue;
    if (all[i]->here == NULL || !all[i]->here()) continue;
    chosen = all[i];
    return chosen->name;
  }
  return NULL;
}

// What a thread takes at once: rows of weights, a multiple of what stays in registers together, and rows of input.
enum { part_out = 48, part_n = 256 };

static int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static void product_part(void *arg, int64_t i) {
  const product *p = arg;
  int64_t across = parts(p->n, part_n), from = i / across * part_out, at = i % across * part_n;
  product mine = *p;
  mine.x += at * p->in;
  mine.y += at * p->out;
  mine.n = smaller(part_n, p->n - at);
  chosen->product(&mine, from, smaller(from + part_out, p->out));
}

void kernels_product(product *p, const lender *from) {
  kernels_pool_run(product_part, p, parts(p->out, part_out) * parts(p->n, part_n), from);
}

enum { part_t = 16 }; // new positions

static void attention_part(void *arg, int64_t i) {
  const attention *a = arg;
  int64_t across = parts(a->t, part_t), from = i % across * part_t;
  chosen->attention(a, i / across / a->groups, i / across % a->groups, from, smaller(from + part_t, a->t));
}

void kernels_attention(attention *a, const lender *from) {
  kernels_pool_run(attention_part, a, a->rows * a->groups * parts(a->t, part_t), from);
}

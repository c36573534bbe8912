// The kernels themselves, compiled once for each kind of processor. The file that includes this defines
//
//	LANES    float32 in a vector register
//	TARGET   the attribute that lets the compiler use that processor's instructions
//	NAME(x)  a name of its own for x
//	REGISTER the constraint of an operand that is a vector
//	WIDE     how many rows of input stay in registers at once: 8 where there are 32 registers, 4 where there are 16
//	add4     (a, b, c, d, out[4]): the sums of the lanes of four vectors
//
// A sum over a row is always taken in the same order, whoever shares the call: a row's result has the same bits alone
// and among others. A position's attention has the same bits too whether those before it came with it or long ago.

#include <math.h>
#include <string.h>

#include "kernels.h"

typedef float NAME(vec) __attribute__((vector_size(4 * LANES)));
typedef float NAME(mem) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t NAME(ints) __attribute__((vector_size(4 * LANES)));

#define VEC NAME(vec)
#define LOAD(p) ((VEC) * (const NAME(mem) *)(p))
#define STORE(p, x) (*(NAME(mem) *)(p) = (NAME(mem))(x))
#define UNROLL _Pragma("GCC unroll 32")
#define INLINE TARGET static inline __attribute__((always_inline))

// BLOCK(R, B) multiplies R rows of weights with B rows of input. Both are read along in. With ask, the weights of the
// next block are asked for meanwhile, which memory is slow to give. (The empty assembly keeps a value in its register,
// where compilers would rather read it R times.)
#define BLOCK(R, B)                                                                                                    \
  INLINE void NAME(block_##R##_##B)(const float *w, const float *x, float *y, int64_t in, int64_t out, int ask) {      \
    VEC sum[R * B];                                                                                                    \
    UNROLL for (int i = 0; i < R * B; i++) sum[i] = (VEC){0};                                                          \
    for (int64_t k = 0; k < in; k += LANES) {                                                                          \
      VEC row[R];                                                                                                      \
      UNROLL for (int r = 0; r < R; r++) {                                                                             \
        row[r] = LOAD(w + r * in + k);                                                                                 \
        if (ask) __builtin_prefetch(w + (R + r) * in + k);                                                             \
      }                                                                                                                \
      UNROLL for (int b = 0; b < B; b++) {                                                                             \
        VEC value = LOAD(x + b * in + k);                                                                              \
        __asm__("" : REGISTER(value));                                                                                 \
        UNROLL for (int r = 0; r < R; r++) sum[r * B + b] += row[r] * value;                                           \
      }                                                                                                                \
    }                                                                                                                  \
    const VEC none = {0};                                                                                              \
    UNROLL for (int i = 0; i < R * B; i += 4) {                                                                        \
      float four[4];                                                                                                   \
      add4(sum[i], i + 1 < R * B ? sum[i + 1] : none, i + 2 < R * B ? sum[i + 2] : none,                               \
           i + 3 < R * B ? sum[i + 3] : none, four);                                                                   \
      UNROLL for (int j = 0; j < 4; j++)                                                                               \
        if (i + j < R * B) y[((i + j) % B) * out + (i + j) / B] = four[j];                                             \
    }                                                                                                                  \
  }

// SPAN(R, B) runs rows [from, to) of the weights through B rows of input. The first rows of input bring the weights from
// memory, for the others they are in the core's cache.
#define SPAN(R, B)                                                                                                     \
  BLOCK(R, B)                                                                                                          \
  BLOCK(1, B)                                                                                                          \
  INLINE void NAME(rows_##B)(const float *w, const float *x, float *y, int64_t in, int64_t out, int64_t from,          \
                             int64_t to, int ask) {                                                                    \
    for (; from + R <= to; from += R) NAME(block_##R##_##B)(w + from * in, x, y + from, in, out, ask);                 \
    for (; from < to; from++) NAME(block_1_##B)(w + from * in, x, y + from, in, out, ask);                             \
  }                                                                                                                    \
  TARGET static void NAME(span_##B)(const product *p, int64_t at, int64_t from, int64_t to) {                          \
    const float *x = p->x + at * p->in;                                                                                \
    float *y = p->y + at * p->out;                                                                                     \
    if (at == 0)                                                                                                       \
      NAME(rows_##B)(p->w, x, y, p->in, p->out, from, to, 1);                                                          \
    else                                                                                                               \
      NAME(rows_##B)(p->w, x, y, p->in, p->out, from, to, 0);                                                          \
  }

#if WIDE == 8
SPAN(3, 8)
#endif
#if WIDE == 4
SPAN(2, 4)
#else
SPAN(4, 4)
#endif
SPAN(4, 2)
SPAN(4, 1)

TARGET static void NAME(product)(const product *p, int64_t from, int64_t to) {
  int64_t at = 0;
#if WIDE == 8
  for (; at + 8 <= p->n; at += 8) NAME(span_8)(p, at, from, to);
#endif
  for (; at + 4 <= p->n; at += 4) NAME(span_4)(p, at, from, to);
  for (; at + 2 <= p->n; at += 2) NAME(span_2)(p, at, from, to);
  if (at < p->n) NAME(span_1)(p, at, from, to);
}

// all is a vector of x.
INLINE VEC NAME(all)(float x) { return x - (VEC){0}; }

INLINE VEC NAME(larger)(VEC a, VEC b) {
  NAME(ints) more = a > b;
  return (VEC)(((NAME(ints))a & more) | ((NAME(ints))b & ~more));
}

// e to the power of x ≤ 0: 2ⁿ times a polynomial of what is left, to a few units in the last place. Below -87 it stays
// at e^-87.
INLINE VEC NAME(power)(VEC x) {
  const float shift = 12582912.0f; // 1.5·2²³: adding it rounds to an integer, which is then in the low bits
  x = NAME(larger)(x, NAME(all)(-87.0f));
  VEC shifted = x * 1.44269504088896341f + shift;
  VEC n = shifted - shift;
  VEC r = x - n * 0.693359375f - n * -2.12194440e-4f;
  VEC y = r * 1.9875691500e-4f + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  return y * (VEC)(((NAME(ints))shifted << 23) + (127 << 23));
}

INLINE float NAME(total)(VEC x) {
  const VEC none = {0};
  float four[4];
  add4(x, none, none, none, four);
  return four[0];
}

INLINE float NAME(most)(VEC x) {
  float m = x[0];
  UNROLL for (int i = 1; i < LANES; i++) m = x[i] > m ? x[i] : m;
  return m;
}

enum {
  NAME(piece) = 512,                     // positions worked on together, so that their scores stay in the core's cache
  NAME(width) = NAME(piece) + 2 * LANES, // of their scores, whole vectors of them
  NAME(ahead) = 16,                      // values asked for early, so many positions
};

// run is keys [dim, slots] and values [slots, dim], of which those for positions [at, end) count. Slots are a multiple of
// LANES.
typedef struct {
  const float *keys, *values;
  int64_t slots, at, end;
} NAME(run);

// softmax is one over what a query has seen so far: the largest score, the sum of e^(score - largest), and the sum of
// the values weighted with it.
typedef struct {
  float top, sum;
  float value[most_dim];
} NAME(softmax);

// scores of Q queries over n slots (a multiple of LANES) of keys [dim, slots]: four rows of keys at a time.
#define SCORE(Q)                                                                                                      \
  TARGET static void NAME(score_##Q)(const float *const *q, const float *keys, int64_t slots, int64_t dim, int64_t n, \
                                     float (*scores)[NAME(width)]) {                                                  \
    UNROLL for (int i = 0; i < Q; i++) memset(scores[i], 0, n * sizeof(float));                                       \
    for (int64_t d = 0; d < dim; d += 4, keys += 4 * slots) {                                                         \
      VEC by[Q][4];                                                                                                   \
      UNROLL for (int i = 0; i < Q; i++) UNROLL for (int j = 0; j < 4; j++) by[i][j] = NAME(all)(q[i][d + j]);        \
      for (int64_t s = 0; s < n; s += LANES) {                                                                        \
        UNROLL for (int j = 4; j < 8; j++) __builtin_prefetch(keys + j * slots + s);                                  \
        VEC a = LOAD(keys + s), b = LOAD(keys + slots + s), c = LOAD(keys + 2 * slots + s),                           \
            e = LOAD(keys + 3 * slots + s);                                                                           \
        UNROLL for (int i = 0; i < Q; i++)                                                                            \
            STORE(&scores[i][s], LOAD(&scores[i][s]) + a * by[i][0] + b * by[i][1] + c * by[i][2] + e * by[i][3]);    \
      }                                                                                                               \
    }                                                                                                                 \
  }

// values [n, dim] weighted with the scores of Q queries, added to what the softmaxes have.
#define WEIGH(Q, V)                                                                                                   \
  TARGET static void NAME(weigh_##Q##_##V)(const float *values, int64_t dim, int64_t n,                               \
                                           const float (*scores)[NAME(width)], int64_t at, NAME(softmax) *s) {        \
    VEC sum[Q][V];                                                                                                    \
    UNROLL for (int i = 0; i < Q; i++) UNROLL for (int j = 0; j < V; j++) sum[i][j] = LOAD(&s[i].value[at + j * LANES]); \
    for (int64_t p = 0; p < n; p++) {                                                                                 \
      const float *value = values + p * dim + at;                                                                     \
      UNROLL for (int j = 0; j < V; j++) __builtin_prefetch(value + NAME(ahead) * dim + j * LANES);                         \
      UNROLL for (int j = 0; j < V; j++) {                                                                            \
        VEC v = LOAD(value + j * LANES);                                                                              \
        UNROLL for (int i = 0; i < Q; i++) sum[i][j] += v * scores[i][p];                                             \
      }                                                                                                               \
    }                                                                                                                 \
    UNROLL for (int i = 0; i < Q; i++) UNROLL for (int j = 0; j < V; j++) STORE(&s[i].value[at + j * LANES], sum[i][j]); \
  }

// put is the scores of Q queries for positions [first, last) of a run, see what they make of positions [begin, end), which
// are in one piece.
#define QUERIES(Q)                                                                                                    \
  SCORE(Q)                                                                                                            \
  WEIGH(Q, 4)                                                                                                         \
  WEIGH(Q, 1)                                                                                                         \
  INLINE void NAME(put_##Q)(const float *const *q, const NAME(run) *r, int64_t dim, int64_t first, int64_t last,      \
                            float (*scores)[NAME(width)]) {                                                           \
    int64_t from = (first - r->at) / LANES * LANES, over = first - r->at - from;                                      \
    int64_t n = (last - r->at - from + LANES - 1) / LANES * LANES;                                                    \
    if (over == 0) {                                                                                                  \
      NAME(score_##Q)(q, r->keys + from, r->slots, dim, n, scores);                                                   \
      return;                                                                                                         \
    }                                                                                                                 \
    float whole[Q][NAME(width)] __attribute__((aligned(64)));                                                         \
    NAME(score_##Q)(q, r->keys + from, r->slots, dim, n, whole);                                                      \
    UNROLL for (int i = 0; i < Q; i++) memcpy(scores[i], &whole[i][over], (last - first) * sizeof(float));            \
  }                                                                                                                   \
  INLINE void NAME(see_##Q)(const float *const *q, const NAME(run) *runs, int64_t dim, int64_t begin, int64_t end,    \
                            const int64_t *from, const int64_t *to, NAME(softmax) *s) {                               \
    float scores[Q][NAME(width)] __attribute__((aligned(64)));                                                        \
    int64_t first[2], last[2], full = (end - begin + LANES - 1) / LANES * LANES;                                      \
    for (int r = 0; r < 2; r++) {                                                                                     \
      first[r] = begin > runs[r].at ? begin : runs[r].at;                                                             \
      last[r] = end < runs[r].end ? end : runs[r].end;                                                                \
      if (first[r] < last[r])                                                                                         \
        NAME(put_##Q)(q, &runs[r], dim, first[r], last[r], (float (*)[NAME(width)])(scores[0] + first[r] - begin));   \
    }                                                                                                                 \
    UNROLL for (int i = 0; i < Q; i++) {                                                                              \
      for (int64_t p = begin; p < from[i] && p < end; p++) scores[i][p - begin] = -INFINITY;                          \
      for (int64_t p = to[i] > begin ? to[i] : begin; p < begin + full; p++) scores[i][p - begin] = -INFINITY;        \
      NAME(take)(scores[i], full, dim, &s[i]);                                                                        \
    }                                                                                                                 \
    for (int r = 0; r < 2; r++) {                                                                                     \
      if (first[r] >= last[r]) continue;                                                                              \
      const float *values = runs[r].values + (first[r] - runs[r].at) * dim;                                           \
      const float(*weights)[NAME(width)] = (const float(*)[NAME(width)])(scores[0] + first[r] - begin);               \
      int64_t at = 0;                                                                                                 \
      for (; at + 4 * LANES <= dim; at += 4 * LANES)                                                                  \
        NAME(weigh_##Q##_4)(values, dim, last[r] - first[r], weights, at, s);                                         \
      for (; at < dim; at += LANES) NAME(weigh_##Q##_1)(values, dim, last[r] - first[r], weights, at, s);             \
    }                                                                                                                 \
  }

// take turns n scores into weights e^(score - top), top being the largest so far, and brings the softmax to it. A score of
// minus infinity, of a position that is not seen, weighs nothing.
TARGET static void NAME(take)(float *scores, int64_t n, int64_t dim, NAME(softmax) *s) {
  VEC largest = NAME(all)(s->top);
  for (int64_t p = 0; p < n; p += LANES) largest = NAME(larger)(largest, LOAD(scores + p));
  float top = NAME(most)(largest);
  if (top == -INFINITY) { // nothing is seen yet
    memset(scores, 0, n * sizeof(float));
    return;
  }
  if (top > s->top) {
    float less = s->sum > 0 ? expf(s->top - top) : 0;
    s->sum *= less;
    for (int64_t d = 0; d < dim; d += LANES) STORE(&s->value[d], LOAD(&s->value[d]) * less);
    s->top = top;
  }
  VEC sum = {0};
  for (int64_t p = 0; p < n; p += LANES) {
    VEC score = LOAD(scores + p);
    NAME(ints) seen = score > -INFINITY;
    VEC weight = (VEC)((NAME(ints))NAME(power)(score - top) & seen);
    STORE(scores + p, weight);
    sum += weight;
  }
  s->sum += NAME(total)(sum);
}

QUERIES(4)
QUERIES(3)
QUERIES(2)
QUERIES(1)

// see has count queries, four at most, see two runs of positions, the second where the first ends; query i sees
// [from[i], to[i]). Pieces begin at multiples of their size and vectors at multiples of theirs, wherever a run ends: so the
// order of sums is that of the positions.
TARGET static void NAME(see)(int64_t count, const float *const *q, const NAME(run) *runs, int64_t dim,
                             const int64_t *from, const int64_t *to, NAME(softmax) *s) {
  int64_t low = from[0], high = to[0];
  for (int64_t i = 1; i < count; i++) {
    low = from[i] < low ? from[i] : low;
    high = to[i] > high ? to[i] : high;
  }
  for (int64_t begin = low / LANES * LANES, end; begin < high; begin = end) {
    end = (begin / NAME(piece) + 1) * NAME(piece);
    if (end > high) end = high;
    if (count == 4) NAME(see_4)(q, runs, dim, begin, end, from, to, s);
    if (count == 3) NAME(see_3)(q, runs, dim, begin, end, from, to, s);
    if (count == 2) NAME(see_2)(q, runs, dim, begin, end, from, to, s);
    if (count == 1) NAME(see_1)(q, runs, dim, begin, end, from, to, s);
  }
}

// The queries of a row that share keys, new positions and heads alike, go in fours at most. The keys of new positions that
// do not fill vectors are laid out so that they do.
TARGET static void NAME(attention)(const attention *a, int64_t row, int64_t group, int64_t from, int64_t to) {
  const int64_t heads = a->heads / a->groups, dim = a->dim, past = a->past == NULL ? 0 : a->past[row];
  NAME(run) runs[2] = {{.end = past}, {.slots = a->t, .at = past, .end = past + a->t}};
  if (past > 0) {
    runs[0].keys = a->keys[row] + group * dim * a->slots;
    runs[0].values = a->values[row] + group * dim * a->slots;
    runs[0].slots = a->slots;
  }
  runs[1].keys = a->new_keys[row] + group * dim * a->t;
  runs[1].values = a->new_values[row] + group * dim * a->t;
  float few[most_dim][lanes] __attribute__((aligned(64)));
  if (a->t % lanes != 0) {
    memset(few, 0, dim * sizeof few[0]);
    for (int64_t d = 0; d < dim; d++)
      for (int64_t p = 0; p < a->t; p++) few[d][p] = runs[1].keys[d * a->t + p];
    runs[1].keys = few[0];
    runs[1].slots = lanes;
  }
  for (int64_t first = from * heads; first < to * heads; first += 4) {
    int64_t count = to * heads - first, begin[4], end[4];
    if (count > 4) count = 4;
    const float *q[4];
    NAME(softmax) s[4] __attribute__((aligned(64)));
    for (int64_t i = 0; i < count; i++) {
      int64_t t = (first + i) / heads, head = group * heads + (first + i) % heads, low = past + t - a->window + 1;
      q[i] = a->q + ((row * a->t + t) * a->heads + head) * dim;
      begin[i] = a->window > 0 && low > 0 ? low : 0;
      end[i] = past + t + 1;
      s[i].top = -INFINITY;
      s[i].sum = 0;
      memset(s[i].value, 0, dim * sizeof(float));
    }
    NAME(see)(count, q, runs, dim, begin, end, s);
    for (int64_t i = 0; i < count; i++) {
      float *y = a->y + (q[i] - a->q);
      for (int64_t d = 0; d < dim; d += LANES) STORE(y + d, LOAD(&s[i].value[d]) / s[i].sum);
    }
  }
}

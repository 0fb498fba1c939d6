// The native yardstick of masked mean squared error: the passes of the package with the widest vectors of this
// processor, or with what WebAssembly has: 128 bits, no fused multiply-add (-msse4.1 -mno-avx). Kernels: value, grad (ordinary stores), stream (stores past the caches).
#include "driver.h"
#include <immintrin.h>
#include <math.h>

// A vector of lanes; residual(p, t) is p − t where t ≥ 0 and 0 elsewhere, count(n, t) adds 1 to the lanes of n where t
// ≥ 0.
#if defined(__AVX512F__)
enum { LANES = 16 };
typedef __m512 Vector;
typedef __m512i Counter;
static inline Vector load(const float *p) { return _mm512_load_ps(p); }
static inline Vector zero(void) { return _mm512_setzero_ps(); }
static inline Counter none(void) { return _mm512_setzero_si512(); }
static inline __mmask16 valid(Vector t) { return _mm512_cmp_ps_mask(t, zero(), _CMP_GE_OQ); }
static inline Vector residual(Vector p, Vector t) { return _mm512_maskz_sub_ps(valid(t), p, t); }
static inline Counter count(Counter n, Vector t) {
  return _mm512_mask_add_epi32(n, valid(t), n, _mm512_set1_epi32(1));
}
static inline long total(Counter n) { return _mm512_reduce_add_epi32(n); }
static inline Vector fused(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
static inline Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
static inline Vector scale(float a, Vector b) { return _mm512_mul_ps(_mm512_set1_ps(a), b); }
static inline void store(float *p, Vector v) { _mm512_store_ps(p, v); }
static inline void stream(float *p, Vector v) { _mm512_stream_ps(p, v); }
static inline double sum(Vector v) {
  __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
  return _mm512_reduce_add_pd(_mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(v)), _mm512_cvtps_pd(high)));
}
#define ISA "AVX-512"
#elif defined(__AVX2__) && defined(__FMA__)
enum { LANES = 8 };
typedef __m256 Vector;
typedef __m256i Counter;
static inline Vector load(const float *p) { return _mm256_load_ps(p); }
static inline Vector zero(void) { return _mm256_setzero_ps(); }
static inline Counter none(void) { return _mm256_setzero_si256(); }
static inline Vector valid(Vector t) { return _mm256_cmp_ps(t, zero(), _CMP_GE_OQ); }
static inline Vector residual(Vector p, Vector t) { return _mm256_and_ps(valid(t), _mm256_sub_ps(p, t)); }
static inline Counter count(Counter n, Vector t) { return _mm256_sub_epi32(n, _mm256_castps_si256(valid(t))); }
static inline long total(Counter n) {
  int lanes[LANES];
  memcpy(lanes, &n, sizeof lanes);
  long counted = 0;
  for (int i = 0; i < LANES; i++) counted += lanes[i];
  return counted;
}
static inline Vector fused(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
static inline Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
static inline Vector scale(float a, Vector b) { return _mm256_mul_ps(_mm256_set1_ps(a), b); }
static inline void store(float *p, Vector v) { _mm256_store_ps(p, v); }
static inline void stream(float *p, Vector v) { _mm256_stream_ps(p, v); }
static inline double sum(Vector v) {
  __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
  __m256d wide = _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(v)), high);
  double lanes[4];
  memcpy(lanes, &wide, sizeof lanes);
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}
#define ISA "AVX2"
#elif defined(__SSE4_1__) && !defined(__AVX__)
enum { LANES = 4 };
typedef __m128 Vector;
typedef __m128i Counter;
static inline Vector load(const float *p) { return _mm_load_ps(p); }
static inline Vector zero(void) { return _mm_setzero_ps(); }
static inline Counter none(void) { return _mm_setzero_si128(); }
static inline Vector valid(Vector t) { return _mm_cmpge_ps(t, zero()); }
static inline Vector residual(Vector p, Vector t) { return _mm_and_ps(valid(t), _mm_sub_ps(p, t)); }
static inline Counter count(Counter n, Vector t) { return _mm_sub_epi32(n, _mm_castps_si128(valid(t))); }
static inline long total(Counter n) {
  int lanes[LANES];
  memcpy(lanes, &n, sizeof lanes);
  return (long)lanes[0] + lanes[1] + lanes[2] + lanes[3];
}
static inline Vector fused(Vector a, Vector b, Vector c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
static inline Vector add(Vector a, Vector b) { return _mm_add_ps(a, b); }
static inline Vector scale(float a, Vector b) { return _mm_mul_ps(_mm_set1_ps(a), b); }
static inline void store(float *p, Vector v) { _mm_store_ps(p, v); }
static inline void stream(float *p, Vector v) { _mm_stream_ps(p, v); }
static inline double sum(Vector v) {
  __m128d wide = _mm_add_pd(_mm_cvtps_pd(v), _mm_cvtps_pd(_mm_movehl_ps(v, v)));
  double lanes[2];
  memcpy(lanes, &wide, sizeof lanes);
  return lanes[0] + lanes[1];
}
#define ISA "128 bits"
#else
#error "needs SSE 4.1, AVX2 with FMA, or AVX-512"
#endif

// Float32 sums stay within a block of this many vectors, then they widen: as in the package's kernels.
enum { UNROLL = 4, BLOCK = 64 };

typedef struct {
  double sum;
  long count;
} Squares;

// `size` elements, a multiple of BLOCK vectors. Σd² and, where `counting`, how many are valid;
// where `grad` is given, grad = slope · d.
static inline Squares squares(const float *pred, const float *target, float *grad, long size, float slope, int counting,
                              int past_caches) {
  Squares result = {0, 0};
  Counter counters[UNROLL];
  for (int u = 0; u < UNROLL; u++) counters[u] = none();
  for (long block = 0; block < size; block += BLOCK * LANES) {
    Vector sums[UNROLL];
    for (int u = 0; u < UNROLL; u++) sums[u] = zero();
    for (long i = block; i < block + BLOCK * LANES; i += UNROLL * LANES) {
#pragma GCC unroll 4
      for (int u = 0; u < UNROLL; u++) {
        long at = i + u * LANES;
        Vector t = load(target + at);
        Vector d = residual(load(pred + at), t);
        sums[u] = fused(d, d, sums[u]);
        if (counting) counters[u] = count(counters[u], t);
        if (grad && past_caches) stream(grad + at, scale(slope, d));
        if (grad && !past_caches) store(grad + at, scale(slope, d));
      }
    }
    result.sum += sum(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
  }
  if (counting)
    for (int u = 0; u < UNROLL; u++) result.count += total(counters[u]);
  return result;
}

static long count_valid(const float *target, long size) {
  Counter counters[UNROLL];
  for (int u = 0; u < UNROLL; u++) counters[u] = none();
  for (long i = 0; i < size; i += UNROLL * LANES)
    for (int u = 0; u < UNROLL; u++) counters[u] = count(counters[u], load(target + i + u * LANES));
  long counted = 0;
  for (int u = 0; u < UNROLL; u++) counted += total(counters[u]);
  return counted;
}

static double value(void) {
  double numerator = 0, weight_sum = 0;
  for (long g = 0; g < groups; g++) {
    Squares s = squares(pred + g * size, target + g * size, NULL, size, 0, 1, 0);
    if (s.count == 0) continue;
    double weight = sqrt((double)s.count / size);
    numerator += weight * s.sum / s.count;
    weight_sum += weight;
  }
  return weight_sum > 0 ? numerator / weight_sum : 0;
}

// One counting pass over the target, then one fused pass.
static inline double value_and_grad(int past_caches) {
  static long *counts;
  counts = realloc(counts, groups * sizeof *counts);
  double numerator = 0, weight_sum = 0;
  for (long g = 0; g < groups; g++) {
    counts[g] = count_valid(target + g * size, size);
    weight_sum += sqrt((double)counts[g] / size);
  }
  for (long g = 0; g < groups; g++) {
    long first = g * size;
    double weight = sqrt((double)counts[g] / size);
    float slope = counts[g] ? 2 * weight / weight_sum / counts[g] : 0;
    Squares s = past_caches ? squares(pred + first, target + first, grad + first, size, slope, 0, 1)
                            : squares(pred + first, target + first, grad + first, size, slope, 0, 0);
    if (counts[g]) numerator += weight * s.sum / counts[g];
  }
  if (past_caches) _mm_sfence();
  return weight_sum > 0 ? numerator / weight_sum : 0;
}

static double grad_stored(void) { return value_and_grad(0); }
static double grad_streamed(void) { return value_and_grad(1); }

int main(void) {
  const Kernel kernels[] = {{"value", value}, {"grad", grad_stored}, {"stream", grad_streamed}, {NULL, NULL}};
  return drive(ISA, kernels);
}

// The native yardstick of SSIM of complete images, value only: separable sums with a ring of rows, left to the
// compiler's vectors. With -msse4.1 -mno-avx -ffp-contract=off it has what WebAssembly has: 128 bits, no fused
// multiply-add. -DREAL=double computes as the package does; float is faster, and loses the variance of flat areas.
#include "driver.h"
#include <math.h>

typedef REAL Real;

enum { RADIUS = 5, WINDOW = 2 * RADIUS + 1, MAPS = 4 };

static Real gauss[RADIUS + 1];

static void make_gauss(void) {
  double sum = 0;
  for (int k = -RADIUS; k <= RADIUS; k++) sum += exp(-k * k / 4.5);
  for (int k = 0; k <= RADIUS; k++) gauss[k] = exp(-k * k / 4.5) / sum;
}

// Sums along a row, for the `width` − 10 centres: the symmetric taps are added before they are weighed.
static void along(const Real *restrict row, Real *restrict sums) {
  for (long x = 0; x < width - 2 * RADIUS; x++) {
    const Real *centre = row + x + RADIUS;
    Real sum = gauss[0] * centre[0];
    for (int k = 1; k <= RADIUS; k++) sum += gauss[k] * (centre[-k] + centre[k]);
    sums[x] = sum;
  }
}

// One row of sums down the columns of the ring; `rows` are the window's rows from top to bottom.
static void down(Real *const rows[WINDOW], Real *restrict sums) {
  for (long x = 0; x < width - 2 * RADIUS; x++) {
    Real sum = gauss[0] * rows[RADIUS][x];
    for (int k = 1; k <= RADIUS; k++) sum += gauss[k] * (rows[RADIUS - k][x] + rows[RADIUS + k][x]);
    sums[x] = sum;
  }
}

static double plane_ssim(const float *pred, const float *target, Real *scratch) {
  const Real c1 = 1e-4, c2 = 9e-4;
  Real *inputs[MAPS], *sums = scratch + MAPS * width, *ring = sums + MAPS * width;
  for (int m = 0; m < MAPS; m++) inputs[m] = scratch + m * width;
  double total = 0;
  for (long y = 0; y < height; y++) {
    for (long i = 0; i < width; i++) {
      Real p = pred[y * width + i], t = target[y * width + i];
      inputs[0][i] = p;
      inputs[1][i] = t;
      inputs[2][i] = p * p + t * t;
      inputs[3][i] = p * t;
    }
    for (int m = 0; m < MAPS; m++) along(inputs[m], ring + (y % WINDOW * MAPS + m) * width);
    if (y < WINDOW - 1) continue;
    for (int m = 0; m < MAPS; m++) {
      Real *rows[WINDOW];
      for (int k = 0; k < WINDOW; k++) rows[k] = ring + ((y - WINDOW + 1 + k) % WINDOW * MAPS + m) * width;
      down(rows, sums + m * width);
    }
    Real row_sum = 0;
    for (long i = 0; i < width - 2 * RADIUS; i++) {
      Real mx = sums[i], my = sums[width + i], both = mx * my, squares = mx * mx + my * my;
      Real numerator = (2 * both + c1) * (2 * (sums[3 * width + i] - both) + c2);
      row_sum += numerator / ((squares + c1) * (sums[2 * width + i] - squares + c2));
    }
    total += row_sum;
  }
  return total / ((double)(height - WINDOW + 1) * (width - WINDOW + 1));
}

// 1 − SSIM, mean over the planes; the data range is 1.
static double value(void) {
  Real *scratch = malloc((2 + WINDOW) * MAPS * width * sizeof *scratch);
  double sum = 0;
  make_gauss();
  for (long g = 0; g < groups; g++) sum += 1 - plane_ssim(pred + g * size, target + g * size, scratch);
  free(scratch);
  return sum / groups;
}

int main(void) {
  const Kernel kernels[] = {{"value", value}, {NULL, NULL}};
#if defined(__AVX512F__)
  return drive("AVX-512", kernels);
#else
  return drive("128 bits", kernels);
#endif
}

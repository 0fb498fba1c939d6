/*
 * The kernels of valid-pixel-loss for hosts without JavaScript: what lies in the memory of kernels.wasm, and the three functions that compute a
 * whole loss with its gradient. docs/abi.md tells it in words.
 *
 * The module imports one memory, "env" "memory", of at least the pages that it names and at most 65536, that is not shared; and nothing else. It
 * allocates nothing: the host lays out everything from heapStart() on. Pointers are offsets into that memory, 16-aligned for a call and its
 * work area and aligned to their elements for arrays. 0 is none.
 *
 *     uint32_t heapStart(void)                               where the memory is free from
 *     uint32_t lossWorkBytes(uint32_t call)                  bytes that a call works in, 0 for VPL_BAD_CALL
 *     uint32_t computeLoss(uint32_t call, uint32_t work)     a vpl_status; results stand in the call
 *
 * Results have the very bits that the JavaScript package computes.
 */
#ifndef VALID_PIXEL_LOSS_H
#define VALID_PIXEL_LOSS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef enum {
  VPL_MSE,
  VPL_RMSE,
  VPL_MAE,
  VPL_HUBER, /* by vpl_huber or vpl_smooth_l1 */
  VPL_CHARBONNIER, /* by vpl_charbonnier */
  VPL_LOG_COSH,
  VPL_PINBALL, /* by vpl_pinball */
  VPL_TUKEY, /* by vpl_tukey */
  VPL_MAPE, /* a: eps, 1e-8 usually */
  VPL_BCE,
  VPL_BCE_WITH_LOGITS,
  VPL_POISSON_NLL, /* a: eps, 1e-8 usually; rates */
  VPL_POISSON_NLL_LOG, /* logarithms of rates */
  VPL_VECTOR_ANGLE,
  VPL_DICE, /* a: smooth */
  VPL_SAM, /* a: valid channels that a pixel needs, INFINITY for all */
  VPL_CROSS_ENTROPY, /* targets are labels; an index to ignore is a nodata value */
  VPL_SSIM /* a: data range; b: what becomes of invalid pixels, 0 normalize, 1 erode, 2 zero */
} vpl_loss;

typedef enum { VPL_MEAN, VPL_SUM, VPL_NONE } vpl_reduction;

/* What is weighed as one: a sample, a channel of a sample, all samples, a channel of all samples. Groups are numbered in this order. */
typedef enum { VPL_SAMPLE, VPL_CHANNEL, VPL_BATCH, VPL_BAND } vpl_group_by;

typedef enum { VPL_F32, VPL_U8, VPL_I16, VPL_U16, VPL_I32 } vpl_type;

/* After anything but VPL_DONE no result is to be read. */
typedef enum {
  VPL_DONE,
  VPL_BAD_LABEL, /* a label at a valid pixel is no class */
  VPL_BAD_WEIGHT, /* a weight is negative or not finite */
  VPL_BAD_MASK, /* a soft mask has a number outside [0, 1] */
  VPL_BAD_CALL /* an unknown loss, groups or a shape that it cannot have, or VPL_NONE without values */
} vpl_status;

/*
 * Little-endian, without holes: 168 bytes. In memory lossCallBytes() bytes are kept for it, as the module keeps what it needs behind it.
 */
typedef struct {
  double scale, a, b; /* what the mean over a group's pixels is multiplied by; two parameters of the loss */
  double power; /* the weight of a group is (valid / total)^power: 0.5 usually */
  double normalizer; /* what a mean divides by; NAN: the sum of the weights */
  double upstream; /* the gradient that comes from above, where upstreams is none */
  double value, numerator, weight_sum; /* results: sum of weight · loss, sum of weights */
  float min, max; /* target values that count: min ≤ t ≤ max, and never NaN */
  uint32_t loss, reduction, group_by;
  uint32_t samples, channels, height, width;
  uint32_t nodata, nodata_count; /* float[nodata_count]: target values that do not count */
  uint32_t pred; /* float[samples][channels][height][width] */
  uint32_t target, target_type; /* the same, VPL_F32; of labels target_type[samples][height][width] */
  /* VPL_U8 of target's shape, 0 where a pixel does not count; or VPL_F32, the share that does, of target's shape, but [samples][height][width]
     for VPL_SAM */
  uint32_t mask, mask_type;
  uint32_t pixel_weights; /* float[] of the shape of a VPL_F32 mask */
  uint32_t grad; /* float[samples][channels][height][width]; none: no gradient */
  uint32_t keep; /* whether the gradient is added to what stands there */
  uint32_t upstreams; /* double[groups], for VPL_NONE */
  uint32_t group_losses, group_weights, group_counts; /* double[groups] each */
  uint32_t values; /* double[groups]: weight · loss, for VPL_NONE */
} vpl_call;

/* A call with the defaults of the JavaScript package: a mean over samples, weighted by √(valid / total), of targets ≥ 0. */
static inline vpl_call vpl_call_of(vpl_loss loss, uint32_t samples, uint32_t channels, uint32_t height, uint32_t width) {
  vpl_call call;
  memset(&call, 0, sizeof call);
  call.loss = loss;
  call.scale = 1;
  call.power = 0.5;
  call.normalizer = NAN;
  call.upstream = 1;
  call.max = INFINITY;
  call.samples = samples;
  call.channels = channels;
  call.height = height;
  call.width = width;
  return call;
}

/* The parameters of losses, as the JavaScript package takes them. */
static inline void vpl_huber(vpl_call *call, double delta) {
  call->a = delta;
  call->b = -delta;
  call->scale = 0.5;
}

static inline void vpl_smooth_l1(vpl_call *call, double beta) {
  call->a = beta;
  call->b = -beta;
  call->scale = 0.5 * (1 / beta);
}

static inline void vpl_charbonnier(vpl_call *call, double eps) {
  if (eps == 0) call->loss = VPL_MAE;
  call->a = eps * eps;
  call->b = eps;
}

static inline void vpl_pinball(vpl_call *call, double q) {
  call->a = q;
  call->b = q - 1;
}

static inline void vpl_tukey(vpl_call *call, double c) {
  const float rounded = (float)c;
  call->a = c;
  call->b = isfinite(rounded) ? c - rounded : 0;
  call->scale = 1.0 / 6;
}

#endif

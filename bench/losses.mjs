// Every loss of the package beside its plain JavaScript twin, which computes in f64 and so is the reference too.

import { elementwise } from "./plain/elementwise.mjs";
import { angle, moments, overlap, rootMean } from "./plain/moments.mjs";
import { crossEntropy, sam } from "./plain/pixel.mjs";
import { ssim } from "./plain/ssim.mjs";
import { gathered, meanSquare } from "./plain/custom.mjs";

// The images' residuals are about 0.02: both branches of the losses with a bend there are taken.
const BEND = 0.02;

// Planes of 1024², for which others state the speed of their SSIM; 25M would take the plain loop minutes.
const ssimScenes = (clouded) => ({
  "64K": [[1, 1, 256, 256], clouded],
  "1M": [[1, 1, 1024, 1024], clouded],
  "4M": [[1, 4, 1024, 1024], clouded],
});
const SSIM = { maker: "ssim", make: (api) => api.ssim({ dataRange: 1 }), plain: ssim(1) };

/**
 * `make` gives the package's base loss; `pred` and `target` name the scene's arrays it is fed with ("logits",
 * "classes"); `ofDifference` says that it is a function of pred − target; `scenes` stand in place of the usual ones; `maker` is the function's name where it is not the loss's.
 * @typedef {object} Loss
 * @property {(api: object) => object} make
 * @property {object} plain
 * @property {boolean} [ofDifference]
 * @property {string} [pred]
 * @property {string} [target]
 * @property {object} [scenes]
 * @property {string} [maker]
 * @type {Record<string, Loss>}
 */
export const LOSSES = {
  mse: { make: (api) => api.mse(), ofDifference: true, plain: elementwise("d * d", "2 * d") },
  mae: { make: (api) => api.mae(), ofDifference: true, plain: elementwise("Math.abs(d)", "Math.sign(d)") },
  rmse: { make: (api) => api.rmse(), ofDifference: true, plain: moments(["d * d"], rootMean) },
  huber: {
    make: (api) => api.huber({ delta: BEND }),
    ofDifference: true,
    plain: elementwise(
      `Math.abs(d) <= ${BEND} ? 0.5 * d * d : ${BEND} * (Math.abs(d) - ${0.5 * BEND})`,
      `d > ${BEND} ? ${BEND} : d < -${BEND} ? -${BEND} : d`,
    ),
  },
  smoothL1: {
    make: (api) => api.smoothL1({ beta: BEND }),
    ofDifference: true,
    plain: elementwise(
      `Math.abs(d) < ${BEND} ? ${0.5 / BEND} * d * d : Math.abs(d) - ${0.5 * BEND}`,
      `Math.abs(d) < ${BEND} ? d / ${BEND} : Math.sign(d)`,
    ),
  },
  charbonnier: {
    make: (api) => api.charbonnier({ eps: 1e-3 }),
    ofDifference: true,
    plain: elementwise("Math.sqrt(d * d + 1e-6)", "d / Math.sqrt(d * d + 1e-6)"),
  },
  logCosh: {
    make: (api) => api.logCosh(),
    plain: elementwise("Math.abs(d) + Math.log1p(Math.exp(-2 * Math.abs(d))) - Math.LN2", "Math.tanh(d)"),
  },
  pinball: {
    make: (api) => api.pinball({ q: 0.9 }),
    ofDifference: true,
    plain: elementwise("d > 0 ? 0.1 * d : -0.9 * d", "d > 0 ? 0.1 : d < 0 ? -0.9 : 0"),
  },
  bce: {
    make: (api) => api.bce(),
    plain: elementwise(
      "-(t * Math.max(-100, Math.log(p)) + (1 - t) * Math.max(-100, Math.log1p(-p)))",
      "(p - t) / (p * (1 - p))",
    ),
  },
  bceWithLogits: {
    make: (api) => api.bceWithLogits(),
    pred: "logits",
    plain: elementwise("Math.max(p, 0) - p * t + Math.log1p(Math.exp(-Math.abs(p)))", "1 / (1 + Math.exp(-p)) - t"),
  },
  poissonNLL: {
    make: (api) => api.poissonNLL({ logInput: true }),
    pred: "logits",
    plain: elementwise("Math.exp(p) - t * p", "Math.exp(p) - t"),
  },
  dice: { make: (api) => api.dice(), plain: moments(["p", "t", "p * t"], overlap) },
  vectorAngle: { make: (api) => api.vectorAngle(), plain: moments(["p * p", "t * t", "p * t"], angle) },
  sam: { make: (api) => api.sam(), plain: sam },
  crossEntropy: { make: (api) => api.crossEntropy(), pred: "logits", target: "classes", plain: crossEntropy },
  custom: { make: (api) => api.custom(meanSquare), plain: gathered(meanSquare) },
  // Last, for they have scenes of their own: complete images, and images half under clouds.
  ssim: { ...SSIM, scenes: ssimScenes(0) },
  "ssim-holes": { ...SSIM, scenes: ssimScenes(0.5) },
};

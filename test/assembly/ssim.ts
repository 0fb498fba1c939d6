// The SSIM kernels alone, for their test: arguments in place of the fields.
import { setShifts, SSIM_SCRATCH, ssimSurvey, ssimValue, ssimValueAndGrad } from "../../assembly/ssim";
import { SsimPlane } from "../../assembly/ssimPlane";

export const planeBytes: i32 = offsetof<SsimPlane>();
export const scratchBytes: i32 = SSIM_SCRATCH;

export function setImages(plane: SsimPlane, pred: usize, predStride: usize, target: usize, targetStride: usize): void {
  plane.pred = pred;
  plane.predStride = predStride;
  plane.target = target;
  plane.targetStride = targetStride;
}

export function setOutputs(plane: SsimPlane, sums: usize, counts: usize, map: usize, mapStride: usize): void {
  plane.sums = sums;
  plane.counts = counts;
  plane.map = map;
  plane.mapStride = mapStride;
}

export function setGrad(plane: SsimPlane, grad: usize, gradStride: usize, keep: i32): void {
  plane.grad = grad;
  plane.gradStride = gradStride;
  plane.keep = keep;
}

export function setRule(plane: SsimPlane, width: i32, height: i32, lo: f32, invalid: i32, dataRange: f64): void {
  plane.width = width;
  plane.height = height;
  plane.lo = lo;
  plane.invalid = invalid;
  plane.dataRange = dataRange;
}

export function setWork(plane: SsimPlane, shift: f64, scratch: usize): void {
  plane.predLeast = plane.predMost = plane.targetLeast = plane.targetMost = shift;
  setShifts(plane);
  plane.scratch = scratch;
}

export function survey(plane: SsimPlane, row0: i32, row1: i32): f64 {
  ssimSurvey(plane, row0, row1);
  setShifts(plane);
  return plane.targetLeast > plane.targetMost ? NaN : plane.targetShift;
}

export function value(plane: SsimPlane, row0: i32, row1: i32): void {
  ssimValue(plane, row0, row1);
}

export function valueAndGrad(plane: SsimPlane, row0: i32, row1: i32, coef: f64): void {
  ssimValueAndGrad(plane, row0, row1, coef);
}

// All base losses by their makers' names; a custom loss is made of a function and stands apart.

export * from "./elementwise.ts";
export { dice, vectorAngle } from "./moments.ts";
export { crossEntropy, sam } from "./pixel.ts";
export { type SsimOptions, ssim } from "./ssim.ts";

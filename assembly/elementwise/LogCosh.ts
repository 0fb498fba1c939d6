import { logCosh, tanh } from "../approx";
import { Elementwise } from "./Elementwise";

// ρ  = log cosh d       d = p − t
// ρ′ = tanh d
@unmanaged
@final
export class LogCosh<T extends number> extends Elementwise {
  @inline
  vectors(): u32 {
    return 1;
  }

  @inline
  cancels(): bool {
    return false;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    return logCosh<T>(v128.sub<T>(p, t));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    return tanh<T>(v128.sub<T>(p, t));
  }

  @inline
  valueParts(p: v128, t: v128): v128 {
    return v128.splat<T>(<T>0);
  }

  @inline
  slopeParts(p: v128, t: v128): v128 {
    return v128.splat<T>(<T>0);
  }
}

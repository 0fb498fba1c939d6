import { exp, log } from "../approx";
import { Elementwise } from "./Elementwise";

// ρ  = eᵖ − t·p       (pred is the logarithm of the rate)
// ρ′ = eᵖ − t
@unmanaged
@final
export class PoissonNLLLog<T extends number> extends Elementwise {
  @inline
  vectors(): u32 {
    return 1;
  }

  @inline
  cancels(): bool {
    return true;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.sub<T>(exp<T>(p), v128.mul<T>(t, p));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.sub<T>(exp<T>(p), t);
  }

  @inline
  valueParts(p: v128, t: v128): v128 {
    return exp<T>(p);
  }

  @inline
  slopeParts(p: v128, t: v128): v128 {
    return exp<T>(p);
  }
}

// ρ  = p − t·log(p + ε)       (pred is the rate),  a = ε
// ρ′ = 1 − t / (p + ε)  =  ((p − t) + ε) / (p + ε)
@unmanaged
@final
export class PoissonNLL<T extends number> extends Elementwise {
  @inline
  vectors(): u32 {
    return 1;
  }

  @inline
  cancels(): bool {
    return true;
  }

  @inline
  value(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.sub<T>(p, v128.mul<T>(t, log<T>(v128.add<T>(p, a))));
  }

  @inline
  slope(p: v128, t: v128, a: v128, b: v128): v128 {
    return v128.div<T>(v128.add<T>(v128.sub<T>(p, t), a), v128.add<T>(p, a));
  }

  @inline
  valueParts(p: v128, t: v128): v128 {
    return v128.add<T>(v128.abs<T>(p), v128.abs<T>(t));
  }

  @inline
  slopeParts(p: v128, t: v128): v128 {
    return v128.splat<T>(<T>0);
  }
}

/** The method that `using` calls; engines without Symbol.dispose get the name that compilers of `using` agree on. */
export const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

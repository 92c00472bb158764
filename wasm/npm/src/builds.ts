// Which of the package's modules runs here.

/** Modules of the package, from what runs everywhere to what is fastest. */
export type Build = "baseline" | "simd" | "relaxed";

let best: Build | undefined;

/** The fastest module that this host runs, and computes rightly. */
export function bestBuild(): Build {
  best ??= !WebAssembly.validate(VECTORS) ? "baseline" : hasByteDotProducts() ? "relaxed" : "simd";
  return best;
}

/** What to do when kernels turn out to be wrong here whose instruction was right: no module with relaxed dot products from now on. */
export function refuseRelaxed(): void {
  best = "simd";
}

/**
 * Whether relaxed dot products are there, right, and one instruction of the CPU. Some versions of V8 add the products of a pair twice. A
 * host without such an instruction adds pairs in 16 bits, which an eighth bit shows and which is slower than what wider bytes take.
 */
function hasByteDotProducts(): boolean {
  if (!WebAssembly.validate(DOT_PRODUCT)) return false;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(DOT_PRODUCT));
  const dot = exports["d"] as (weight: number, activation: number) => number;
  const right = [[3, 5], [-128, 127], [127, 127], [-1, 1], [0, 9]].every(([w = 0, a = 0]) => dot(w, a) === 4 * w * a);
  return right && dot(127, 255) !== 2 * 32767;
}

/** `i8x16.splat`. */
// prettier-ignore
const VECTORS = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 5, 1, 0x60, 0, 1, 0x7b, // type: () -> v128
  3, 2, 1, 0,
  10, 8, 1, 6, 0, 0x41, 0, 0xfd, 15, 0x0b,
]);

/** `d(weight, activation)`: a lane of `i32x4.relaxed_dot_i8x16_i7x16_add_s` of both, 16 times each, and zero. */
// prettier-ignore
const DOT_PRODUCT = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 7, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, // type: (i32, i32) -> i32
  3, 2, 1, 0,
  7, 5, 1, 1, 0x64, 0, 0, // export "d"
  10, 22, 1, 20, 0,
  0x20, 0, 0xfd, 15, // i8x16.splat of the weight
  0x20, 1, 0xfd, 15, // i8x16.splat of the activation
  0x41, 0, 0xfd, 17, // i32x4.splat of zero
  0xfd, 0x93, 2, // i32x4.relaxed_dot_i8x16_i7x16_add_s
  0xfd, 27, 0, // i32x4.extract_lane
  0x0b,
]);

//! Wraps the generic bodies in functions with an instruction set's features.

/// Tables of tiles, for some numbers of rows from 1 up; rows are followed by the sets of sums that they are split over.
macro_rules! family {
    ($simd:ty, $features:literal, $panels:literal, [$($rows:literal: $sets:literal),* $(,)?]) => {
        &[$({
            #[target_feature(enable = $features)]
            unsafe fn requant(tile: &Tile, epilogue: &TileRequant, out: *mut u8, tiles: usize) {
                // SAFETY: the caller's promise; the features are enabled.
                unsafe { requant_tiles::<$simd, $rows, $panels, $sets>(tile, epilogue, out, tiles) }
            }
            #[target_feature(enable = $features)]
            unsafe fn sum(tile: &Tile, out: *mut i32, tiles: usize) {
                // SAFETY: the caller's promise; the features are enabled.
                unsafe { sum_tiles::<$simd, $rows, $panels, $sets>(tile, out, tiles) }
            }
            $crate::arch::generic::gemm::Height { rows: $rows, requant, sum }
        }),*]
    };
}

/// The functions of `GemmFns` and `ConvFn` for the tiles `$tiles`. What they requantize is left to the reference where `$takes`, if
/// there is such a function, doesn't take depth, zero points of weights, and epilogue.
macro_rules! products {
    ($simd:ty, $features:literal, $tiles:ident $(, takes: $takes:path)?) => {
        use $crate::arch::choice::TileChoice;
        use $crate::arch::generic::gemm::{finish_dynamic, finish_raw};
        use $crate::arch::{ConvFn, GemmFns};
        use $crate::conv::ConvInput;
        use $crate::epilogue::{Dynamic, Raw, Requant};
        use $crate::gemm::GemmInput;

        pub(crate) const GEMM: GemmFns = GemmFns { requant, dynamic, raw };
        pub(crate) const CONV: ConvFn = conv;

        unsafe fn conv(
            tile: TileChoice,
            input: &ConvInput<'_>,
            epilogue: &Requant<'_>,
            out: &mut [u8],
            ldo: usize,
            scratch: &mut [u8],
        ) {
            $(if !$takes(input.panels.k(), input.w_zero, epilogue) {
                return $crate::arch::all::conv(tile, input, epilogue, out, ldo, scratch);
            })?
            // SAFETY: the contract of the tables in `arch`.
            unsafe { $crate::arch::generic::conv::conv(&$tiles, tile, input, epilogue, out, ldo, scratch) }
        }

        unsafe fn requant(
            tile: TileChoice,
            input: &GemmInput<'_>,
            epilogue: &Requant<'_>,
            out: &mut [u8],
            ldo: usize,
            scratch: &mut [u8],
        ) {
            $(if !$takes(input.panels.k(), input.w_zero, epilogue) {
                // SAFETY: the reference needs nothing.
                return unsafe { ($crate::arch::all::GEMM.requant)(tile, input, epilogue, out, ldo, scratch) };
            })?
            // SAFETY: the contract of the tables in `arch`.
            unsafe { $tiles.cut(tile).gemm_requant(input, epilogue, out, ldo, scratch) }
        }

        #[target_feature(enable = $features)]
        unsafe fn dynamic(
            tile: TileChoice,
            input: &GemmInput<'_>,
            epilogue: &Dynamic<'_>,
            out: &mut [f32],
            ldo: usize,
            scratch: &mut [u8],
        ) {
            // SAFETY: the contract of the tables in `arch`.
            unsafe {
                $tiles.cut(tile).gemm_sums(input, bytemuck::cast_slice_mut(out), ldo, scratch, &|out, m, channels| {
                    finish_dynamic::<$simd>(epilogue, out, [m, ldo], channels);
                });
            }
        }

        #[target_feature(enable = $features)]
        unsafe fn raw(
            tile: TileChoice,
            input: &GemmInput<'_>,
            epilogue: &Raw<'_>,
            out: &mut [i32],
            ldo: usize,
            scratch: &mut [u8],
        ) {
            // SAFETY: the contract of the tables in `arch`.
            unsafe {
                $tiles.cut(tile).gemm_sums(input, out, ldo, scratch, &|out, m, channels| {
                    finish_raw::<$simd>(epilogue, out, [m, ldo], channels);
                });
            }
        }
    };
}

/// A `Body3x3` for some panels in a layout.
#[cfg_attr(target_feature = "relaxed-simd", allow(unused_macros, reason = "that set has bodies of its own"))]
macro_rules! body3x3 {
    ($simd:ty, $features:literal, $layout:ty, $panels:literal, zeros: $zeros:literal) => {{
        #[target_feature(enable = $features)]
        unsafe fn prepare(lines: &Lines3x3<'_>, made: *mut u8) {
            // SAFETY: the caller's promise; the features are enabled.
            unsafe { depthwise3x3::prepare::<$simd, $layout, $panels, $zeros>(lines, made) }
        }
        #[target_feature(enable = $features)]
        unsafe fn lines(lines: &Lines3x3<'_>, made: *const u8) {
            // SAFETY: the caller's promise; the features are enabled.
            unsafe { depthwise3x3::lines::<$simd, $layout, $panels, $zeros>(lines, made) }
        }
        depthwise3x3::body::<$simd, $layout, $panels>(prepare, lines)
    }};
}

/// The function of `DepthwiseFn` and its scratch, maybe with bodies for many channels of windows of 3 by 3 taps. Such windows whose
/// weights have zero points are left to the body that is named, of this set or of one that it includes; without one, zero points
/// are subtracted by way of the sums of the taps. `takes` is as in `products`.
macro_rules! depthwise {
    ($simd:ty, $features:literal) => {
        $crate::arch::instantiate::depthwise!($simd, $features, wide: &[]);
    };
    ($simd:ty, $features:literal, wide: $wide:expr) => {
        $crate::arch::instantiate::depthwise!(
            $simd,
            $features,
            zeros: $crate::arch::instantiate::body3x3!($simd, $features, Single, 1, zeros: true),
            wide: $wide
        );
    };
    ($simd:ty, $features:literal, zeros: $zeros3x3:expr) => {
        $crate::arch::instantiate::depthwise!($simd, $features, zeros: $zeros3x3, wide: &[]);
    };
    ($simd:ty, $features:literal, zeros: $zeros3x3:expr, wide: $wide:expr) => {
        /// Without zero points of weights, or for a set that subtracts them from the weights.
        pub(crate) const LINES3X3: Body3x3 =
            $crate::arch::instantiate::body3x3!($simd, $features, Single, 1, zeros: false);

        use $crate::arch::generic::depthwise3x3::Single;
        $crate::arch::instantiate::depthwise!($simd, $features, lines: LINES3X3, zeros: $zeros3x3, wide: $wide);
    };
    ($simd:ty, $features:literal, lines: $lines3x3:expr, zeros: $zeros3x3:expr, wide: $wide:expr
        $(, takes: $takes:path)?) => {
        use $crate::arch::generic::depthwise::{self, Bodies, DepthwiseLine};
        use $crate::arch::generic::depthwise3x3::{self, Body3x3, Lines3x3};
        use $crate::depthwise::DepthwiseInput;
        use $crate::epilogue::Requant;

        const BODIES: Bodies = Bodies { line, lines3x3: $lines3x3, zeros3x3: $zeros3x3, wide: $wide };

        /// Bytes of scratch for these windows.
        pub(crate) fn depthwise_scratch(taps: &$crate::taps::Taps<'_>) -> usize {
            BODIES.scratch_len(taps)
        }

        pub(crate) unsafe fn depthwise(
            input: &DepthwiseInput<'_>,
            epilogue: &Requant<'_>,
            out: &mut [u8],
            scratch: &mut [u8],
        ) {
            $(if !$takes(input.taps.window(), input.w_zero, epilogue) {
                return $crate::arch::all::depthwise(input, epilogue, out, scratch);
            })?
            // SAFETY: the contract of the tables in `arch`.
            unsafe { depthwise::depthwise(BODIES, input, epilogue, out, scratch) }
        }

        #[target_feature(enable = $features)]
        unsafe fn line(line: &DepthwiseLine<'_>) {
            // SAFETY: the caller's promise; the features are enabled.
            unsafe { depthwise::line::<$simd>(line) }
        }
    };
}

/// The functions of `ElementwiseFns` but `lookup`.
macro_rules! elementwise {
    ($simd:ty, $features:literal, $lookup:expr) => {
        use $crate::arch::ElementwiseFns;
        use $crate::arch::generic::elementwise;
        use $crate::elementwise::{AddParams, DequantizeParams, MulParams, QuantizeParams};

        pub(crate) const ELEMENTWISE: ElementwiseFns =
            ElementwiseFns { add, mul, lookup: $lookup, quantize, dequantize };

        #[target_feature(enable = $features)]
        unsafe fn add(p: &AddParams, a: &[u8], b: &[u8], out: &mut [u8]) {
            // SAFETY: the contract of the tables in `arch`.
            unsafe { elementwise::add::<$simd>(p, a, b, out) }
        }

        #[target_feature(enable = $features)]
        unsafe fn mul(p: &MulParams, a: &[u8], b: &[u8], out: &mut [u8]) {
            // SAFETY: the contract of the tables in `arch`.
            unsafe { elementwise::mul::<$simd>(p, a, b, out) }
        }

        #[target_feature(enable = $features)]
        unsafe fn quantize(p: &QuantizeParams, input: &[f32], out: &mut [u8]) {
            // SAFETY: the contract of the tables in `arch`.
            unsafe { elementwise::quantize::<$simd>(p, input, out) }
        }

        #[target_feature(enable = $features)]
        unsafe fn dequantize(p: &DequantizeParams, input: &[u8], out: &mut [f32]) {
            // SAFETY: the contract of the tables in `arch`.
            unsafe { elementwise::dequantize::<$simd>(p, input, out) }
        }
    };
}

/// The functions of `PoolFns`.
macro_rules! pool {
    ($simd:ty, $features:literal) => {
        use $crate::arch::PoolFns;
        use $crate::arch::generic::pool;
        use $crate::pool::AvgPoolParams;
        use $crate::taps::Taps;

        pub(crate) const POOL: PoolFns = PoolFns { avg, max };

        #[target_feature(enable = $features)]
        unsafe fn avg(p: &AvgPoolParams, input: &[u8], taps: &Taps<'_>, scale: &[f32], out: &mut [u8]) {
            // SAFETY: the contract of the tables in `arch`.
            unsafe { pool::avg::<$simd>(p, input, taps, scale, out) }
        }

        #[target_feature(enable = $features)]
        unsafe fn max(input: &[u8], taps: &Taps<'_>, out: &mut [u8]) {
            pool::max(input, taps, out);
        }
    };
}

#[cfg_attr(target_feature = "relaxed-simd", allow(unused_imports, reason = "that set has bodies of its own"))]
pub(in crate::arch) use {body3x3, depthwise, elementwise, family, pool, products};

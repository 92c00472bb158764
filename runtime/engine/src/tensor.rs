//! Element types, shapes and quantization: what is known of a tensor besides its bytes.

#[cfg(feature = "write")]
use crate::wire::Put;
use crate::wire::{Take, Words, wire_enum};

/// The most dimensions that a tensor has.
pub const MAX_RANK: usize = 8;

wire_enum! {
    /// Element type of a tensor inside the engine.
    ///
    /// ONNX has more: the compiler maps 64-bit and 16-bit integers to [`DType::I32`] and doubles to
    /// [`DType::F32`], and quantized int8 activations to [`DType::U8`] with the zero point raised by 128.
    pub enum DType: "element type" {
        /// IEEE 754 binary32.
        F32 = 0,
        /// IEEE 754 binary16: weights of f16 layers, inputs and outputs of f16 models.
        F16 = 1,
        /// Unsigned byte: plain, or quantized when the tensor has a [`Quant`].
        U8 = 2,
        /// Signed byte: packed weights, and int8 at the model's borders.
        I8 = 3,
        /// Two's complement 32-bit integer, also offsets and indices.
        I32 = 4,
        /// One byte, 0 or 1.
        Bool = 5,
    }
}

impl DType {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::F16 => 2,
            Self::U8 | Self::I8 | Self::Bool => 1,
        }
    }

    /// The name that messages and tables show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::I32 => "i32",
            Self::Bool => "bool",
        }
    }
}

/// Up to [`MAX_RANK`] signed integers, kept inline: axes, permutations, pads, starts, target dims.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Ints {
    len: u8,
    values: [i32; MAX_RANK],
}

impl Ints {
    /// `None` when there are more than [`MAX_RANK`] values.
    pub fn new(values: &[i32]) -> Option<Self> {
        let mut ints = Self::default();
        ints.values.get_mut(..values.len())?.copy_from_slice(values);
        ints.len = values.len() as u8;
        Some(ints)
    }
}

impl core::ops::Deref for Ints {
    type Target = [i32];
    fn deref(&self) -> &[i32] {
        &self.values[..usize::from(self.len)]
    }
}

impl core::fmt::Debug for Ints {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        (**self).fmt(f)
    }
}

impl Take for Ints {
    fn take(words: &mut Words<'_>) -> Self {
        let len = words.word();
        let mut ints = Self { len: len as u8, values: [0; MAX_RANK] };
        match ints.values.get_mut(..len as usize) {
            Some(values) => values.iter_mut().for_each(|value| *value = words.word() as i32),
            None => return words.reject(Self::default()),
        }
        ints
    }
}

#[cfg(feature = "write")]
impl Put for Ints {
    fn put(&self, out: &mut alloc::vec::Vec<u32>) {
        out.push(u32::from(self.len));
        out.extend(self.iter().map(|&v| v as u32));
    }
}

/// Dimensions of a tensor, outermost first, in row-major order; rank 0 is a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    rank: u8,
    dims: [u32; MAX_RANK],
}

impl Shape {
    /// One element and no axis.
    pub(crate) const SCALAR: Self = Self { rank: 0, dims: [0; MAX_RANK] };

    /// No elements.
    pub(crate) const EMPTY: Self = Self { rank: 1, dims: [0; MAX_RANK] };

    /// `None` when the rank exceeds [`MAX_RANK`] or the element count exceeds `i32::MAX`.
    pub fn new(dims: &[usize]) -> Option<Self> {
        let mut shape = Self { rank: u8::try_from(dims.len()).ok()?, dims: [0; MAX_RANK] };
        let mut count = 1_usize;
        for (slot, &dim) in shape.dims.get_mut(..dims.len())?.iter_mut().zip(dims) {
            *slot = u32::try_from(dim).ok()?;
            // A zero dimension must not hide an overflow of the others.
            count = count.checked_mul(dim.max(1)).filter(|&n| n <= i32::MAX as usize)?;
        }
        Some(shape)
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// The dimensions, outermost first.
    pub fn dims(&self) -> &[u32] {
        &self.dims[..self.rank()]
    }

    /// One dimension; panics past the rank, as a slice does.
    pub fn dim(&self, axis: usize) -> usize {
        self.dims()[axis] as usize
    }

    /// The last dimension, 1 for a scalar.
    pub fn last(&self) -> usize {
        self.dims().last().map_or(1, |&d| d as usize)
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        self.span(0, self.rank())
    }

    /// Product of the dimensions from `start` up to `end`, exclusive.
    pub fn span(&self, start: usize, end: usize) -> usize {
        self.dims()[start..end].iter().map(|&d| d as usize).product()
    }

    /// The same dimensions with one replaced; `None` when the count overflows.
    pub fn with(&self, axis: usize, dim: usize) -> Option<Self> {
        let mut dims = [0_usize; MAX_RANK];
        for (slot, &d) in dims.iter_mut().zip(self.dims()) {
            *slot = d as usize;
        }
        *dims.get_mut(axis)? = dim;
        Self::new(&dims[..self.rank()])
    }

    /// The first `rank` dimensions, all of them when there are fewer.
    pub fn leading(&self, rank: usize) -> Self {
        let mut dims = [0; MAX_RANK];
        let rank = rank.min(self.rank());
        dims[..rank].copy_from_slice(&self.dims[..rank]);
        Self { rank: rank as u8, dims }
    }

    /// `axis` counted from the end when negative; `None` when there is no such axis.
    pub fn axis(&self, axis: i32) -> Option<usize> {
        let rank = i32::from(self.rank);
        let axis = if axis < 0 { axis + rank } else { axis };
        (0..rank).contains(&axis).then_some(axis as usize)
    }

    /// Row-major strides in elements, one a dimension.
    pub fn strides(&self) -> [usize; MAX_RANK] {
        let mut strides = [0; MAX_RANK];
        let mut step = 1;
        for axis in (0..self.rank()).rev() {
            strides[axis] = step;
            step *= self.dim(axis);
        }
        strides
    }
}

impl core::fmt::Debug for Shape {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.dims().fmt(f)
    }
}

/// `1x224x224x3`, or `scalar`.
impl core::fmt::Display for Shape {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.rank == 0 {
            return f.write_str("scalar");
        }
        for (i, dim) in self.dims().iter().enumerate() {
            write!(f, "{}{dim}", if i == 0 { "" } else { "x" })?;
        }
        Ok(())
    }
}

impl Take for Shape {
    fn take(words: &mut Words<'_>) -> Self {
        // Dimensions lie as other numbers do.
        let dims = Ints::take(words);
        let sizes = dims.values.map(|dim| dim as u32 as usize);
        Self::new(&sizes[..dims.len()]).unwrap_or_else(|| words.reject(Self::SCALAR))
    }
}

#[cfg(feature = "write")]
impl Put for Shape {
    fn put(&self, out: &mut alloc::vec::Vec<u32>) {
        out.push(u32::from(self.rank));
        out.extend_from_slice(self.dims());
    }
}

/// Affine quantization of a whole tensor: `real = scale * (q - zero)`, with `q` in 0..=255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quant {
    /// Step between two neighbouring values; finite and positive.
    pub scale: f32,
    /// The `q` that stands for 0.0, in 0..=255.
    pub zero: i32,
}

impl Quant {
    /// `None` unless the scale is a positive normal number and the zero point lies in 0..=255.
    pub fn new(scale: f32, zero: i32) -> Option<Self> {
        (scale.is_normal() && scale > 0.0 && (0..=255).contains(&zero)).then_some(Self { scale, zero })
    }
}

//! An array and its elements.

use std::io::{Read, Write};
use std::ops::Range;

use dunlin_engine::tensor::{DType, Shape};
use half::f16;

use super::header::{Header, MAGIC};
use super::{MAX_BYTES, NpzError};
use crate::ir::Tensor;

/// Element type of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NpyType {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 32 bits.
    U32,
    /// Signed, 32 bits.
    I32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 64 bits.
    I64,
    /// Float, 16 bits.
    F16,
    /// Float, 32 bits.
    F32,
    /// Float, 64 bits.
    F64,
}

impl NpyType {
    const ALL: [Self; 12] = [
        Self::Bool,
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::U64,
        Self::I64,
        Self::F16,
        Self::F32,
        Self::F64,
    ];

    /// NumPy's name, with the byte order.
    pub const fn descr(self) -> &'static str {
        match self {
            Self::Bool => "|b1",
            Self::U8 => "|u1",
            Self::I8 => "|i1",
            Self::U16 => "<u2",
            Self::I16 => "<i2",
            Self::U32 => "<u4",
            Self::I32 => "<i4",
            Self::U64 => "<u8",
            Self::I64 => "<i8",
            Self::F16 => "<f2",
            Self::F32 => "<f4",
            Self::F64 => "<f8",
        }
    }

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether elements are floats.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }
}

/// Elements in row-major order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// Element type.
    pub dtype: NpyType,
    /// Dimensions, outermost first.
    pub dims: Vec<usize>,
    /// Little-endian; the product of the dimensions times `dtype.size()` bytes.
    pub bytes: Vec<u8>,
}

impl Array {
    /// An array of f32; panics unless `dims` multiply to the number of elements.
    pub fn f32s(dims: &[usize], elements: &[f32]) -> Self {
        Self::new(NpyType::F32, dims, bytemuck::cast_slice(elements).to_vec())
    }

    /// An array of any type; panics unless there are as many bytes as `dims` need.
    pub fn new(dtype: NpyType, dims: &[usize], bytes: Vec<u8>) -> Self {
        assert_eq!(dims.iter().product::<usize>() * dtype.size(), bytes.len(), "an element for each place");
        Self { dtype, dims: dims.to_vec(), bytes }
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    /// All elements as integers; `None` for floats and for what doesn't fit in 64 bits.
    pub fn to_i64s(&self) -> Option<Vec<i64>> {
        self.elements(0..self.count()).map(|element| self.integer(element)).collect()
    }

    /// Some elements as a tensor: floats become floats, integers become integers or floats.
    ///
    /// `None` when a float is to become an integer, an integer lies outside of the type's range, the range isn't
    /// inside the array, or it hasn't `shape.count()` elements.
    pub fn tensor(&self, range: Range<usize>, dtype: DType, shape: Shape) -> Option<Tensor> {
        if range.len() != shape.count() || range.end > self.count() {
            return None;
        }
        let elements = self.elements(range);
        match dtype {
            DType::F32 => Tensor::new(dtype, shape, &elements.map(|e| self.real(e)).collect::<Vec<f32>>()),
            DType::F16 => Tensor::new(
                dtype,
                shape,
                &elements.map(|e| f16::from_f32(self.real(e)).to_bits()).collect::<Vec<u16>>(),
            ),
            DType::U8 => Tensor::new(dtype, shape, &self.integers::<u8>(elements)?),
            DType::I8 => Tensor::new(dtype, shape, &self.integers::<i8>(elements)?),
            DType::I32 => Tensor::new(dtype, shape, &self.integers::<i32>(elements)?),
            DType::Bool => {
                let bits = self.integers::<u8>(elements)?;
                bits.iter().all(|&bit| bit <= 1).then(|| Tensor::new(dtype, shape, &bits))?
            }
        }
    }

    fn elements(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let size = self.dtype.size();
        self.bytes[range.start * size..range.end * size].chunks_exact(size)
    }

    fn integers<'a, T: TryFrom<i64>>(&self, elements: impl Iterator<Item = &'a [u8]>) -> Option<Vec<T>> {
        elements.map(|element| self.integer(element).and_then(|value| T::try_from(value).ok())).collect()
    }

    fn integer(&self, element: &[u8]) -> Option<i64> {
        match self.dtype {
            NpyType::Bool | NpyType::U8 => Some(i64::from(element[0])),
            NpyType::I8 => Some(i64::from(element[0] as i8)),
            NpyType::U16 => Some(i64::from(u16::from_le_bytes(fixed(element)))),
            NpyType::I16 => Some(i64::from(i16::from_le_bytes(fixed(element)))),
            NpyType::U32 => Some(i64::from(u32::from_le_bytes(fixed(element)))),
            NpyType::I32 => Some(i64::from(i32::from_le_bytes(fixed(element)))),
            NpyType::U64 => i64::try_from(u64::from_le_bytes(fixed(element))).ok(),
            NpyType::I64 => Some(i64::from_le_bytes(fixed(element))),
            NpyType::F16 | NpyType::F32 | NpyType::F64 => None,
        }
    }

    /// Any element as the nearest f32.
    fn real(&self, element: &[u8]) -> f32 {
        match self.dtype {
            NpyType::F16 => f16::from_le_bytes(fixed(element)).to_f32(),
            NpyType::F32 => f32::from_le_bytes(fixed(element)),
            NpyType::F64 => f64::from_le_bytes(fixed(element)) as f32,
            NpyType::U64 => u64::from_le_bytes(fixed(element)) as f32,
            _ => self.integer(element).map_or(0.0, |value| value as f32),
        }
    }

    /// Reads a `.npy` file; `name` is for messages.
    pub(super) fn read(name: &str, reader: &mut impl Read) -> Result<Self, NpzError> {
        let named = || name.to_owned();
        let header = read_header(reader).map_err(NpzError::Io)?.ok_or_else(|| NpzError::Header { name: named() })?;
        let known = NpyType::ALL.into_iter().find(|dtype| dtype.descr() == header.descr);
        let dtype = known.ok_or_else(|| NpzError::Type { name: named(), found: header.descr.clone() })?;
        let mut bytes = elements(name, reader, &header.dims, dtype.size())?;
        if header.fortran {
            bytes = row_major(&bytes, &header.dims, dtype.size());
        }
        Ok(Self { dtype, dims: header.dims, bytes })
    }

    pub(super) fn write(&self, writer: &mut impl Write) -> Result<(), NpzError> {
        let header = Header::bytes(self.dtype, &self.dims);
        writer.write_all(&header).and_then(|()| writer.write_all(&self.bytes)).map_err(NpzError::Io)
    }
}

/// Strings of a `.npy` file with one dimension; NumPy pads them with zeros to the length of the longest.
pub(super) fn read_strings(name: &str, reader: &mut impl Read) -> Result<Vec<String>, NpzError> {
    let named = || name.to_owned();
    let header = read_header(reader).map_err(NpzError::Io)?.ok_or_else(|| NpzError::Header { name: named() })?;
    let letters = header.descr.strip_prefix("<U").and_then(|letters| letters.parse::<usize>().ok());
    let (Some(letters), [count]) = (letters.filter(|&letters| letters <= MAX_LETTERS), &header.dims[..]) else {
        return Err(NpzError::Type { name: named(), found: header.descr.clone() });
    };
    if letters == 0 {
        // An array of empty strings has no bytes that would limit how many it claims.
        return Err(NpzError::Length { name: named() });
    }
    let bytes = elements(name, reader, &[*count], letters * 4)?;
    let letter = |code: &[u8]| char::from_u32(u32::from_le_bytes(fixed(code))).unwrap_or(char::REPLACEMENT_CHARACTER);
    let string = |element: &[u8]| element.chunks_exact(4).map(letter).collect::<String>();
    Ok(bytes.chunks_exact(letters * 4).map(|element| string(element).trim_end_matches('\0').to_owned()).collect())
}

/// The most letters of a string.
const MAX_LETTERS: usize = 1 << 16;

/// All that follows the header: as many bytes as it says.
fn elements(name: &str, reader: &mut impl Read, dims: &[usize], size: usize) -> Result<Vec<u8>, NpzError> {
    let fault = || NpzError::Length { name: name.to_owned() };
    let product = dims.iter().try_fold(size as u64, |len, &dim| len.checked_mul(dim as u64));
    let len = product.filter(|&len| len <= MAX_BYTES).ok_or_else(fault)?;
    let mut bytes = Vec::new();
    // Memory grows with what is there, not with what the header claims.
    reader.take(len + 1).read_to_end(&mut bytes).map_err(|_| fault())?;
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(fault()) }
}

fn fixed<const N: usize>(element: &[u8]) -> [u8; N] {
    *element.first_chunk().expect("elements have the size of their type")
}

/// Magic, version, the dictionary's length (2 bytes in version 1, 4 from then on), the dictionary.
fn read_header(reader: &mut impl Read) -> std::io::Result<Option<Header>> {
    let mut start = [0; 8];
    reader.read_exact(&mut start)?;
    if start[..6] != MAGIC[..] || !(1..=3).contains(&start[6]) {
        return Ok(None);
    }
    let mut len = [0; 4];
    reader.read_exact(&mut len[..if start[6] == 1 { 2 } else { 4 }])?;
    let mut text = Vec::new();
    reader.take(u64::from(u32::from_le_bytes(len)).min(1 << 16)).read_to_end(&mut text)?;
    Ok(std::str::from_utf8(&text).ok().and_then(Header::parse))
}

/// From the order in which the first index varies fastest to the one in which the last does.
fn row_major(bytes: &[u8], dims: &[usize], size: usize) -> Vec<u8> {
    let mut strides = vec![size; dims.len()];
    for axis in 1..dims.len() {
        strides[axis] = strides[axis - 1] * dims[axis - 1];
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = vec![0; dims.len()];
    for _ in 0..bytes.len() / size {
        let from: usize = index.iter().zip(&strides).map(|(i, stride)| i * stride).sum();
        out.extend_from_slice(&bytes[from..from + size]);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            if index[axis] < dims[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, order: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut file = MAGIC.to_vec();
        file.extend([1, 0]);
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        file.extend(bytes);
        file
    }

    #[test]
    fn fortran_order_becomes_row_major() {
        let file = npy("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6]);
        let array = Array::read("a", &mut &file[..]).expect("sound");
        assert_eq!(array.bytes, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        let cases = [
            ("big-endian", npy(">f4", "False", "(1,)", &[0; 4])),
            ("text", npy("<U4", "False", "(1,)", &[0; 16])),
            ("short", npy("<f4", "False", "(2,)", &[0; 7])),
            ("long", npy("<f4", "False", "(2,)", &[0; 9])),
            ("beyond memory", npy("<f8", "False", "(9999999999, 9999999999)", &[])),
            ("no array", b"hello, world".to_vec()),
            ("nothing", Vec::new()),
        ];
        for (name, file) in cases {
            assert!(Array::read(name, &mut &file[..]).is_err(), "{name}");
        }
    }

    #[test]
    fn integers_keep_their_value_or_are_refused() {
        let shape = Shape::new(&[2]).expect("small");
        let array = Array::new(NpyType::I64, &[2], [(-1_i64).to_le_bytes(), 300_i64.to_le_bytes()].concat());
        assert_eq!(array.to_i64s(), Some(vec![-1, 300]));
        let i32s = array.tensor(0..2, DType::I32, shape).expect("both fit");
        assert_eq!(i32s.as_i32s(), Some(&[-1, 300][..]));
        assert!(array.tensor(0..2, DType::U8, shape).is_none());
        let reals = array.tensor(0..2, DType::F32, shape).expect("both fit");
        assert_eq!(reals.as_f32s(), Some(&[-1.0, 300.0][..]));
        assert!(Array::f32s(&[2], &[1.0, 2.0]).tensor(0..2, DType::I32, shape).is_none());
    }

    #[test]
    fn strings_are_read_without_their_padding() {
        let letters: Vec<u8> = "ab\0\0é😀x\0".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let read =
            |descr: &str, shape: &str, bytes: &[u8]| read_strings("s", &mut &npy(descr, "False", shape, bytes)[..]);
        assert_eq!(read("<U4", "(2,)", &letters).expect("strings"), ["ab", "é😀x"]);
        assert!(matches!(read("<U4", "(3,)", &letters), Err(NpzError::Length { .. })));
        assert!(matches!(read("<U0", "(1000000000000,)", &[]), Err(NpzError::Length { .. })));
        for (descr, shape) in [("<i8", "(4,)"), ("<U4", "(1, 2)"), (">U4", "(2,)"), ("<U99999999", "(2,)")] {
            assert!(matches!(read(descr, shape, &letters), Err(NpzError::Type { .. })), "{descr} {shape}");
        }
        let surrogate = 0xd800_u32.to_le_bytes();
        assert_eq!(read("<U1", "(1,)", &surrogate).expect("strings"), ["\u{fffd}"]);
    }
}

//! A tensor's data in JSON: flat, or nested as the shape says.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::TensorFault;
use super::tensor::{Data, DataType};

/// Reads the data of a tensor whose shape has `expected` elements.
pub(super) fn read(raw: &RawValue, datatype: DataType, shape: &[usize], expected: usize) -> Result<Data, TensorFault> {
    Ok(match datatype {
        DataType::Bool => Data::Bool(collect(raw, shape, expected)?),
        DataType::Uint8 => Data::Uint8(collect(raw, shape, expected)?),
        DataType::Uint16 => Data::Uint16(collect(raw, shape, expected)?),
        DataType::Uint32 => Data::Uint32(collect(raw, shape, expected)?),
        DataType::Uint64 => Data::Uint64(collect(raw, shape, expected)?),
        DataType::Int8 => Data::Int8(collect(raw, shape, expected)?),
        DataType::Int16 => Data::Int16(collect(raw, shape, expected)?),
        DataType::Int32 => Data::Int32(collect(raw, shape, expected)?),
        DataType::Int64 => Data::Int64(collect(raw, shape, expected)?),
        DataType::Fp16 => return Err(TensorFault::Fp16),
        DataType::Fp32 => Data::Fp32(collect(raw, shape, expected)?),
        DataType::Fp64 => Data::Fp64(collect(raw, shape, expected)?),
        DataType::Bytes => Data::Bytes(collect(raw, shape, expected)?),
    })
}

/// Writes data as a flat list behind what is there.
pub(super) fn write(data: &Data, out: &mut String) -> Result<(), TensorFault> {
    match data {
        Data::Bool(elements) => list(elements, out, |_, v| Ok(if *v { "true" } else { "false" })),
        Data::Uint8(elements) => list(elements, out, |_, v| Ok(v)),
        Data::Uint16(elements) => list(elements, out, |_, v| Ok(v)),
        Data::Uint32(elements) => list(elements, out, |_, v| Ok(v)),
        Data::Uint64(elements) => list(elements, out, |_, v| Ok(v)),
        Data::Int8(elements) => list(elements, out, |_, v| Ok(v)),
        Data::Int16(elements) => list(elements, out, |_, v| Ok(v)),
        Data::Int32(elements) => list(elements, out, |_, v| Ok(v)),
        Data::Int64(elements) => list(elements, out, |_, v| Ok(v)),
        Data::Fp16(_) => Err(TensorFault::Fp16),
        // Debug writes the shortest digits that read as the same number, with an exponent where that is shorter.
        Data::Fp32(elements) => list(elements, out, |at, v| finite(v.is_finite(), at).map(|()| Shortest(v))),
        Data::Fp64(elements) => list(elements, out, |at, v| finite(v.is_finite(), at).map(|()| Shortest(v))),
        Data::Bytes(elements) => list(elements, out, |at, v| {
            let text = str::from_utf8(v).map_err(|_| TensorFault::Text { at })?;
            serde_json::to_string(text).map_err(|_| TensorFault::Text { at })
        }),
    }
}

struct Shortest<'a, T>(&'a T);

impl<T: fmt::Debug> fmt::Display for Shortest<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn finite(is: bool, at: usize) -> Result<(), TensorFault> {
    if is { Ok(()) } else { Err(TensorFault::NoNumber { at }) }
}

fn list<'a, T, D: fmt::Display>(
    elements: &'a [T],
    out: &mut String,
    shown: impl Fn(usize, &'a T) -> Result<D, TensorFault>,
) -> Result<(), TensorFault> {
    use fmt::Write;
    out.push('[');
    for (at, element) in elements.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Writing to a string doesn't fail.
        let _ = write!(out, "{comma}{}", shown(at, element)?);
    }
    out.push(']');
    Ok(())
}

/// What JSON has for an element.
#[derive(Clone, Copy)]
enum Scalar<'a> {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Real(f64),
    Text(&'a str),
}

/// What a tensor has elements of. Each is made from what JSON has, or isn't.
trait Element: Sized {
    fn of(scalar: Scalar<'_>) -> Option<Self>;
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl Element for $kind {
            fn of(scalar: Scalar<'_>) -> Option<Self> {
                match scalar {
                    Scalar::Unsigned(value) => value.try_into().ok(),
                    Scalar::Signed(value) => value.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! reals {
    ($($kind:ty),*) => {$(
        impl Element for $kind {
            fn of(scalar: Scalar<'_>) -> Option<Self> {
                match scalar {
                    Scalar::Unsigned(value) => Some(value as Self),
                    Scalar::Signed(value) => Some(value as Self),
                    Scalar::Real(value) => Some(value as Self).filter(|value| value.is_finite()),
                    _ => None,
                }
            }
        }
    )*};
}
reals!(f32, f64);

impl Element for bool {
    fn of(scalar: Scalar<'_>) -> Option<Self> {
        if let Scalar::Bool(value) = scalar { Some(value) } else { None }
    }
}

impl Element for Vec<u8> {
    fn of(scalar: Scalar<'_>) -> Option<Self> {
        if let Scalar::Text(value) = scalar { Some(value.as_bytes().to_vec()) } else { None }
    }
}

fn collect<T: Element>(raw: &RawValue, shape: &[usize], expected: usize) -> Result<Vec<T>, TensorFault> {
    // An element is a digit and a comma at least, so that a shape alone can't ask for memory.
    let most = raw.get().len() / 2 + 1;
    let mut elements = Vec::new();
    elements.try_reserve_exact(expected.min(most)).map_err(|_| TensorFault::Elements { most })?;
    fill(&mut elements, raw, shape, expected)?;
    Ok(elements)
}

/// Takes elements, whatever their type: what reads lists is there once for all types.
trait Sink {
    /// False for what is no element of the type.
    fn take(&mut self, scalar: Scalar<'_>) -> bool;
    fn count(&self) -> usize;
}

impl<T: Element> Sink for Vec<T> {
    fn take(&mut self, scalar: Scalar<'_>) -> bool {
        T::of(scalar).map(|element| self.push(element)).is_some()
    }

    fn count(&self) -> usize {
        self.len()
    }
}

fn fill(elements: &mut dyn Sink, raw: &RawValue, shape: &[usize], expected: usize) -> Result<(), TensorFault> {
    let mut reader = Reader { elements, expected, shape, fault: None, nested: None };
    let level = Level { reader: &mut reader, depth: 0 };
    let read = level.deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
    let found = reader.elements.count();
    match (read, reader.fault) {
        (_, Some(fault)) => Err(fault),
        // Valid JSON without a fault of ours: a number that no float holds.
        (Err(_), None) => Err(TensorFault::Element { at: found }),
        (Ok(()), None) if found != expected => Err(TensorFault::Shape { expected, found }),
        (Ok(()), None) => Ok(()),
    }
}

struct Reader<'a> {
    elements: &'a mut dyn Sink,
    expected: usize,
    shape: &'a [usize],
    fault: Option<TensorFault>,
    /// Whether lists are nested, once that is known.
    nested: Option<bool>,
}

/// One list of data, or one element.
struct Level<'r, 'a> {
    reader: &'r mut Reader<'a>,
    depth: usize,
}

impl Level<'_, '_> {
    fn fail<E: Error>(self, fault: TensorFault) -> E {
        self.reader.fault = Some(fault);
        E::custom("")
    }

    fn element<E: Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        let (at, expected) = (self.reader.elements.count(), self.reader.expected);
        let flat = self.depth == 1 || self.depth == 0 && self.reader.shape.is_empty();
        let deep = self.depth == self.reader.shape.len();
        let nested = *self.reader.nested.get_or_insert(!flat);
        // Nothing that doesn't fit is left in what is then given.
        match self.reader.elements.take(scalar) {
            false => Err(self.fail(TensorFault::Element { at })),
            true if nested == flat || !(flat || deep) => Err(self.fail(TensorFault::Nesting)),
            true if at == expected => Err(self.fail(TensorFault::Shape { expected, found: at + 1 })),
            true => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.element(Scalar::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.element(Scalar::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.element(Scalar::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.element(Scalar::Real(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.element(Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { reader, depth } = self;
        let fail = |reader: &mut Reader<'_>| {
            reader.fault = Some(TensorFault::Nesting);
            A::Error::custom("")
        };
        if depth == reader.shape.len().max(1) {
            return Err(fail(reader));
        }
        let mut len = 0;
        while list.next_element_seed(Level { reader: &mut *reader, depth: depth + 1 })?.is_some() {
            len += 1;
        }
        // A flat list's length is checked as a whole; one of lists in which nothing is isn't flat.
        let flat = depth == 0 && (reader.nested == Some(false) || len == 0);
        let fits = flat || reader.shape.get(depth) == Some(&len);
        if fits { Ok(()) } else { Err(fail(reader)) }
    }
}

//! Element-wise functions of two values, with broadcasting.

use core::cmp::Ordering;

use bytemuck::Pod;
use dunlin_kernels::Isa;
use dunlin_kernels::float::{elementwise, math};

use crate::error::RunError;
use crate::exec::pairs::Rows;
use crate::exec::walk::{elements, elements_mut};
use crate::exec::{View, ViewMut};
use crate::op::BinaryKind;
use crate::tensor::DType;

/// Two tensors to read and one to write.
pub(super) struct Call<'a, 'b> {
    pub a: View<'a>,
    pub b: View<'a>,
    pub y: &'a mut ViewMut<'b>,
    pub isa: Isa,
}

/// What is done to neighbouring elements of two operands.
type Run<'a, T, R> = dyn Fn(&[T], &[T], &mut [R]) + 'a;

impl Call<'_, '_> {
    pub(super) fn run(self, kind: BinaryKind) -> Result<(), RunError> {
        match self.a.dtype {
            DType::F32 => self.floats(kind),
            DType::I32 => self.integers(kind),
            DType::I8 => self.signed_bytes(kind),
            DType::U8 | DType::Bool => self.bytes(kind),
            DType::F16 => Err(RunError::Type { expected: DType::F32, found: DType::F16 }),
        }
    }

    fn floats(self, kind: BinaryKind) -> Result<(), RunError> {
        use BinaryKind as B;
        match kind {
            B::Add => self.zip(|a: f32, b| a + b),
            B::Sub => self.zip(|a: f32, b| a - b),
            B::Mul => self.zip(|a: f32, b| a * b),
            B::Div => self.zip(|a: f32, b| a / b),
            B::Min => self.zip(math::min),
            B::Max => self.zip(math::max),
            B::PRelu => self.zip(|a: f32, b| if a < 0.0 { a * b } else { a }),
            B::Pow => self.each(math::pow),
            B::Mod => self.each(floored),
            B::Fmod => self.each(math::remainder),
            _ => self.compare::<f32>(kind),
        }
    }

    fn integers(self, kind: BinaryKind) -> Result<(), RunError> {
        use BinaryKind as B;
        let f: fn(i32, i32) -> i32 = match kind {
            B::Add => i32::wrapping_add,
            B::Sub => i32::wrapping_sub,
            B::Mul => i32::wrapping_mul,
            B::Div => |a: i32, b| if b == 0 { 0 } else { a.wrapping_div(b) },
            B::Pow => power,
            B::Min => i32::min,
            B::Max => i32::max,
            B::Mod => floored_integer,
            B::Fmod => |a: i32, b| if b == 0 { 0 } else { a.wrapping_rem(b) },
            B::PRelu => |a: i32, b| if a < 0 { a.wrapping_mul(b) } else { a },
            B::BitAnd => |a, b| a & b,
            B::BitOr => |a, b| a | b,
            B::BitXor => |a, b| a ^ b,
            B::Shl => |a, b| a.checked_shl(b as u32).unwrap_or(0),
            B::Shr => |a, b| (a as u32).checked_shr(b as u32).unwrap_or(0) as i32,
            _ => return self.compare::<i32>(kind),
        };
        self.each(f)
    }

    fn signed_bytes(self, kind: BinaryKind) -> Result<(), RunError> {
        use BinaryKind as B;
        match kind {
            B::Less | B::LessOrEqual | B::Greater | B::GreaterOrEqual => self.compare::<i8>(kind),
            _ => self.bytes(kind),
        }
    }

    fn bytes(self, kind: BinaryKind) -> Result<(), RunError> {
        use BinaryKind as B;
        let f: fn(u8, u8) -> u8 = match kind {
            B::And | B::BitAnd => |a: u8, b| a & b,
            B::Or | B::BitOr => |a, b| a | b,
            B::Xor | B::BitXor => |a, b| a ^ b,
            B::Shl => |a, b| a.checked_shl(b.into()).unwrap_or(0),
            B::Shr => |a, b| a.checked_shr(b.into()).unwrap_or(0),
            _ => return self.compare::<u8>(kind),
        };
        self.each(f)
    }

    fn compare<T: Pod + PartialOrd>(self, kind: BinaryKind) -> Result<(), RunError> {
        use BinaryKind as B;
        let holds = match kind {
            B::Equal => Ordering::is_eq,
            B::Less => Ordering::is_lt,
            B::LessOrEqual => Ordering::is_le,
            B::Greater => Ordering::is_gt,
            B::GreaterOrEqual => Ordering::is_ge,
            _ => return Err(RunError::Plan),
        };
        self.zip(|a: T, b: T| u8::from(a.partial_cmp(&b).is_some_and(holds)))
    }

    /// `y = f(a, b)` for each element, by one loop for all functions of a type: those that no model's time is in.
    fn each<T: Pod>(self, f: fn(T, T) -> T) -> Result<(), RunError> {
        self.zip(f)
    }

    /// `y = f(a, b)` for each element, by a loop of its own.
    fn zip<T: Pod, R: Pod>(self, f: impl Fn(T, T) -> R) -> Result<(), RunError> {
        let isa = self.isa;
        self.by_rows(&|a: &[T], b: &[T], y: &mut [R]| elementwise::zip(isa, a, b, y, &f))
    }

    /// Runs of elements, as long as they can be.
    fn by_rows<T: Pod, R: Pod>(self, f: &Run<'_, T, R>) -> Result<(), RunError> {
        let mut rows = Rows::new(&self.a, &self.b, self.y);
        while let Some((a, b, y)) = rows.next() {
            f(elements(a)?, elements(b)?, elements_mut(y)?);
        }
        Ok(())
    }
}

/// The remainder with the sign of the divisor.
fn floored(a: f32, b: f32) -> f32 {
    let rest = math::remainder(a, b);
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

fn floored_integer(a: i32, b: i32) -> i32 {
    if b == 0 {
        return 0;
    }
    let rest = a.wrapping_rem(b);
    if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
}

/// Integer power; a negative exponent gives the truncated reciprocal, of 0 as well 0.
fn power(a: i32, b: i32) -> i32 {
    match (a, u32::try_from(b)) {
        (_, Ok(b)) => a.wrapping_pow(b),
        (1, _) => 1,
        (-1, _) => 1 - 2 * (b & 1),
        _ => 0,
    }
}

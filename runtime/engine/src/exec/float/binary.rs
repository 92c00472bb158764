//! Element-wise functions of two values, with broadcasting.

use bytemuck::Pod;
use dunlin_kernels::Isa;
use dunlin_kernels::float::{elementwise, math};

use crate::error::RunError;
use crate::exec::walk::{Walk, broadcast_steps, elements, elements_mut, row_major};
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
            B::Pow => self.zip(math::pow),
            B::Min => self.zip(math::min),
            B::Max => self.zip(math::max),
            B::Mod => self.zip(|a: f32, b| floored(a, b)),
            B::Fmod => self.zip(|a: f32, b| a % b),
            B::PRelu => self.zip(|a: f32, b| if a < 0.0 { a * b } else { a }),
            _ => self.compare::<f32>(kind),
        }
    }

    fn integers(self, kind: BinaryKind) -> Result<(), RunError> {
        use BinaryKind as B;
        match kind {
            B::Add => self.zip(i32::wrapping_add),
            B::Sub => self.zip(i32::wrapping_sub),
            B::Mul => self.zip(i32::wrapping_mul),
            B::Div => self.zip(|a: i32, b| if b == 0 { 0 } else { a.wrapping_div(b) }),
            B::Pow => self.zip(power),
            B::Min => self.zip(|a: i32, b| a.min(b)),
            B::Max => self.zip(|a: i32, b| a.max(b)),
            B::Mod => self.zip(floored_integer),
            B::Fmod => self.zip(|a: i32, b| if b == 0 { 0 } else { a.wrapping_rem(b) }),
            B::PRelu => self.zip(|a: i32, b| if a < 0 { a.wrapping_mul(b) } else { a }),
            B::BitAnd => self.zip(|a: i32, b| a & b),
            B::BitOr => self.zip(|a: i32, b| a | b),
            B::BitXor => self.zip(|a: i32, b| a ^ b),
            B::Shl => self.zip(|a: u32, b: u32| a.checked_shl(b).unwrap_or(0)),
            B::Shr => self.zip(|a: u32, b: u32| a.checked_shr(b).unwrap_or(0)),
            _ => self.compare::<i32>(kind),
        }
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
        match kind {
            B::And | B::BitAnd => self.zip(|a: u8, b| a & b),
            B::Or | B::BitOr => self.zip(|a: u8, b| a | b),
            B::Xor | B::BitXor => self.zip(|a: u8, b| a ^ b),
            B::Shl => self.zip(|a: u8, b: u8| a.checked_shl(b.into()).unwrap_or(0)),
            B::Shr => self.zip(|a: u8, b: u8| a.checked_shr(b.into()).unwrap_or(0)),
            _ => self.compare::<u8>(kind),
        }
    }

    fn compare<T: Pod + PartialOrd>(self, kind: BinaryKind) -> Result<(), RunError> {
        use BinaryKind as B;
        match kind {
            B::Equal => self.zip(|a: T, b| u8::from(a == b)),
            B::Less => self.zip(|a: T, b| u8::from(a < b)),
            B::LessOrEqual => self.zip(|a: T, b| u8::from(a <= b)),
            B::Greater => self.zip(|a: T, b| u8::from(a > b)),
            B::GreaterOrEqual => self.zip(|a: T, b| u8::from(a >= b)),
            _ => Err(RunError::Plan),
        }
    }

    /// `y = f(a, b)` for each element.
    fn zip<T: Pod, R: Pod>(self, f: impl Fn(T, T) -> R) -> Result<(), RunError> {
        let isa = self.isa;
        self.rows(&|a: &[T], b: &[T], y: &mut [R]| elementwise::zip(isa, a, b, y, &f))
    }

    /// Gives `f` equally long runs of elements.
    fn rows<T: Pod, R: Pod>(self, f: RowFn<'_, T, R>) -> Result<(), RunError> {
        let Self { a, b, y, .. } = self;
        let steps = [broadcast_steps(&a.shape, &y.shape), broadcast_steps(&b.shape, &y.shape), row_major(&y.shape)];
        let walk = Walk::new(&y.shape, steps.each_ref(), [0; 3]);
        let (len, [step_a, step_b, _]) = walk.row();
        let (a, b, y) = (elements::<T>(a.bytes)?, elements::<T>(b.bytes)?, elements_mut::<R>(y.bytes)?);
        for [at_a, at_b, at_y] in walk {
            let y = &mut y[at_y..][..len];
            match (step_a, step_b) {
                (0, 0) => repeat(f, [&a[at_a..][..1], &b[at_b..][..1]], [true, true], y),
                (0, _) => repeat(f, [&a[at_a..][..1], &b[at_b..][..len]], [true, false], y),
                (_, 0) => repeat(f, [&a[at_a..][..len], &b[at_b..][..1]], [false, true], y),
                _ => f(&a[at_a..][..len], &b[at_b..][..len], y),
            }
        }
        Ok(())
    }
}

/// A function of two equally long runs of elements.
type RowFn<'f, T, R> = &'f dyn Fn(&[T], &[T], &mut [R]);

/// Elements that a repeated value is copied to.
const REPEATS: usize = 64;

/// Calls `f` where one operand or both are one element for a whole row.
fn repeat<T: Pod, R: Pod>(f: RowFn<'_, T, R>, row: [&[T]; 2], single: [bool; 2], y: &mut [R]) {
    let copies = row.map(|row| [row[0]; REPEATS]);
    for (chunk, y) in y.chunks_mut(REPEATS).enumerate() {
        let part = |side: usize| {
            if single[side] { &copies[side][..y.len()] } else { &row[side][chunk * REPEATS..][..y.len()] }
        };
        f(part(0), part(1), y);
    }
}

/// The remainder with the sign of the divisor.
fn floored(a: f32, b: f32) -> f32 {
    let rest = a % b;
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

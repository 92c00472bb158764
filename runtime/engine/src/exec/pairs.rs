//! Functions of two tensors, element by element, with broadcasting.

use super::walk::{Walk, broadcast_steps, part, part_mut, row_major};
use super::{View, ViewMut};
use crate::error::RunError;
use crate::tensor::Shape;

/// A function of two equally long runs of elements, as bytes.
pub(crate) type RowFn<'f> = &'f dyn Fn(&[u8], &[u8], &mut [u8]) -> Result<(), RunError>;

/// Elements that a repeated value is copied to.
const REPEATS: usize = 64;

/// Gives `f` runs of elements as long as they can be: of the operands, which have one type, and of the result.
pub(crate) fn in_rows([a, b]: [&View<'_>; 2], y: &mut ViewMut<'_>, f: RowFn<'_>) -> Result<(), RunError> {
    let sizes @ [size, result_size] = [a.dtype.size(), y.dtype.size()];
    let (of_a, of_b) = (broadcast_steps(&a.shape, &y.shape), broadcast_steps(&b.shape, &y.shape));
    let walk = Walk::new(&y.shape, &[&of_a, &of_b, &row_major(&y.shape)], 0);
    let (len, [step_a, step_b, _]) = walk.row();
    let single = [step_a == 0, step_b == 0];
    let [len_a, len_b] = single.map(|single| if single { size } else { len * size });
    for [at_a, at_b, at_y] in walk {
        let rows = [part(a.bytes, at_a * size, len_a), part(b.bytes, at_b * size, len_b)];
        let y = part_mut(y.bytes, at_y * result_size, len * result_size);
        if single == [false; 2] {
            f(rows[0], rows[1], y)?;
        } else {
            repeat(f, rows, single, sizes, y)?;
        }
    }
    Ok(())
}

/// Calls `f` where one operand or both are one element for a whole row.
fn repeat(
    f: RowFn<'_>,
    rows: [&[u8]; 2],
    single: [bool; 2],
    [size, result_size]: [usize; 2],
    y: &mut [u8],
) -> Result<(), RunError> {
    // Of words, for their alignment.
    let mut copies = [[0_u32; REPEATS]; 2];
    for (copies, row) in copies.iter_mut().zip(rows) {
        bytemuck::bytes_of_mut(copies).chunks_exact_mut(size).for_each(|copy| copy.copy_from_slice(&row[..size]));
    }
    for (chunk, y) in y.chunks_mut(REPEATS * result_size).enumerate() {
        let len = y.len() / result_size * size;
        let run = |side: usize| {
            let (row, start): (&[u8], _) = if single[side] {
                (bytemuck::bytes_of(&copies[side]), 0)
            } else {
                (rows[side], chunk * REPEATS * size)
            };
            part(row, start, len)
        };
        f(run(0), run(1), y)?;
    }
    Ok(())
}

/// For each product of a batch, in the order of the results: which matrix of either operand it takes.
pub(crate) fn batches(lead: &Shape, operands: [&Shape; 2]) -> impl Iterator<Item = [usize; 2]> + use<> {
    let [of_a, of_b] = operands.map(|shape| broadcast_steps(&shape.leading(shape.rank().saturating_sub(2)), lead));
    let walk = Walk::new(lead, &[&of_a, &of_b], 0);
    let (len, [step_a, step_b, _]) = walk.row();
    walk.flat_map(move |[a, b, _]| (0..len).map(move |i| [a + i * step_a as usize, b + i * step_b as usize]))
}

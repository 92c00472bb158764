//! Functions of two tensors, element by element, with broadcasting.

use super::walk::{Walk, broadcast_steps, part, part_mut, row_major};
use super::{View, ViewMut};
use crate::tensor::Shape;

/// Elements that a repeated value is copied to.
const REPEATS: usize = 64;

/// Runs of elements, as long as they can be: of the operands, which have one type, and of the result.
pub(crate) struct Rows<'a, 'y> {
    operands: [&'a [u8]; 2],
    result: &'y mut [u8],
    /// Bytes of an element of the operands and of the result.
    sizes: [usize; 2],
    walk: Walk,
    len: usize,
    /// Whether an operand is one element for a whole row, copied to here: to words, for their alignment.
    single: [bool; 2],
    copies: [[u32; REPEATS]; 2],
    /// Where the row begins in the operands and the result, and how many of its elements are done.
    at: [usize; 3],
    done: usize,
}

impl<'a, 'y> Rows<'a, 'y> {
    pub(crate) fn new(a: &View<'a>, b: &View<'a>, y: &'y mut ViewMut<'_>) -> Self {
        let (of_a, of_b) = (broadcast_steps(&a.shape, &y.shape), broadcast_steps(&b.shape, &y.shape));
        let walk = Walk::new(&y.shape, &[&of_a, &of_b, &row_major(&y.shape)], 0);
        let (len, [step_a, step_b, _]) = walk.row();
        Self {
            operands: [a.bytes, b.bytes],
            sizes: [a.dtype.size(), y.dtype.size()],
            result: y.bytes,
            walk,
            len,
            single: [step_a == 0, step_b == 0],
            copies: [[0; REPEATS]; 2],
            at: [0; 3],
            done: len,
        }
    }

    /// The next run, as bytes: of both operands and of the result.
    pub(crate) fn next(&mut self) -> Option<(&[u8], &[u8], &mut [u8])> {
        let [size, result_size] = self.sizes;
        if self.done == self.len {
            self.at = self.walk.next()?;
            self.done = 0;
            for side in (0..2).filter(|&side| self.single[side]) {
                let element = part(self.operands[side], self.at[side] * size, size);
                let copies = bytemuck::bytes_of_mut(&mut self.copies[side]).chunks_exact_mut(size);
                copies.for_each(|copy| copy.copy_from_slice(element));
            }
        }
        let most = if self.single == [false; 2] { self.len } else { REPEATS };
        let (from, len) = (self.done, most.min(self.len - self.done));
        self.done += len;
        let run = |side: usize| match self.single[side] {
            true => part(bytemuck::bytes_of(&self.copies[side]), 0, len * size),
            false => part(self.operands[side], (self.at[side] + from) * size, len * size),
        };
        let result = part_mut(self.result, (self.at[2] + from) * result_size, len * result_size);
        Some((run(0), run(1), result))
    }
}

/// For each product of a batch, in the order of the results: which matrix of either operand it takes.
pub(crate) fn batches(lead: &Shape, operands: [&Shape; 2]) -> impl Iterator<Item = [usize; 2]> + use<> {
    let [of_a, of_b] = operands.map(|shape| broadcast_steps(&shape.leading(shape.rank().saturating_sub(2)), lead));
    let walk = Walk::new(lead, &[&of_a, &of_b], 0);
    let (len, [step_a, step_b, _]) = walk.row();
    walk.flat_map(move |[a, b, _]| (0..len).map(move |i| [a + i * step_a as usize, b + i * step_b as usize]))
}

//! Operators that compare the elements of an axis: the largest, and the k largest.

use core::cmp::Ordering;

use crate::error::RunError;
use crate::exec::walk::{around, part, part_mut, scratch_of};
use crate::exec::{View, ViewMut};
use crate::tensor::DType;

/// Which elements of an axis come first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// The axis.
    pub axis: usize,
    /// The largest come first, rather than the smallest.
    pub largest: bool,
}

impl Order {
    /// Index of the first element; of equals the first or the last.
    pub(super) fn arg(self, last: bool, x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
        let elements = Elements::of(x)?;
        let [_, len, inner] = around(&x.shape, self.axis)?;
        for (i, slot) in y.i32s()?.iter_mut().enumerate() {
            let base = i / inner * len * inner + i % inner;
            let mut best = 0;
            for candidate in 1..len {
                let order = elements.compare(base + candidate * inner, base + best * inner);
                let order = if self.largest { order } else { order.reverse() };
                if order == Ordering::Greater || (last && order == Ordering::Equal) {
                    best = candidate;
                }
            }
            *slot = best as i32;
        }
        Ok(())
    }

    /// The first k elements, in order, with their indices.
    pub(super) fn top(
        self,
        x: &View<'_>,
        [values, indices]: [&mut ViewMut<'_>; 2],
        scratch: &mut [u8],
    ) -> Result<(), RunError> {
        let elements = Elements::of(x)?;
        let [outer, len, inner] = around(&x.shape, self.axis)?;
        let [_, k, _] = around(&values.shape, self.axis)?;
        let (indices, size) = (indices.i32s()?, x.dtype.size());
        let order = scratch_of::<u32>(scratch, len)?;
        for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
            let at = |index: u32| (o * len + index as usize) * inner + i;
            order.iter_mut().zip(0..).for_each(|(slot, index)| *slot = index);
            let before = |a: u32, b: u32| {
                let order = elements.compare(at(a), at(b));
                (if self.largest { order.reverse() } else { order }).then(a.cmp(&b)).is_lt()
            };
            bring_forward(order, k, &before);
            for (rank, &index) in order[..k].iter().enumerate() {
                let to = (o * k + rank) * inner + i;
                part_mut(values.bytes, to * size, size).copy_from_slice(part(x.bytes, at(index) * size, size));
                indices[to] = index as i32;
            }
        }
        Ok(())
    }
}

/// Elements of a type that has an order.
enum Elements<'a> {
    F32(&'a [f32]),
    I32(&'a [i32]),
    I8(&'a [i8]),
    Bytes(&'a [u8]),
}

impl<'a> Elements<'a> {
    fn of(x: &View<'a>) -> Result<Self, RunError> {
        Ok(match x.dtype {
            DType::F32 => Self::F32(x.f32s()?),
            DType::I32 => Self::I32(x.i32s()?),
            DType::I8 => Self::I8(x.i8s()?),
            _ => Self::Bytes(x.bytes),
        })
    }

    /// Compares the elements at two places.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        match self {
            Self::F32(x) => floats(x[a], x[b]),
            Self::I32(x) => x[a].cmp(&x[b]),
            Self::I8(x) => x[a].cmp(&x[b]),
            Self::Bytes(x) => x[a].cmp(&x[b]),
        }
    }
}

/// Brings the first `k` to the front, in order.
///
/// They are kept in a heap with the last of them on top, which an element that comes before it takes the place of; then the heap is
/// taken apart from behind.
fn bring_forward(order: &mut [u32], k: usize, before: &dyn Fn(u32, u32) -> bool) {
    let (heap, rest) = order.split_at_mut(k);
    if heap.is_empty() {
        return;
    }
    for root in (0..k / 2).rev() {
        sink(heap, root, before);
    }
    for next in rest {
        if before(*next, heap[0]) {
            core::mem::swap(next, &mut heap[0]);
            sink(heap, 0, before);
        }
    }
    for end in (1..k).rev() {
        heap.swap(0, end);
        sink(&mut heap[..end], 0, before);
    }
}

/// Lets the element at `at` sink below those of its children that come after it.
fn sink(heap: &mut [u32], mut at: usize, before: &dyn Fn(u32, u32) -> bool) {
    loop {
        let children = 2 * at + 1..(2 * at + 3).min(heap.len());
        let Some(last) = children.reduce(|a, b| if before(heap[a], heap[b]) { b } else { a }) else { return };
        if !before(heap[at], heap[last]) {
            return;
        }
        heap.swap(at, last);
        at = last;
    }
}

/// NaN is larger than all numbers and equal to itself.
fn floats(a: f32, b: f32) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_first_of_an_order_come_forward_as_sorting_would_bring_them() {
        for len in 0..40_u32 {
            let key = |i: u32| (i * 37 + len) % 11;
            let mut sorted: Vec<u32> = (0..len).collect();
            sorted.sort_by_key(|&i| (key(i), i));
            for k in 0..=len as usize {
                let mut order: Vec<u32> = (0..len).collect();
                bring_forward(&mut order, k, &|a, b| (key(a), a) < (key(b), b));
                assert_eq!(order[..k], sorted[..k], "{k} of {len}");
            }
        }
    }
}

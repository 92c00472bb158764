//! Attention of a few heads over short sequences, straight from the products that make its operands.
//!
//! A head is worked on `ROWS` queries at a time, and everything of such a block is laid out with its queries next to each
//! other: the scores of one key, their exponentials and the sums of those are vectors of ROWS independent numbers. Each sum
//! runs over its terms from first to last, therefore its order is the same on every instruction set, and no
//! number is ever added across a vector. A block's scores are all that is stored of them.

use core::array;

use super::simd::{Portable, Vector};
use super::{math, multiversion};
#[cfg(target_arch = "x86_64")]
use crate::arch::{Ymm, Zmm};

/// Queries of a block.
const ROWS: usize = 16;
/// Columns of the result that are summed together.
const COLUMNS: usize = 16;
/// Keys whose exponentials are computed together.
const PAIR: usize = 2;
/// Most keys that are scored together, a multiple of all numbers of them: there is room for whole tiles of scores.
const MOST_KEYS: usize = 8;
/// Keys and queries that the portable body takes together; on x86 it is the reference alone.
const PORTABLE_TILE: usize = if cfg!(target_arch = "x86_64") { 1 } else { 2 };

/// `softmax(q k' * scale + mask) v` for each head of each sequence.
///
/// q is `[batch, queries, heads * depth]`, k `[batch, keys, heads * depth]`, v `[batch, keys, heads * width]`,
/// the result `[batch, queries, heads * width]`.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// Sequences that know nothing of each other.
    pub batch: usize,
    /// Heads.
    pub heads: usize,
    /// Rows of q and of the result.
    pub queries: usize,
    /// Rows of k and v.
    pub keys: usize,
    /// A head's columns of q and k.
    pub depth: usize,
    /// A head's columns of v and of the result.
    pub width: usize,
    /// Multiplied with q.
    pub scale: f32,
    /// Added to the scores.
    pub mask: Option<Mask<'a>>,
}

/// What is added to the scores.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    /// The elements.
    pub values: &'a [f32],
    /// Elements from one sequence, head, query and key to the next; 0 repeats the same.
    pub steps: [usize; 4],
}

/// Elements of scratch that [`attention`] needs.
pub const fn scratch_len(keys: usize, depth: usize, width: usize) -> usize {
    (keys.next_multiple_of(MOST_KEYS) + depth) * ROWS + keys * (depth + width.next_multiple_of(COLUMNS))
}

multiversion! {
    /// Computes the result from q, k and v. A query whose scores hold a NaN or +infinity, or nothing but -infinity, gets
    /// NaN. `scratch` has [`scratch_len`] elements, of any contents.
    ///
    /// # Panics
    /// When a slice is shorter than the sizes demand.
    pub fn attention(sizes: &Attention<'_>, operands: [&[f32]; 3], y: &mut [f32], scratch: &mut [f32]) {
        any: attention_body::<Portable<16>, 1, PORTABLE_TILE>,
        avx2: attention_body::<Ymm<false>, 2, 4>,
        avx512: attention_body::<Zmm<false>, 1, 8>,
    }
}

/// `W` vectors are [`ROWS`] elements; `TILE` is how many keys are scored, and how many queries summed, together. The CPU has the
/// vectors' instruction set.
#[inline(always)]
fn attention_body<V: Vector, const W: usize, const TILE: usize>(
    sizes: &Attention<'_>,
    [q, k, v]: [&[f32]; 3],
    y: &mut [f32],
    scratch: &mut [f32],
) {
    let &Attention { batch, heads, queries, keys, depth, width, .. } = sizes;
    let (scaled, rest) = scratch.split_at_mut(depth * ROWS);
    let (scores, rest) = rest.split_at_mut(keys.next_multiple_of(MOST_KEYS) * ROWS);
    let (k_rows, rest) = rest.split_at_mut(keys * depth);
    let v_rows = &mut rest[..keys * width.next_multiple_of(COLUMNS)];
    let (scaled, scores) = (scaled.as_chunks_mut::<ROWS>().0, scores.as_chunks_mut::<ROWS>().0);
    for (sequence, head) in (0..batch).flat_map(|sequence| (0..heads).map(move |head| (sequence, head))) {
        let k = Head { rows: &k[sequence * keys * heads * depth..], first: head * depth, stride: heads * depth };
        let v = Head { rows: &v[sequence * keys * heads * width..], first: head * width, stride: heads * width };
        let (k, v) = (k.gathered(depth, depth, k_rows), v.gathered(width, width.next_multiple_of(COLUMNS), v_rows));
        for query in (0..queries).step_by(ROWS) {
            let rows = (queries - query).min(ROWS);
            let row = sequence * queries + query;
            let q = Head { rows: &q[row * heads * depth..], first: head * depth, stride: heads * depth };
            turn(&q, rows, sizes.scale, scaled);
            score::<V, W, TILE>(scaled, k, keys, scores);
            let (present, absent) = scores.split_at_mut(keys);
            if let Some(mask) = &sizes.mask {
                mask.add([sequence, head, query], rows, present);
            }
            absent.fill([f32::NEG_INFINITY; ROWS]);
            let totals = exponentiate(&mut scores[..keys.next_multiple_of(PAIR)]);
            let y = &mut y[row * heads * width + head * width..];
            average::<V, W, TILE>(&scores[..keys], &totals, v, width, [rows, heads * width], y);
        }
    }
}

/// One head's columns of a matrix.
#[derive(Clone, Copy)]
struct Head<'a> {
    rows: &'a [f32],
    first: usize,
    stride: usize,
}

impl<'a> Head<'a> {
    #[inline(always)]
    fn row(&self, row: usize, len: usize) -> &'a [f32] {
        &self.rows[row * self.stride + self.first..][..len]
    }

    /// The rows one after the other, with zeros after their `len` elements: at the stride of a matrix they would push each other out of
    /// the cache.
    #[inline(always)]
    fn gathered<'b>(&self, len: usize, columns: usize, room: &'b mut [f32]) -> Rows<'b> {
        for (row, to) in room.chunks_exact_mut(columns.max(1)).enumerate() {
            let (to, rest) = to.split_at_mut(len);
            to.copy_from_slice(self.row(row, len));
            rest.fill(0.0);
        }
        Rows { elements: room, columns }
    }
}

/// A head's rows by themselves.
#[derive(Clone, Copy)]
struct Rows<'a> {
    elements: &'a [f32],
    columns: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn row(&self, row: usize) -> &'a [f32] {
        &self.elements[row * self.columns..][..self.columns]
    }
}

/// A block of queries, scaled, with the queries next to each other; those that aren't there are 0.
#[inline(always)]
fn turn(q: &Head<'_>, rows: usize, scale: f32, scaled: &mut [[f32; ROWS]]) {
    let depth = scaled.len();
    if rows < ROWS {
        scaled.fill([0.0; ROWS]);
    }
    for row in 0..rows {
        for (slot, &q) in scaled.iter_mut().zip(q.row(row, depth)) {
            slot[row] = q * scale;
        }
    }
}

/// Each key's products with the block's queries, and those of the last key again in what is left of the last tile.
#[inline(always)]
fn score<V: Vector, const W: usize, const TILE: usize>(
    scaled: &[[f32; ROWS]],
    k: Rows<'_>,
    keys: usize,
    scores: &mut [[f32; ROWS]],
) {
    const { assert!(MOST_KEYS.is_multiple_of(TILE)) };
    for (tile, scores) in scores.as_chunks_mut::<TILE>().0.iter_mut().enumerate().take(keys.div_ceil(TILE)) {
        *scores = products::<V, W, TILE>(scaled, array::from_fn(|i| k.row((tile * TILE + i).min(keys - 1))));
    }
}

#[inline(always)]
fn products<V: Vector, const W: usize, const N: usize>(scaled: &[[f32; ROWS]], keys: [&[f32]; N]) -> [[f32; ROWS]; N] {
    let keys = keys.map(|key| key[..scaled.len()].as_ptr());
    let mut sums = Sums::<V, W, N>::zero();
    for (i, q) in scaled.iter().enumerate() {
        // SAFETY: each key has as many elements as `scaled`.
        sums.add(keys.map(|key| unsafe { *key.add(i) }), q);
    }
    sums.elements()
}

/// N sums of 16 elements each.
struct Sums<V, const W: usize, const N: usize>([[V; W]; N]);

impl<V: Vector, const W: usize, const N: usize> Sums<V, W, N> {
    #[inline(always)]
    fn zero() -> Self {
        const { assert!(V::LEN * W == ROWS && ROWS == COLUMNS) };
        // SAFETY: the CPU has the vectors' instruction set.
        Self([[unsafe { V::splat(0.0) }; W]; N])
    }

    /// Adds the products of each factor with the elements.
    #[inline(always)]
    fn add(&mut self, factors: [f32; N], elements: &[f32; ROWS]) {
        for (sums, factor) in self.0.iter_mut().zip(factors) {
            for (w, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the CPU has the vectors' instruction set; W vectors are all elements.
                *sum = unsafe { sum.add_product(V::splat(factor), V::load(elements.as_ptr().add(w * V::LEN))) };
            }
        }
    }

    #[inline(always)]
    fn elements(self) -> [[f32; ROWS]; N] {
        let mut elements = [[0.0; ROWS]; N];
        for (sums, elements) in self.0.iter().zip(&mut elements) {
            for (w, sum) in sums.iter().enumerate() {
                // SAFETY: as above.
                unsafe { sum.store(elements.as_mut_ptr().add(w * V::LEN)) };
            }
        }
        elements
    }
}

impl Mask<'_> {
    /// Adds what belongs to some queries, from the given sequence, head and query on.
    #[inline(always)]
    fn add(&self, from: [usize; 3], rows: usize, scores: &mut [[f32; ROWS]]) {
        let [_, _, query, key] = self.steps;
        let first: usize = from.iter().zip(&self.steps).map(|(at, step)| at * step).sum();
        for (i, scores) in scores.iter_mut().enumerate() {
            let at = first + i * key;
            if query == 0 {
                let value = self.values[at];
                scores.iter_mut().for_each(|score| *score += value);
            } else {
                let values = self.values[at..].iter().step_by(query);
                scores[..rows].iter_mut().zip(values).for_each(|(score, &value)| *score += value);
            }
        }
    }
}

/// `e^(score - the query's largest)` for an even number of keys; returns each query's sum.
#[inline(always)]
fn exponentiate(scores: &mut [[f32; ROWS]]) -> [f32; ROWS] {
    let mut tops = [f32::NEG_INFINITY; ROWS];
    for scores in scores.iter() {
        // A NaN reaches the result by the sum.
        tops.iter_mut().zip(scores).for_each(|(top, &score)| *top = if score > *top { score } else { *top });
    }
    let mut totals = [0.0; ROWS];
    for pair in scores.as_chunks_mut::<PAIR>().0 {
        let scores = pair.as_flattened_mut();
        for (scores, tops) in scores.chunks_exact_mut(ROWS).zip([&tops; PAIR]) {
            scores.iter_mut().zip(tops).for_each(|(score, &top)| *score -= top);
        }
        let scores: &mut [f32; PAIR * ROWS] = scores.try_into().expect("a pair");
        *scores = math::exps(*scores);
        for scores in pair {
            totals.iter_mut().zip(scores).for_each(|(total, &mut e)| *total += e);
        }
    }
    totals
}

/// The averages of v's rows, weighted by `scores`, of the first `rows` queries: `width` elements of rows of y that lie `stride` apart.
#[inline(always)]
fn average<V: Vector, const W: usize, const TILE: usize>(
    scores: &[[f32; ROWS]],
    totals: &[f32; ROWS],
    v: Rows<'_>,
    width: usize,
    [rows, stride]: [usize; 2],
    y: &mut [f32],
) {
    for row in (0..rows).step_by(TILE) {
        for column in (0..width).step_by(COLUMNS) {
            let sums = weighted::<V, W, TILE>(scores, row, v, column);
            for (row, sums) in (row..rows).zip(&sums) {
                let averages = sums.map(|sum| sum / totals[row]);
                let y = &mut y[row * stride + column..];
                match y.first_chunk_mut() {
                    Some(y) if width - column >= COLUMNS => *y = averages,
                    _ => y[..width - column].copy_from_slice(&averages[..width - column]),
                }
            }
        }
    }
}

/// The sums of 16 columns for each query of a tile.
#[inline(always)]
fn weighted<V: Vector, const W: usize, const TILE: usize>(
    scores: &[[f32; ROWS]],
    row: usize,
    v: Rows<'_>,
    column: usize,
) -> [[f32; COLUMNS]; TILE] {
    let mut sums = Sums::<V, W, TILE>::zero();
    for (v, scores) in v.elements.chunks_exact(v.columns).zip(scores) {
        let weights = &scores[row..][..TILE];
        sums.add(array::from_fn(|i| weights[i]), v[column..].first_chunk().expect("a whole step of columns"));
    }
    sums.elements()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use alloc::vec;
    use alloc::vec::Vec;

    fn ramp(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| (((i + seed) * 37 % 101) as f32 - 50.0) / 25.0).collect()
    }

    fn exact(sizes: &Attention<'_>, [q, k, v]: [&[f32]; 3]) -> Vec<f64> {
        let &Attention { batch, heads, queries, keys, depth, width, scale, mask } = sizes;
        let mut y = vec![0.0; batch * queries * heads * width];
        for (b, h, i) in (0..batch).flat_map(|b| (0..heads).flat_map(move |h| (0..queries).map(move |i| (b, h, i)))) {
            let q = &q[((b * queries + i) * heads + h) * depth..][..depth];
            let weight = |j: usize| {
                let k = &k[((b * keys + j) * heads + h) * depth..][..depth];
                let score: f64 = q.iter().zip(k).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum();
                let at =
                    |m: Mask<'_>| m.values[[b, h, i, j].iter().zip(m.steps).map(|(at, step)| at * step).sum::<usize>()];
                (score * f64::from(scale) + mask.map_or(0.0, |m| f64::from(at(m)))).exp()
            };
            let weights: Vec<f64> = (0..keys).map(weight).collect();
            let total: f64 = weights.iter().sum();
            for c in 0..width {
                let v = |j: usize| f64::from(v[((b * keys + j) * heads + h) * width + c]);
                let sum: f64 = weights.iter().enumerate().map(|(j, w)| w * v(j)).sum();
                y[((b * queries + i) * heads + h) * width + c] = sum / total;
            }
        }
        y
    }

    /// Batch, heads, queries, keys, depth, width; then the mask's steps.
    const CASES: [([usize; 6], Option<[usize; 4]>); 7] = [
        ([1, 2, 16, 16, 32, 32], None),
        ([1, 1, 1, 1, 1, 1], None),
        ([2, 3, 19, 21, 8, 20], Some([21, 0, 0, 1])),
        ([1, 2, 33, 7, 5, 17], Some([0, 0, 7, 1])),
        ([2, 2, 5, 40, 16, 16], Some([400, 200, 40, 1])),
        ([1, 2, 3, 9, 4, 1], Some([0, 3, 1, 0])),
        ([1, 1, 0, 3, 2, 2], None),
    ];

    #[test]
    fn is_accurate_and_has_the_same_bits_on_every_isa() {
        for ([batch, heads, queries, keys, depth, width], steps) in CASES {
            let (q, k, v) = (
                ramp(batch * queries * heads * depth, 1),
                ramp(batch * keys * heads * depth, 2),
                ramp(batch * keys * heads * width, 3),
            );
            let values = ramp(batch * heads * queries.max(1) * keys, 5);
            let mask = steps.map(|steps| Mask { values: &values, steps });
            let sizes = Attention { batch, heads, queries, keys, depth, width, scale: 0.3, mask };
            let run = |isa| {
                let mut y = vec![f32::NAN; batch * queries * heads * width];
                attention(isa, &sizes, [&q, &k, &v], &mut y, &mut vec![f32::NAN; scratch_len(keys, depth, width)]);
                y
            };
            let reference = run(Isa::REFERENCE);
            for (found, expected) in reference.iter().zip(exact(&sizes, [&q, &k, &v])) {
                assert!((f64::from(*found) - expected).abs() < 2e-6, "{found} {expected} {sizes:?}");
            }
            for isa in Isa::supported() {
                assert_eq!(run(isa), reference, "{isa}");
            }
        }
    }

    #[test]
    fn keys_masked_by_minus_infinity_count_for_nothing() {
        fn run(values: &[f32]) -> f32 {
            let mask = Some(Mask { values, steps: [0, 0, 0, 1] });
            let sizes = Attention { batch: 1, heads: 1, queries: 1, keys: 2, depth: 1, width: 1, scale: 1.0, mask };
            let (mut y, mut scratch) = ([0.0], [0.0; scratch_len(2, 1, 1)]);
            attention(Isa::best(), &sizes, [&[1.0], &[3.0, 4.0], &[5.0, 6.0]], &mut y, &mut scratch);
            y[0]
        }
        assert_eq!(run(&[0.0, f32::NEG_INFINITY]), 5.0);
        assert!(run(&[f32::NEG_INFINITY; 2]).is_nan());
    }
}

//! Sums of rows that are picked from a table of int8.

use super::{LANES, multiversion};

multiversion! {
    /// `sums[c] = sum over i of table[ids[i]][c]`, exactly. A row of the table is as long as `sums`. There may be less than 2^24 ids, so that
    /// sums fit.
    ///
    /// # Errors
    /// The first id that is no row; a negative one counts from the end.
    pub fn sum(table: &[i8], ids: &[i32], sums: &mut [i32]) -> Result<(), i32> {
        any: sum_body, avx2: sum_body,
    }
}

// Columns are taken in blocks whose sums stay in registers; rows, which lie anywhere, are what the time goes into.
#[inline(always)]
fn sum_body(table: &[i8], ids: &[i32], sums: &mut [i32]) -> Result<(), i32> {
    let dim = sums.len();
    for (block, sums) in sums.chunks_mut(LANES).enumerate() {
        let mut block_sums = [0_i32; LANES];
        let mut short = [0_i8; LANES];
        for &id in ids {
            let row = row(table, id, dim).and_then(|row| row.get(block * LANES..)?.get(..sums.len())).ok_or(id)?;
            let row = row.try_into().unwrap_or_else(|_| {
                short[..row.len()].copy_from_slice(row);
                &short
            });
            add(&mut block_sums, row);
        }
        sums.copy_from_slice(&block_sums[..sums.len()]);
    }
    Ok(())
}

#[inline(always)]
fn add(sums: &mut [i32; LANES], row: &[i8; LANES]) {
    sums.iter_mut().zip(row).for_each(|(sum, &w)| *sum += i32::from(w));
}

#[inline(always)]
fn row(table: &[i8], id: i32, dim: usize) -> Option<&[i8]> {
    let from = isize::try_from(id).ok()?.checked_mul(dim.cast_signed())?;
    let from = if id < 0 { table.len().checked_add_signed(from)? } else { from.cast_unsigned() };
    table.get(from..)?.get(..dim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use alloc::vec;
    use alloc::vec::Vec;

    const ROWS: usize = 50;

    fn table(dim: usize) -> Vec<i8> {
        (0..ROWS * dim).map(|i| (i * 89 % 251) as u8 as i8).collect()
    }

    fn picked(count: usize) -> Vec<i32> {
        (0..count).map(|i| (i * 37 % (2 * ROWS)) as i32 - ROWS as i32).collect()
    }

    /// One column of the sum.
    fn expected(table: &[i8], ids: &[i32], dim: usize, column: usize) -> i32 {
        ids.iter().map(|&id| i32::from(table[id.rem_euclid(ROWS as i32) as usize * dim + column])).sum()
    }

    #[test]
    fn every_width_and_number_of_ids_is_summed_exactly() {
        for dim in (1..40).chain([64, 75]) {
            let table = table(dim);
            for count in [0, 1, 2, 3, 99, 1000] {
                let ids = picked(count);
                let expected: Vec<i32> = (0..dim).map(|column| expected(&table, &ids, dim, column)).collect();
                for isa in Isa::supported() {
                    let mut sums = vec![5; dim];
                    assert_eq!(sum(isa, &table, &ids, &mut sums), Ok(()));
                    assert_eq!(sums, expected, "{dim} columns, {count} ids, {isa}");
                }
            }
        }
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "Node 20 crashes at its end when WASI has taken 64 MiB")]
    fn no_number_of_ids_overflows() {
        let ids = vec![0; (1 << 24) - 1];
        let mut sums = [0; 2];
        assert_eq!(sum(Isa::best(), &[-128, 127], &ids, &mut sums), Ok(()));
        assert_eq!(sums, [-128, 127].map(|w| w * ids.len() as i32));
    }

    #[test]
    fn an_id_that_is_no_row_is_named() {
        let table = table(3);
        for id in [50, -51, i32::MAX, i32::MIN, 1 << 30] {
            for isa in Isa::supported() {
                assert_eq!(sum(isa, &table, &[0, -50, 49, id, 60], &mut [0; 3]), Err(id));
            }
        }
        assert_eq!(sum(Isa::best(), &[], &[0], &mut [0; 3]), Err(0));
    }
}

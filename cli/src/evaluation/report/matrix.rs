//! The confusion matrix as a picture.

use super::super::record::Evaluation;
use super::tables::table;
use super::{Report, key, numbers};
use crate::draw::{Canvas, beginning};
use crate::output::bytes;

/// The most classes in the picture; of more, those that are confused most.
const MOST: usize = 100;
/// The most letters of a label.
const LETTERS: usize = 22;
/// The most confusions in the table.
const CONFUSIONS: usize = 50;
/// The faintest cell that isn't empty.
const FAINTEST: f64 = 0.1;
/// Cells darker than this have light numbers.
const DARK: f64 = 0.55;

impl Report<'_> {
    pub(super) fn confusion(&self) -> String {
        let Evaluation { classes, .. } = self.evaluation;
        let shown = self.shown();
        let grid = Grid::new(shown.len(), self.label_width(&shown));
        let mut canvas = Canvas::default();
        for (place, &class) in shown.iter().enumerate() {
            let label = beginning(&classes[class].label, LETTERS);
            let middle = grid.at(place) + grid.cell / 2.0;
            canvas.text(
                [grid.edge - 6.0, middle - grid.edge + grid.top + grid.letter / 3.0],
                &format!("e {}", grid.class),
                &label,
            );
            canvas.upwards([middle + grid.letter / 3.0, grid.top - 6.0], grid.class, &label);
        }
        for (row, &truth) in shown.iter().enumerate() {
            for (column, &answer) in shown.iter().enumerate() {
                self.cell(&mut canvas, &grid, [row, column], [truth, answer]);
            }
        }
        let side = grid.cell * shown.len() as f64;
        canvas.rect([grid.edge, grid.top, side, side], "frame", "");
        let size = [grid.edge + side + 12.0, grid.top + side + 8.0];
        let label = format!("Confusion matrix of {} classes", shown.len());
        let left_out = if shown.len() < classes.len() {
            format!("<br>Of {} classes, the {} that are confused most.", classes.len(), shown.len())
        } else {
            String::new()
        };
        let keys = key("c0", "recognized") + &key("c1", "taken for another") + &left_out;
        let row = |(n, truth, answer): (u64, usize, usize)| {
            vec![bytes(n as usize), classes[truth].label.clone(), classes[answer].label.clone()]
        };
        let confusions = self.evaluation.confusions().into_iter().take(CONFUSIONS).map(row);
        let pairs = table(&["#confused", "class", "answer"], confusions);
        format!(
            "<figure><div class=\"scroll wide\" tabindex=\"0\" role=\"group\" aria-label=\"{label}\">{}</div><figcaption>{keys}</figcaption></figure>\n{}",
            canvas.figure(size, &label),
            numbers(&pairs)
        )
    }

    fn cell(&self, canvas: &mut Canvas, grid: &Grid, [row, column]: [usize; 2], [truth, answer]: [usize; 2]) {
        let Evaluation { classes, confusion, .. } = self.evaluation;
        let count = confusion[truth][answer];
        if count == 0 {
            return;
        }
        let share = count as f64 / classes[truth].samples.max(1) as f64;
        let opacity = FAINTEST + (1.0 - FAINTEST) * share.sqrt();
        let (x, y) = (grid.at(column), grid.at(row) - grid.edge + grid.top);
        let words = format!(
            "{} of {} {}: {} ({:.1} %)",
            bytes(count as usize),
            bytes(classes[truth].samples as usize),
            classes[truth].label,
            classes[answer].label,
            share * 100.0
        );
        let gap = if grid.cell > 16.0 { 1.0 } else { 0.25 };
        let place = [x + gap, y + gap, grid.cell - 2.0 * gap, grid.cell - 2.0 * gap];
        canvas.shade(place, if truth == answer { "c0" } else { "c1" }, opacity, &words);
        if grid.numbers {
            let class = if opacity > DARK { "num m on" } else { "num m" };
            canvas.text([x + grid.cell / 2.0, y + grid.cell / 2.0 + 4.0], class, &count.to_string());
        }
    }

    /// All classes, or those that are confused most, in their order.
    fn shown(&self) -> Vec<usize> {
        let Evaluation { classes, confusion, .. } = self.evaluation;
        let mut wrong: Vec<(u64, usize)> = (0..classes.len()).map(|class| (0, class)).collect();
        for (truth, row) in confusion.iter().enumerate() {
            for (answer, &count) in row.iter().enumerate().filter(|&(answer, _)| answer != truth) {
                wrong[truth].0 += count;
                wrong[answer].0 += count;
            }
        }
        wrong.sort_by_key(|&(count, class)| (std::cmp::Reverse(count), class));
        let mut shown: Vec<usize> = wrong.into_iter().take(MOST).map(|(_, class)| class).collect();
        shown.sort_unstable();
        shown
    }

    fn label_width(&self, shown: &[usize]) -> usize {
        let letters = |&class: &usize| self.evaluation.classes[class].label.chars().count().min(LETTERS);
        shown.iter().map(letters).max().unwrap_or(0)
    }
}

/// Where cells are.
struct Grid {
    /// Left and top end of the cells.
    edge: f64,
    top: f64,
    cell: f64,
    /// Size of labels and the class that gives it.
    letter: f64,
    class: &'static str,
    /// Whether there is room for numbers.
    numbers: bool,
}

impl Grid {
    fn new(classes: usize, letters: usize) -> Self {
        let (cell, letter, class) = match classes {
            0..=14 => (46.0, 12.0, ""),
            15..=32 => (24.0, 12.0, ""),
            33..=80 => (12.0, 9.0, "small"),
            _ => (9.5, 7.5, "tiny"),
        };
        let edge = letters as f64 * letter * 0.62 + 16.0;
        Self { edge, top: edge, cell, letter, class, numbers: classes <= 14 }
    }

    /// The left end of a column.
    fn at(&self, place: usize) -> f64 {
        self.edge + place as f64 * self.cell
    }
}

//! Axes of plots.

use super::Canvas;

/// From values to places.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The least and the greatest value.
    pub values: [f64; 2],
    /// Where these are drawn.
    pub places: [f64; 2],
}

impl Scale {
    /// Where a value is drawn; at the nearer end where it lies outside, or is no number.
    pub fn at(&self, value: f64) -> f64 {
        let [low, high] = self.values;
        let share = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
        let share = if share.is_nan() { 0.0 } else { share };
        self.places[0] + share * (self.places[1] - self.places[0])
    }

    /// Values of a round distance, about `count`.
    fn ticks(&self, count: usize) -> (Vec<f64>, f64) {
        let [low, high] = self.values;
        let step = round_step((high - low) / count as f64);
        let (first, last) = ((low / step - 1e-6).ceil() as i64, (high / step + 1e-6).floor() as i64);
        ((first..=last).map(|tick| tick as f64 * step).collect(), step)
    }
}

/// The least of 1, 2 and 5 with a power of ten that isn't below `step`.
fn round_step(step: f64) -> f64 {
    if !(step.is_finite() && step > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * power
}

/// Writes a tick of an axis whose ticks are `step` apart.
pub type Tick = fn(value: f64, step: f64) -> String;

/// Shares as percents.
pub fn percent_ticks(value: f64, step: f64) -> String {
    format!("{} %", plain_ticks(value * 100.0, step * 100.0))
}

/// Numbers with the digits that the step needs.
pub fn plain_ticks(value: f64, step: f64) -> String {
    let digits = (-step.log10() - 1e-9).ceil().clamp(0.0, 6.0) as usize;
    // No minus before nothing.
    let value = if value.abs() < step / 2.0 { 0.0 } else { value };
    format!("{value:.digits$}")
}

/// The axes around a plot.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// From left to right.
    pub x: Scale,
    /// From bottom to top.
    pub y: Scale,
}

impl Frame {
    /// Where a pair of values is drawn.
    pub fn at(&self, x: f64, y: f64) -> [f64; 2] {
        [self.x.at(x), self.y.at(y)]
    }

    /// The axis below, with its name and about `count` ticks.
    pub fn x_axis(&self, canvas: &mut Canvas, name: &str, count: usize, tick: Tick) {
        let [bottom, top] = self.y.places;
        let (ticks, step) = self.x.ticks(count);
        for value in ticks {
            let x = self.x.at(value);
            canvas.line([x, bottom], [x, top], "grid");
            canvas.text([x, bottom + 17.0], "dim num m", &tick(value, step));
        }
        canvas.line([self.x.places[0], bottom], [self.x.places[1], bottom], "axis");
        let middle = (self.x.places[0] + self.x.places[1]) / 2.0;
        canvas.text([middle, bottom + 36.0], "dim m", name);
    }

    /// The axis at the left, with its name and about `count` ticks.
    pub fn y_axis(&self, canvas: &mut Canvas, name: &str, count: usize, tick: Tick) {
        let [left, right] = self.x.places;
        let (ticks, step) = self.y.ticks(count);
        for value in ticks {
            let y = self.y.at(value);
            canvas.line([left, y], [right, y], "grid");
            canvas.text([left - 8.0, y + 4.0], "dim num e", &tick(value, step));
        }
        let middle = (self.y.places[0] + self.y.places[1]) / 2.0;
        canvas.upwards([left - 50.0, middle], "dim m", name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let ticks = |low, high, count| {
            let (ticks, step) = Scale { values: [low, high], places: [0.0, 1.0] }.ticks(count);
            ticks.into_iter().map(|tick| plain_ticks(tick, step)).collect::<Vec<_>>()
        };
        assert_eq!(ticks(0.0, 1.0, 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(ticks(-11.0, 4.0, 4), ["-10", "-5", "0"]);
        assert_eq!(ticks(0.0, 0.0312, 4), ["0.00", "0.01", "0.02", "0.03"]);
        assert_eq!(ticks(3.0, 3.0, 4), ["3"]);
        assert_eq!(percent_ticks(0.05, 0.05), "5 %");
        assert_eq!(percent_ticks(0.005, 0.005), "0.5 %");
    }

    #[test]
    fn values_beyond_the_ends_stay_in_the_frame() {
        let scale = Scale { values: [0.0, 2.0], places: [100.0, 0.0] };
        let places = [-1.0, 0.0, 0.5, 2.0, 3.0, f64::NAN, f64::INFINITY].map(|value| scale.at(value));
        assert_eq!(places, [100.0, 100.0, 75.0, 0.0, 0.0, 100.0, 0.0]);
    }
}

//! A scale and a bias for each class.

use super::logits::Logits;
use super::probabilities::{Scaling, softmax};
use super::temperature::inverse_temperature;

/// How strongly scales are held to 1 / temperature and biases to 0: half of it, times the sum of the squared distances, is added to
/// the mean loss. So that a class which the samples lack isn't excluded for ever.
const RIDGE: f64 = 1e-3;

const MAX_STEPS: usize = 100;

/// The scales and biases under which the labels are most likely, near those of the best temperature (vector scaling, Guo et al.:
/// On Calibration of Modern Neural Networks, 2017). Time grows with the square of the classes.
///
/// The loss is strictly convex: Newton's steps, halved until the loss falls enough, reach its only minimum.
pub fn vector_scaling(logits: &Logits<'_>) -> Scaling {
    let classes = logits.classes();
    let start = inverse_temperature(logits);
    let mut point = vec![start; classes];
    point.resize(2 * classes, 0.0);
    let problem = Problem { logits, start };
    let mut loss = problem.loss(&point);
    for _ in 0..MAX_STEPS {
        let (gradient, hessian) = problem.derivatives(&point);
        let Some(direction) = solve(hessian, &gradient) else { break };
        let decrement: f64 = direction.iter().zip(&gradient).map(|(d, g)| d * g).sum();
        let Some((next, lower)) = problem.descend(&point, loss, &direction, decrement) else { break };
        (point, loss) = (next, lower);
        if decrement < f64::EPSILON * f64::EPSILON {
            break;
        }
    }
    let bias = point.split_off(classes);
    Scaling { scale: point, bias }
}

/// What is minimized, over the scales followed by the biases.
struct Problem<'a> {
    logits: &'a Logits<'a>,
    start: f64,
}

impl Problem<'_> {
    /// Distance of a parameter from where the ridge holds it.
    fn distance(&self, place: usize, value: f64) -> f64 {
        if place < self.logits.classes() { value - self.start } else { value }
    }

    fn loss(&self, point: &[f64]) -> f64 {
        let (scale, bias) = point.split_at(self.logits.classes());
        let mut row = vec![0.0; scale.len()];
        let mut sum = 0.0;
        for (logits, &label) in self.logits.rows().zip(self.logits.labels()) {
            calibrate(logits, scale, bias, &mut row);
            let truth = row[label as usize];
            sum += softmax(&mut row) - truth;
        }
        let ridge: f64 = point.iter().enumerate().map(|(i, &value)| self.distance(i, value).powi(2)).sum();
        sum / self.logits.len().max(1) as f64 + RIDGE / 2.0 * ridge
    }

    /// Gradient, and the lower triangle of the Hessian, row by row.
    fn derivatives(&self, point: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (classes, size) = (self.logits.classes(), point.len());
        let (scale, bias) = point.split_at(classes);
        let (mut gradient, mut hessian) = (vec![0.0; size], vec![0.0; size * size]);
        let (mut p, mut slopes) = (vec![0.0; classes], vec![0.0; size]);
        for (logits, &label) in self.logits.rows().zip(self.logits.labels()) {
            calibrate(logits, scale, bias, &mut p);
            softmax(&mut p);
            for class in 0..classes {
                let (logit, miss) = (f64::from(logits[class]), p[class] - f64::from(class == label as usize));
                gradient[class] += miss * logit;
                gradient[classes + class] += miss;
                (slopes[class], slopes[classes + class]) = (p[class] * logit, p[class]);
                hessian[class * size + class] += p[class] * logit * logit;
                hessian[(classes + class) * size + class] += p[class] * logit;
                hessian[(classes + class) * size + classes + class] += p[class];
            }
            for (place, &slope) in slopes.iter().enumerate() {
                let row = &mut hessian[place * size..][..=place];
                row.iter_mut().zip(&slopes).for_each(|(h, &other)| *h -= slope * other);
            }
        }
        let samples = self.logits.len().max(1) as f64;
        gradient.iter_mut().chain(&mut hessian).for_each(|value| *value /= samples);
        for (place, &value) in point.iter().enumerate() {
            gradient[place] += RIDGE * self.distance(place, value);
            hessian[place * size + place] += RIDGE;
        }
        (gradient, hessian)
    }

    /// The longest of the steps 1, 1/2, 1/4, ... that lowers the loss by a part of what its slope promises.
    fn descend(&self, point: &[f64], loss: f64, direction: &[f64], decrement: f64) -> Option<(Vec<f64>, f64)> {
        let steps = (0..50).map(|halvings| 0.5_f64.powi(halvings));
        let ends = steps.map(|step| {
            let next: Vec<f64> = point.iter().zip(direction).map(|(value, d)| value - step * d).collect();
            let lower = self.loss(&next);
            (next, lower, step)
        });
        // Next to the minimum a loss can't be told from the one before, but a full step still comes nearer.
        let enough = |&(_, lower, step): &(Vec<f64>, f64, f64)| {
            lower <= loss - 1e-4 * step * decrement || (step == 1.0 && decrement < 1e-12)
        };
        ends.into_iter().find(enough).map(|(next, lower, _)| (next, lower))
    }
}

fn calibrate(logits: &[f32], scale: &[f64], bias: &[f64], row: &mut [f64]) {
    for (class, value) in row.iter_mut().enumerate() {
        *value = f64::from(logits[class]) * scale[class] + bias[class];
    }
}

/// Solves `matrix * x = right` by Cholesky's decomposition; of the matrix, which is symmetric, the lower triangle counts. `None` when
/// it isn't positive definite.
fn solve(mut matrix: Vec<f64>, right: &[f64]) -> Option<Vec<f64>> {
    let size = right.len();
    for row in 0..size {
        let (above, current) = matrix.split_at_mut(row * size);
        for column in 0..row {
            let other = &above[column * size..][..=column];
            let sum: f64 = current[..column].iter().zip(other).map(|(a, b)| a * b).sum();
            current[column] = (current[column] - sum) / other[column];
        }
        let rest = current[row] - current[..row].iter().map(|a| a * a).sum::<f64>();
        current[row] = (rest > 0.0).then(|| rest.sqrt())?;
    }
    let mut x = right.to_vec();
    for row in 0..size {
        let sum: f64 = matrix[row * size..][..row].iter().zip(&x).map(|(a, b)| a * b).sum();
        x[row] = (x[row] - sum) / matrix[row * size + row];
    }
    for row in (0..size).rev() {
        x[row] /= matrix[row * size + row];
        let value = x[row];
        x[..row].iter_mut().zip(&matrix[row * size..]).for_each(|(below, a)| *below -= a * value);
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_equations_are_solved() {
        let matrix = vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0];
        let x = solve(matrix, &[11.0, 21.0, 25.0]).expect("positive definite");
        for (found, expected) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-13, "{x:?}");
        }
        assert_eq!(solve(vec![0.0], &[1.0]), None);
        assert_eq!(solve(vec![1.0, 0.0, 2.0, 1.0], &[1.0, 1.0]), None);
    }

    #[test]
    fn a_biased_class_gets_a_bias() {
        // The model says 50:50 of everything, and nine of ten are class 1.
        let values = [0.0; 20];
        let labels = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0];
        let fitted = vector_scaling(&Logits::new(2, &values, &labels).expect("sound"));
        let odds = fitted.bias[1] - fitted.bias[0];
        assert!((odds - 9.0_f64.ln()).abs() < 0.03, "{fitted:?}");
        assert!((fitted.bias[0] + fitted.bias[1]).abs() < 1e-12);
    }

    #[test]
    fn minimum_has_no_slope() {
        let values: Vec<f32> = (0..300).map(|i| ((i * 37 % 101) as f32 - 50.0) / 10.0).collect();
        let labels: Vec<u32> = (0..100).map(|i| i * 7 % 3).collect();
        let logits = Logits::new(3, &values, &labels).expect("sound");
        let fitted = vector_scaling(&logits);
        let problem = Problem { logits: &logits, start: inverse_temperature(&logits) };
        let (gradient, _) = problem.derivatives(&[fitted.scale, fitted.bias].concat());
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-12), "{gradient:?}");
    }
}

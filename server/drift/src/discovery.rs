/// Chances adjusted for being asked together (Benjamini and Hochberg 1995): those up to alpha are, but for the share alpha, no chance.
///
/// The adjusted chance of the i-th smallest of m is the least `chance m / j` of all j from i on, and 1 at most.
pub fn adjusted(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|&a, &b| chances[b].total_cmp(&chances[a]));
    let mut adjusted = vec![0.0; chances.len()];
    let mut least: f64 = 1.0;
    for (above, &index) in order.iter().enumerate() {
        let rank = chances.len() - above;
        least = least.min(chances[index] * chances.len() as f64 / rank as f64);
        adjusted[index] = least;
    }
    adjusted
}

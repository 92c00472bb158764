//! How much tallies tell.

use dunlin_drift::Tally;
use dunlin_protocol::summary::Response;

/// How many devices reported.
pub(super) fn reports(tallies: &[Tally]) -> u64 {
    tallies.iter().map(Tally::reports).sum()
}

/// The standard error of the sum of the shares of those bins for which `of` says so: what sampling and randomized response leave to chance.
/// `None` for too few reports.
pub(super) fn error(tallies: &[Tally], of: impl Fn(usize) -> bool) -> Option<f64> {
    let slope = |response: &Response| response.keep() - response.other();
    let parts: Vec<(f64, f64)> = tallies
        .iter()
        .filter(|tally| tally.reports() > 0)
        .map(|tally| {
            let (told, slope) = (tally.reports() as f64, slope(&tally.response()?));
            let seen = tally
                .counts
                .iter()
                .enumerate()
                .filter(|&(bin, _)| of(bin))
                .map(|(_, &count)| count as f64)
                .sum::<f64>()
                / told;
            let variance =
                if told > 1.0 { seen * (1.0 - seen) / (told - 1.0) / (slope * slope) } else { f64::INFINITY };
            Some((told * slope * slope, variance))
        })
        .collect::<Option<_>>()?;
    let information: f64 = parts.iter().map(|(information, _)| information).sum();
    let variance: f64 = parts.iter().map(|(part, variance)| (part / information).powi(2) * variance).sum();
    variance.is_finite().then(|| variance.sqrt())
}

/// Standard deviations of an interval of 95 %.
pub(super) const NORMAL: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_a_share_and_grow_with_what_is_hidden() {
        let tally = |epsilon| Tally { epsilon, counts: vec![200, 600, 200] };
        let exact = error(&[tally(None)], |bin| bin == 1).expect("reports");
        assert!((exact - (0.6 * 0.4 / 999.0_f64).sqrt()).abs() < 1e-12);
        let hidden = error(&[tally(Some(1.0))], |bin| bin == 1).expect("reports");
        assert!(hidden > 2.0 * exact, "{hidden}");
        assert_eq!(error(&[tally(Some(1.0))], |_| true), Some(0.0));
        let both = error(&[tally(Some(1.0)), tally(Some(1.0))], |bin| bin == 1).expect("reports");
        assert!((both * 2.0_f64.sqrt() / hidden - 1.0).abs() < 1e-2, "{both} {hidden}");
        assert_eq!(error(&[Tally { epsilon: None, counts: vec![1, 0] }], |bin| bin == 0), None);
        assert_eq!(error(&[Tally { epsilon: Some(f64::NAN), counts: vec![5, 5] }], |bin| bin == 0), None);
    }
}

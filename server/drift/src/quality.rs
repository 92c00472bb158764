use crate::tally::Shares;

/// An answer that was drawn at random, not for being doubtful, and that a person or a better model has looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Audit {
    /// The answer's calibrated probability.
    pub confidence: f64,
    /// Whether it was right.
    pub right: bool,
}

/// How many answers are right, without labels for most of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// The estimate.
    pub accuracy: f64,
    /// An interval of 95 %.
    pub interval: [f64; 2],
    /// Audits that it rests on; without, it is what calibrated confidences say of themselves, and the interval leaves out that they may be
    /// wrong by now.
    pub audits: usize,
}

/// Estimates a window's accuracy from its shares of the bins of confidence, `means` of the confidence in each bin, and audits.
///
/// The mean confidence would be the accuracy, were confidences still calibrated. Audits say by how much they aren't: the mean difference
/// between what was right and what was said is added, with its own variance (prediction-powered inference, Angelopoulos and others 2023).
/// `None` where the numbers of bins differ.
pub fn quality(shares: &Shares, means: &[f64], audits: &[Audit]) -> Option<Quality> {
    let bins = shares.estimates.len();
    if means.len() != bins {
        return None;
    }
    let said: f64 = shares.estimates.iter().zip(means).map(|(share, mean)| share * mean).sum();
    let covariance = shares.covariance(&shares.possible());
    let product = |at: usize| covariance[at] * means[at / bins] * means[at % bins];
    let mut variance: f64 = (0..bins * bins).map(product).sum();
    let mut accuracy = said;
    if audits.len() >= LEAST {
        let count = audits.len() as f64;
        let off = |audit: &Audit| f64::from(u8::from(audit.right)) - audit.confidence;
        let mean = audits.iter().map(off).sum::<f64>() / count;
        variance += audits.iter().map(|audit| (off(audit) - mean).powi(2)).sum::<f64>() / (count - 1.0) / count;
        accuracy += mean;
    }
    let off = NORMAL * variance.sqrt();
    let interval = [accuracy - off, accuracy + off].map(|share| share.clamp(0.0, 1.0));
    let audits = if audits.len() >= LEAST { audits.len() } else { 0 };
    Some(Quality { accuracy: accuracy.clamp(0.0, 1.0), interval, audits })
}

/// Fewer audits have no variance worth the name.
const LEAST: usize = 30;

/// Standard deviations of an interval of 95 %.
const NORMAL: f64 = 1.959_963_984_540_054;

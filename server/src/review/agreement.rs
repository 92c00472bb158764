//! How far two reviewers agree beyond chance.

use std::collections::BTreeMap;

use serde::Serialize;

/// Agreement of two verdicts each.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Agreement {
    /// How many items have two verdicts.
    pub items: usize,
    /// The share on which both agree; none without items.
    pub observed: Option<f64>,
    /// The share on which both would agree by chance.
    pub expected: Option<f64>,
    /// Cohen's kappa: 1 for full agreement, 0 for chance's; none where chance's is full.
    pub kappa: Option<f64>,
}

impl Agreement {
    /// From what the first and the second reviewer of each item said.
    pub(super) fn of(pairs: &[(String, String)]) -> Self {
        let items = pairs.len();
        if items == 0 {
            return Self { items, observed: None, expected: None, kappa: None };
        }
        let share = |count: usize| count as f64 / items as f64;
        let observed = share(pairs.iter().filter(|(first, second)| first == second).count());
        let mut said: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for (first, second) in pairs {
            said.entry(first).or_default()[0] += 1;
            said.entry(second).or_default()[1] += 1;
        }
        let expected: f64 = said.values().map(|&[first, second]| share(first) * share(second)).sum();
        let kappa = (expected < 1.0).then(|| (observed - expected) / (1.0 - expected));
        Self { items, observed: Some(observed), expected: Some(expected), kappa }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kappa_is_agreement_beyond_chance() {
        let pairs = |counts: &[(&str, &str, usize)]| -> Vec<(String, String)> {
            let pair = |&(a, b, count): &(&str, &str, usize)| vec![(a.to_owned(), b.to_owned()); count];
            counts.iter().flat_map(pair).collect()
        };
        // Two readers of 50 grant proposals, a common example: 20 both yes, 15 both no, 5 and 10 split.
        let agreement =
            Agreement::of(&pairs(&[("yes", "yes", 20), ("yes", "no", 5), ("no", "yes", 10), ("no", "no", 15)]));
        assert_eq!((agreement.items, agreement.observed), (50, Some(0.7)));
        assert!((agreement.kappa.expect("defined") - 0.4).abs() < 1e-12);
        let three = pairs(&[("a", "a", 8), ("a", "b", 1), ("b", "b", 6), ("b", "c", 2), ("c", "c", 2), ("c", "a", 1)]);
        // (16 / 20 - 149 / 400) / (1 - 149 / 400)
        assert!((Agreement::of(&three).kappa.expect("defined") - 0.681_274_900_398_406_5).abs() < 1e-12);
        assert_eq!(Agreement::of(&pairs(&[("a", "a", 3)])).kappa, None);
        assert_eq!(Agreement::of(&[]).observed, None);
    }
}

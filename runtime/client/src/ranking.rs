//! Classes by falling probability, one at a time, so that no list is needed.

use core::cmp::Ordering;

use dunlin_engine::Scores;
use dunlin_engine::artifact::Policy;

/// Classes by falling probability, equal ones by number. Each step looks at all classes.
#[derive(Clone, Debug)]
pub(crate) struct Ranking<'a> {
    probabilities: &'a [f32],
    last: Option<(usize, f32)>,
}

impl<'a> Ranking<'a> {
    pub(crate) fn new(probabilities: &'a [f32]) -> Self {
        Self { probabilities, last: None }
    }
}

impl Iterator for Ranking<'_> {
    type Item = (usize, f32);

    fn next(&mut self) -> Option<Self::Item> {
        let mut next: Option<(usize, f32)> = None;
        for candidate in self.probabilities.iter().copied().enumerate() {
            if self.last.is_none_or(|last| comes_before(last, candidate))
                && next.is_none_or(|next| comes_before(candidate, next))
            {
                next = Some(candidate);
            }
        }
        self.last = next;
        next
    }
}

/// Whether one class has a better rank than another one.
pub(crate) fn comes_before((class, probability): (usize, f32), (other, others): (usize, f32)) -> bool {
    match others.total_cmp(&probability) {
        Ordering::Less => true,
        Ordering::Equal => class < other,
        Ordering::Greater => false,
    }
}

/// The classes that are to be shown, with their calibrated probabilities: those that the policy permits and that are probable
/// enough, as many as it wants, the most probable first.
pub fn shown<'a>(scores: &Scores<'a>, policy: &'a Policy<'a>) -> Shown<'a> {
    let left = if policy.top_k == 0 { usize::MAX } else { policy.top_k as usize };
    Shown { ranking: Ranking::new(scores.probabilities), policy, left }
}

/// See [`shown`].
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    ranking: Ranking<'a>,
    policy: &'a Policy<'a>,
    left: usize,
}

impl Shown<'_> {
    /// Not more than an app asks for, in the place of the policy's number; 5 where neither says.
    pub fn at_most(mut self, top_k: Option<u32>) -> Self {
        if let Some(wanted) = top_k.or((self.policy.top_k == 0).then_some(5)) {
            self.left = wanted as usize;
        }
        self
    }
}

impl Iterator for Shown<'_> {
    type Item = (usize, f32);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let policy = self.policy;
        let (class, probability) = self.ranking.find(|&(class, _)| policy.permits(class))?;
        (probability >= policy.score_threshold).then_some((class, probability))
    }
}

//! What a model shows beside the one before.

use dunlin_protocol::release::Canary;

use super::state::Reason;

/// What both models said of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Whether they find the same class most probable.
    pub agrees: bool,
    /// Whether the new one doesn't answer: it falls back, or abstains.
    pub falls_back: bool,
    /// Microseconds that the new one took.
    pub latency: u64,
}

/// Inputs that both models were asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(super) inputs: u32,
    pub(super) disagreed: u32,
    pub(super) fell_back: u32,
    pub(super) slow: u32,
}

impl Counts {
    pub(crate) const fn add(&mut self, canary: &Canary, observation: Observation) {
        self.inputs += 1;
        self.disagreed += !observation.agrees as u32;
        self.fell_back += observation.falls_back as u32;
        self.slow += (observation.latency > canary.latency_ms as u64 * 1000) as u32;
    }

    /// Whether the model is to be kept, or why not; `None` while that depends on what comes. It is taken back as soon as it can't pass.
    pub(crate) fn verdict(&self, canary: &Canary) -> Option<Result<(), Reason>> {
        let over = |count: u32, share: f64| f64::from(count) > share * f64::from(canary.inputs) + ROUNDING;
        let failed = [
            (over(self.disagreed, 1.0 - canary.agreement), Reason::Agreement),
            (over(self.fell_back, canary.fallback), Reason::Fallback),
            (over(self.slow, SLOW), Reason::Latency),
        ];
        let failed = failed.into_iter().find(|&(failed, _)| failed).map(|(_, reason)| Err(reason));
        failed.or((self.inputs >= canary.inputs).then_some(Ok(())))
    }
}

/// The share of inputs that may be slow.
const SLOW: f64 = 0.05;

/// 0.2 of 50 inputs are 10, also where `1 - 0.8` is a little less.
const ROUNDING: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Observation = Observation { agrees: true, falls_back: false, latency: 200_000 };

    fn after(
        canary: &Canary,
        observations: impl IntoIterator<Item = Observation>,
    ) -> (u32, Option<Result<(), Reason>>) {
        let mut counts = Counts::default();
        for observation in observations {
            counts.add(canary, observation);
            if let Some(verdict) = counts.verdict(canary) {
                return (counts.inputs, Some(verdict));
            }
        }
        (counts.inputs, None)
    }

    #[test]
    fn keeps_at_the_bounds_and_takes_back_as_soon_as_they_are_passed() {
        let canary = Canary { inputs: 50, agreement: 0.8, fallback: 0.5, latency_ms: 200 };
        let some = |bad: usize, observation| (0..50).map(move |n| if n < bad { observation } else { GOOD });
        let disagrees = Observation { agrees: false, ..GOOD };
        let falls_back = Observation { falls_back: true, ..GOOD };
        let slow = Observation { latency: 200_001, ..GOOD };
        let cases = [
            (disagrees, 10, 50, Ok(())),
            (disagrees, 11, 11, Err(Reason::Agreement)),
            (falls_back, 25, 50, Ok(())),
            (falls_back, 26, 26, Err(Reason::Fallback)),
            (slow, 2, 50, Ok(())),
            (slow, 3, 3, Err(Reason::Latency)),
        ];
        for (observation, bad, inputs, verdict) in cases {
            assert_eq!(after(&canary, some(bad, observation)), (inputs, Some(verdict)), "{observation:?} {bad}");
        }
        assert_eq!(after(&canary, some(0, GOOD).take(49)), (49, None));
        let one = Canary { inputs: 1, agreement: 1.0, fallback: 0.0, latency_ms: 1000 };
        assert_eq!(after(&one, [GOOD]), (1, Some(Ok(()))));
        assert_eq!(after(&one, [disagrees]), (1, Some(Err(Reason::Agreement))));
    }
}

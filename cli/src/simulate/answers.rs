//! What models answer: values whose bins are as frequent as a baseline says, and for inputs of another kind those that it says least of.

use dunlin_protocol::summary::{Baseline, Cohort, Input, Metric, Observation, Reason, Rollback, Schema};

use super::dice::Dice;
use crate::args::LOCALES;

/// Answers of a model's devices.
#[derive(Debug)]
pub struct Answers {
    /// What usual inputs get, by locale.
    usual: Vec<Population>,
    /// What inputs of another kind get.
    other: Population,
}

/// For each metric, values that fall into its bins and how frequent they are. Metrics are drawn apart.
#[derive(Debug)]
struct Population(Vec<(Metric, Vec<f64>, Vec<Observation>)>);

impl Answers {
    /// From a baseline; a locale that it doesn't have answers as all do.
    pub fn of(baseline: &Baseline) -> Self {
        let locale = |locale: &&str| {
            let cohort = cohort(locale);
            Population::new(baseline.schema(), |metric, bins| {
                let counts = baseline.counts(&cohort, metric).or_else(|| baseline.counts(&Cohort::default(), metric));
                match counts {
                    Some(counts) => counts.iter().map(|&count| count as f64).collect(),
                    None => missing(metric, bins),
                }
            })
        };
        let other = Population::new(baseline.schema(), |metric, bins| unlike(baseline, metric, bins));
        Self { usual: LOCALES.iter().map(locale).collect(), other }
    }

    /// One answer of a model that has this fault, or none, to a usual input or one of another kind.
    pub fn draw(&self, locale: usize, is_other: bool, fault: Option<Rollback>, dice: &mut Dice) -> Observation {
        let usual = if is_other { &self.other } else { &self.usual[locale] };
        let mut answer = usual.draw(dice);
        match fault {
            Some(Rollback::Agreement) => answer.class = self.other.draw(dice).class,
            Some(Rollback::Fallback) if dice.unit() < BAD => answer.reason = Some(Reason::Ambiguous),
            Some(Rollback::Latency) => answer.latency = answer.latency.saturating_mul(SLOWER),
            _ => (),
        }
        answer
    }
}

/// Whether two models find the same class in an input.
pub fn agrees(fault: Option<Rollback>, dice: &mut Dice) -> bool {
    dice.unit() < if fault == Some(Rollback::Agreement) { 1.0 - BAD } else { GOOD }
}

/// The cohort of a locale.
pub fn cohort(locale: &str) -> Cohort {
    Cohort::new([("locale".to_owned(), locale.to_owned())]).expect("plain names")
}

/// A baseline that nobody measured, for a model without one: sure of most, with classes that aren't equally frequent.
pub fn made_up(classes: u32, input: Input) -> Baseline {
    let schema = Schema::new(classes, input, vec![-9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0]).expect("seven borders");
    let weights = |metric, bins: usize| match metric {
        Metric::Class => (0..bins).map(|class| 1.0 / (class + 3) as f64).collect(),
        Metric::Confidence => vec![1.0, 3.0, 4.0, 6.0, 10.0, 11.0, 25.0, 40.0],
        Metric::Margin => vec![2.0, 2.0, 4.0, 5.0, 7.0, 8.0, 22.0, 50.0],
        Metric::Reason => vec![92.0, 6.0, 2.0, 0.0, 0.0, 0.0, 0.0],
        Metric::Brightness => vec![3.0, 8.0, 17.0, 25.0, 22.0, 14.0, 8.0, 3.0],
        _ => vec![1.0; bins],
    };
    let population = Population::new(&schema, weights);
    let mut dice = Dice::of(0, "baseline", [0, 0]);
    let samples: Vec<Observation> = (0..SAMPLES).map(|_| population.draw(&mut dice)).collect();
    let everyone = Cohort::default();
    Baseline::count(schema, samples.iter().map(|sample| (sample, &everyone))).expect("one cohort")
}

impl Population {
    fn new(schema: &Schema, weights: impl Fn(Metric, usize) -> Vec<f64>) -> Self {
        let metric = |metric: Metric| {
            let examples = examples(schema, metric);
            let weights = weights(metric, examples.len());
            (!examples.is_empty()).then_some((metric, weights, examples))
        };
        Self(schema.metrics().filter_map(metric).collect())
    }

    fn draw(&self, dice: &mut Dice) -> Observation {
        let mut answer = NOTHING;
        for (metric, weights, examples) in &self.0 {
            set(&mut answer, *metric, &examples[dice.weighted(weights)]);
        }
        answer
    }
}

/// An answer that has nothing a metric would count.
const NOTHING: Observation = Observation {
    class: 0,
    probability: 0.0,
    margin: 0.0,
    energy: None,
    latency: 0,
    reason: None,
    unknown: None,
    length: None,
    brightness: None,
};

/// Takes over what a metric counts.
fn set(answer: &mut Observation, metric: Metric, from: &Observation) {
    match metric {
        Metric::Class => answer.class = from.class,
        Metric::Confidence => answer.probability = from.probability,
        Metric::Margin => answer.margin = from.margin,
        Metric::Energy => answer.energy = from.energy,
        Metric::Latency => answer.latency = from.latency,
        Metric::Reason => answer.reason = from.reason,
        Metric::Unknown => answer.unknown = from.unknown,
        Metric::Length => answer.length = from.length,
        Metric::Brightness => answer.brightness = from.brightness,
        Metric::Rollback | Metric::Agreement => (),
    }
}

/// For each bin of a metric an answer that falls into it; none for metrics that no answer has.
fn examples(schema: &Schema, metric: Metric) -> Vec<Observation> {
    let mut found = vec![None; schema.bins(metric).unwrap_or(0)];
    for candidate in candidates(schema, metric) {
        if let Some(bin) = schema.bin(metric, &candidate) {
            found[usize::from(bin)].get_or_insert(candidate);
        }
    }
    // A bin that no candidate falls into shares its neighbour's.
    let any = found.iter().flatten().next().copied();
    found.into_iter().map_while(|example| example.or(any)).collect()
}

/// Answers among which each of a metric's bins has one.
fn candidates(schema: &Schema, metric: Metric) -> Vec<Observation> {
    let shares = || (0..=1000).map(|n| n as f32 / 1000.0);
    let doubled = || (0..=20).map(|n| 1_u32 << n);
    let borders = schema.energy_borders();
    let energies = borders.first().map(|first| first - 1.0).into_iter().chain(borders.iter().copied());
    match metric {
        Metric::Class => (0..schema.classes()).map(|class| Observation { class, ..NOTHING }).collect(),
        Metric::Confidence => shares().map(|probability| Observation { probability, ..NOTHING }).collect(),
        Metric::Margin => shares().map(|margin| Observation { margin, ..NOTHING }).collect(),
        Metric::Energy => energies.map(|energy| Observation { energy: Some(energy), ..NOTHING }).collect(),
        Metric::Latency => doubled().map(|latency| Observation { latency, ..NOTHING }).collect(),
        Metric::Reason => {
            let reasons = std::iter::once(None).chain(Reason::ALL.map(Some));
            reasons.map(|reason| Observation { reason, ..NOTHING }).collect()
        }
        Metric::Unknown => shares().map(|share| Observation { unknown: Some(share), ..NOTHING }).collect(),
        Metric::Length => doubled().map(|length| Observation { length: Some(length), ..NOTHING }).collect(),
        Metric::Brightness => shares().map(|share| Observation { brightness: Some(share), ..NOTHING }).collect(),
        Metric::Rollback | Metric::Agreement => Vec::new(),
    }
}

/// How frequent bins are of which the baseline says nothing: latency, which is each machine's own, around two milliseconds; of all others the first.
fn missing(metric: Metric, bins: usize) -> Vec<f64> {
    let usual = if metric == Metric::Latency { 6 } else { 0 };
    (0..bins)
        .map(|bin| {
            if bin == usual { 8.0 } else { f64::from(u8::from(metric == Metric::Latency && bin.abs_diff(usual) == 1)) }
        })
        .collect()
}

/// How frequent bins are with inputs of another kind: answers are unsure, energies high, texts long and strange, pictures dark, and the rarest class is the
/// most frequent. Latency stays.
fn unlike(baseline: &Baseline, metric: Metric, bins: usize) -> Vec<f64> {
    let halves = |bin: usize| 0.5_f64.powi(bin as i32);
    match metric {
        Metric::Class => {
            let counts =
                baseline.counts(&Cohort::default(), metric).map(<[u64]>::to_vec).unwrap_or_else(|| vec![0; bins]);
            let mut order: Vec<usize> = (0..bins).collect();
            order.sort_by_key(|&bin| counts[bin]);
            let mut weights = vec![0.0; bins];
            order.into_iter().enumerate().for_each(|(rank, bin)| weights[bin] = halves(rank));
            weights
        }
        Metric::Reason => {
            let share = |bin| match bin {
                0 => 2.0,
                bin if bin == Reason::OutOfDistribution as usize + 1 => 5.0,
                bin if bin == Reason::Ambiguous as usize + 1 => 3.0,
                _ => 0.0,
            };
            (0..bins).map(share).collect()
        }
        Metric::Energy | Metric::Unknown | Metric::Length => (0..bins).map(|bin| halves(bins - 1 - bin)).collect(),
        Metric::Latency => missing(metric, bins),
        _ => (0..bins).map(halves).collect(),
    }
}

/// How often models agree that are both good.
const GOOD: f64 = 0.97;

/// How often a bad model shows that it is.
const BAD: f64 = 0.9;

/// How many times as long a slow model takes.
const SLOWER: u32 = 400;

/// Samples of a baseline that is made up.
const SAMPLES: usize = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(answers: &Answers, baseline: &Baseline, metric: Metric, is_other: bool) -> Vec<f64> {
        let mut dice = Dice::of(3, "test", [0, 0]);
        let mut counts = vec![0.0; baseline.schema().bins(metric).expect("a metric of the model")];
        for _ in 0..4000 {
            let answer = answers.draw(1, is_other, None, &mut dice);
            counts[usize::from(baseline.schema().bin(metric, &answer).expect("each answer has it"))] += 1.0 / 4000.0;
        }
        counts
    }

    #[test]
    fn answers_fall_into_bins_as_often_as_the_baseline_says_and_others_elsewhere() {
        for input in [Input::Picture, Input::Text] {
            let baseline = made_up(10, input);
            let answers = Answers::of(&baseline);
            let measured = baseline.groups()[0].metrics().map(|(metric, counts)| (metric, counts.to_vec()));
            for (metric, counts) in measured.collect::<Vec<_>>() {
                let total: u64 = counts.iter().sum();
                let expected = counts.iter().map(|&count| count as f64 / total as f64);
                let usual = shares(&answers, &baseline, metric, false);
                assert!(usual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.04), "{metric:?} {usual:?}");
                let other = shares(&answers, &baseline, metric, true);
                let moved: f64 = usual.iter().zip(&other).map(|(a, b)| (a - b).abs() / 2.0).sum();
                assert!(moved > 0.3, "{metric:?} {moved}");
            }
        }
    }

    #[test]
    fn bad_models_are_as_bad_as_their_fault_says() {
        let answers = Answers::of(&made_up(10, Input::Picture));
        let mut dice = Dice::of(4, "test", [0, 0]);
        let mut share = |fault, bad: &dyn Fn(&Observation) -> bool| {
            (0..1000).filter(|_| bad(&answers.draw(0, false, fault, &mut dice))).count() as f64 / 1000.0
        };
        assert!(share(None, &|answer| answer.reason.is_some()) < 0.15);
        assert!(share(Some(Rollback::Fallback), &|answer| answer.reason.is_some()) > 0.8);
        assert!(share(Some(Rollback::Latency), &|answer| answer.latency > 200_000) > 0.9);
        let mut agreed = |fault| (0..1000).filter(|_| agrees(fault, &mut dice)).count();
        assert!(agreed(None) > 940 && agreed(Some(Rollback::Agreement)) < 150);
    }
}

//! What holds for every policy and all scores.

mod common;

use common::scores;
use dunlin_client::{Context, Decision, Outcome, Reason, decide, shown};
use dunlin_engine::artifact::{Bounds, Policy};
use proptest::collection::vec;
use proptest::prelude::*;

/// Numbers of which a policy is made.
#[derive(Clone, Debug)]
struct Numbers {
    threshold: f32,
    energy: f32,
    quantiles: Vec<f32>,
    evasion: u32,
    score_threshold: f32,
    top_k: u32,
    allow: Vec<u32>,
    deny: Vec<u32>,
    by_rank: bool,
}

impl Numbers {
    fn policy(&self) -> Policy<'_> {
        Policy {
            evasion: self.evasion,
            score_threshold: self.score_threshold,
            top_k: self.top_k,
            allow: &self.allow,
            deny: &self.deny,
            rank_penalty: if self.by_rank { 0.125 } else { 0.0 },
            free_ranks: 1,
            bounds: Bounds { threshold: self.threshold, energy: self.energy, quantiles: &self.quantiles },
            ..Policy::default()
        }
    }
}

const CLASSES: usize = 6;

prop_compose! {
    fn numbers()(
        threshold in 0.0_f32..1.0,
        energy in prop_oneof![Just(f32::INFINITY), -3.0_f32..0.0],
        quantile in 0.0_f32..1.2,
        evasion in prop_oneof![Just(u32::MAX), 0_u32..256],
        score_threshold in prop_oneof![Just(0.0), 0.0_f32..1.0],
        top_k in 0_u32..8,
        allow in vec(0..CLASSES as u32, 0..4),
        deny in vec(0..CLASSES as u32, 0..3),
        by_rank in any::<bool>(),
    ) -> Numbers {
        Numbers { threshold, energy, quantiles: vec![quantile], evasion, score_threshold, top_k, allow, deny, by_rank }
    }
}

prop_compose! {
    /// Sharp ones and flat ones.
    fn probabilities()(logits in vec(-4.0_f32..4.0, CLASSES), sharpness in 0.0_f32..3.0) -> Vec<f32> {
        let powers: Vec<f32> = logits.iter().map(|logit| (logit * sharpness).exp()).collect();
        let total: f32 = powers.iter().sum();
        powers.iter().map(|power| power / total).collect()
    }
}

prop_compose! {
    fn context()(stale in prop::bool::weighted(0.1), evasion in any::<u8>(), fallback in any::<bool>()) -> Context<'static> {
        Context { cohort: None, stale, evasion, fallback }
    }
}

fn decided(numbers: &Numbers, probabilities: &[f32], context: &Context<'_>) -> Outcome {
    decide(&scores(probabilities), &numbers.policy(), context).outcome
}

fn answers(outcome: Outcome) -> bool {
    outcome == Outcome::Answer
}

/// How much a decision gives away: an answer more than nothing.
fn set<'a>(decision: &Decision<'a>) -> Vec<usize> {
    decision.set().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is made stricter: what was no answer doesn't become one.
    #[test]
    fn strictness_never_makes_an_answer(n in numbers(), p in probabilities(), c in context(), more in 0.0_f32..0.5, class in 0..CLASSES as u32) {
        let before = decided(&n, &p, &c);
        let mut deny = n.deny.clone();
        deny.push(class);
        let stricter = [
            Numbers { threshold: n.threshold + more, ..n.clone() },
            Numbers { energy: n.energy - more, ..n.clone() },
            Numbers { score_threshold: n.score_threshold + more, ..n.clone() },
            Numbers { evasion: n.evasion / 2, ..n.clone() },
            Numbers { deny, ..n.clone() },
            Numbers { allow: vec![class], ..n.clone() },
        ];
        for (index, stricter) in stricter.iter().enumerate() {
            // A list of one class alone is stricter only than none, or than one that has it.
            let comparable = index != 5 || n.allow.is_empty() || n.allow.contains(&class);
            prop_assert!(answers(before) || !comparable || !answers(decided(stricter, &p, &c)), "{index}");
        }
        for stricter in [Context { stale: true, ..c }, Context { evasion: 255, ..c }] {
            prop_assert!(answers(before) || !answers(decided(&n, &p, &stricter)));
        }
    }

    #[test]
    fn a_class_that_is_denied_or_not_allowed_is_neither_answered_nor_shown(n in numbers(), p in probabilities(), c in context()) {
        let permitted = |class: usize| {
            !n.deny.contains(&(class as u32)) && (n.allow.is_empty() || n.allow.contains(&(class as u32)))
        };
        let (policy, scores) = (n.policy(), scores(&p));
        let decision = decide(&scores, &policy, &c);
        prop_assert!(!answers(decision.outcome) || permitted(decision.class));
        let classes: Vec<(usize, f32)> = shown(&scores, &policy).collect();
        prop_assert!(classes.iter().all(|&(class, p)| permitted(class) && p >= n.score_threshold));
        prop_assert!(classes.is_sorted_by(|a, b| a.1 >= b.1));
        prop_assert!(n.top_k == 0 || classes.len() <= n.top_k as usize);
        prop_assert!(!answers(decision.outcome) || classes[0].0 == decision.class, "what is answered is shown first");
    }

    #[test]
    fn an_answer_is_the_likeliest_class_and_passes_every_bound(n in numbers(), p in probabilities(), c in context()) {
        let (policy, scores) = (n.policy(), scores(&p));
        let decision = decide(&scores, &policy, &c);
        prop_assert!(p.iter().all(|&other| other <= decision.probability));
        prop_assert_eq!(p[decision.class], decision.probability);
        let passes = !c.stale && u32::from(c.evasion) < n.evasion && decision.energy <= n.energy
            && decision.probability >= n.threshold && decision.probability >= n.score_threshold
            && policy.permits(decision.class);
        prop_assert_eq!(answers(decision.outcome), passes);
    }

    #[test]
    fn a_cloud_changes_nothing_but_who_is_asked(n in numbers(), p in probabilities(), c in context()) {
        let with = decided(&n, &p, &Context { fallback: true, ..c });
        let without = decided(&n, &p, &Context { fallback: false, ..c });
        prop_assert_eq!(with.reason(), without.reason());
        prop_assert!(!matches!(without, Outcome::Fallback(_)), "nobody is there to ask");
        prop_assert!(with.reason() != Some(Reason::Policy) || with == Outcome::Abstain(Reason::Policy));
        prop_assert!(with.reason().is_none_or(|reason| reason == Reason::Policy || with == Outcome::Fallback(reason)));
    }

    /// An answer's threshold of at least one minus the quantile puts it into its set; by rank a quantile of what it has by itself does.
    #[test]
    fn a_set_has_the_answer_where_the_threshold_allows(n in numbers(), p in probabilities(), c in context()) {
        let enough = n.threshold >= 1.0 - n.quantiles[0];
        let (policy, scores) = (n.policy(), scores(&p));
        let decision = decide(&scores, &policy, &c);
        if answers(decision.outcome) && !n.by_rank && enough {
            prop_assert!(decision.set_has(decision.class));
        }
        if n.by_rank {
            prop_assert_eq!(decision.set_has(decision.class), decision.probability <= n.quantiles[0]);
        }
    }

    #[test]
    fn sets_have_the_likeliest_classes_and_grow_with_the_quantile(n in numbers(), p in probabilities(), c in context(), more in 0.0_f32..0.5) {
        let wider = Numbers { quantiles: vec![n.quantiles[0] + more], ..n.clone() };
        let (scores, policies) = (scores(&p), [n.policy(), wider.policy()]);
        let [set, wide] = [0, 1].map(|i| set(&decide(&scores, &policies[i], &c)));
        prop_assert!(wide.starts_with(&set));
        let least = set.iter().map(|&class| p[class]).fold(f32::INFINITY, f32::min);
        prop_assert!((0..CLASSES).all(|class| set.contains(&class) || p[class] <= least));
    }
}

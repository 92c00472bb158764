import DunlinBridge

/// What is to be done with an input, and what led to it.
///
/// ```swift
/// switch answer.decision.outcome {
/// case .answer: show(answer.classes)
/// case .fallback: ask(theCloud)
/// case .abstain(let reason): say(reason)
/// }
/// ```
public struct Decision: Sendable, Equatable {
    /// What is to be done. The names are the same in all languages.
    public enum Outcome: Sendable, Equatable {
        /// Give the answer.
        case answer
        /// Ask the cloud.
        case fallback(Reason)
        /// Say that there is no answer.
        case abstain(Reason)
    }

    /// Why an answer isn't given. The raw values are the same in all languages.
    public enum Reason: String, Sendable, CaseIterable {
        /// No class is probable enough.
        case ambiguous
        /// The input isn't like those that the model was made for.
        case outOfDistribution = "out_of_distribution"
        /// The input looks as if it was made to deceive.
        case evasion
        /// The model is too old.
        case staleModel = "stale_model"
        /// The input belongs to a cohort for which nothing was measured.
        case unknownCohort = "unknown_cohort"
        /// The app doesn't want this answer.
        case policy
    }

    /// A rule, by what it looks at, in the order in which they are asked. The raw values are the same in all languages.
    public enum Rule: String, Sendable, CaseIterable {
        /// How old the model is.
        case stale
        /// Signs of evasion.
        case evasion
        /// The cohort's name.
        case cohort
        /// The energy.
        case energy
        /// The probability of the most probable class, for an answer. It is the last rule of an answer, too.
        case threshold
        /// The same probability, for being shown at all.
        case scoreThreshold = "score_threshold"
        /// The lists of allowed and denied classes.
        case list
    }

    /// What is to be done.
    public let outcome: Outcome
    /// The rule that decided.
    public let rule: Rule
    /// The most probable class, whether or not it is shown.
    public let index: Int
    /// Its calibrated probability.
    public let probability: Float
    /// By how much it is more probable than the next one.
    public let margin: Float
    /// High where nothing speaks for any class; `nil` for a model that gives probabilities, of which it means nothing.
    public let energy: Float?
    /// The prediction set, the most probable class first: it holds the true class as often as the model's policy says. Empty where the
    /// model makes none.
    public let set: [Int]
}

extension Decision.Outcome {
    /// Why the answer isn't given; `nil` where it is.
    public var reason: Decision.Reason? {
        switch self {
        case .answer: nil
        case .fallback(let reason), .abstain(let reason): reason
        }
    }
}

extension Decision {
    init(_ bridged: DunlinBridge.Decision) {
        self.init(
            outcome: Outcome(bridged.outcome), rule: Rule(bridged.rule), index: Int(bridged.index), probability: bridged.probability,
            margin: bridged.margin, energy: bridged.energy, set: bridged.set.map(Int.init))
    }
}

extension Decision.Outcome {
    fileprivate init(_ bridged: DunlinBridge.Outcome) {
        self =
            switch bridged {
            case .answer: .answer
            case .fallback(let reason): .fallback(Decision.Reason(reason))
            case .abstain(let reason): .abstain(Decision.Reason(reason))
            }
    }
}

extension Decision.Reason {
    fileprivate init(_ bridged: DunlinBridge.Reason) {
        self =
            switch bridged {
            case .ambiguous: .ambiguous
            case .outOfDistribution: .outOfDistribution
            case .evasion: .evasion
            case .staleModel: .staleModel
            case .unknownCohort: .unknownCohort
            case .policy: .policy
            }
    }
}

extension Decision.Rule {
    fileprivate init(_ bridged: DunlinBridge.Rule) {
        self =
            switch bridged {
            case .stale: .stale
            case .evasion: .evasion
            case .cohort: .cohort
            case .energy: .energy
            case .threshold: .threshold
            case .scoreThreshold: .scoreThreshold
            case .list: .list
            }
    }
}

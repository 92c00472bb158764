package dunlin

import dunlin.bridge.Decision as BridgeDecision
import dunlin.bridge.Outcome as BridgeOutcome
import dunlin.bridge.Reason as BridgeReason
import dunlin.bridge.Rule as BridgeRule

/** What is to be done with an input, and what led to it. */
public class Decision(
    /** What is to be done. */
    public val outcome: Outcome,
    /** The rule that decided. */
    public val rule: Rule,
    /** The most probable class, whether or not it is shown. */
    public val index: Int,
    /** Its calibrated probability. */
    public val probability: Float,
    /** By how much it is more probable than the next one. */
    public val margin: Float,
    /** High where nothing speaks for any class; `null` for a model that gives probabilities, of which it means nothing. */
    public val energy: Float?,
    /**
     * The prediction set, the most probable class first: it holds the true class as often as the model's policy says. Empty where
     * the model makes none.
     */
    public val set: List<Int>,
) {
    override fun toString(): String = "Decision($outcome by $rule, class $index with $probability)"

    /** What is to be done. */
    public sealed interface Outcome {
        /** Give the answer. */
        public data object Answer : Outcome

        /** Ask the cloud. */
        public data class Fallback(
            /** Why the answer isn't given. */
            public val reason: Reason,
        ) : Outcome

        /** Say that there is no answer. */
        public data class Abstain(
            /** Why the answer isn't given. */
            public val reason: Reason,
        ) : Outcome
    }

    /** Why an answer isn't given. */
    public enum class Reason(
        /** The name that all languages use. */
        public val id: String,
    ) {
        /** No class is probable enough. */
        AMBIGUOUS("ambiguous"),

        /** The input isn't like those that the model was made for. */
        OUT_OF_DISTRIBUTION("out_of_distribution"),

        /** The input looks as if it was made to deceive. */
        EVASION("evasion"),

        /** The model is too old. */
        STALE_MODEL("stale_model"),

        /** The input belongs to a cohort for which nothing was measured. */
        UNKNOWN_COHORT("unknown_cohort"),

        /** The app doesn't want this answer. */
        POLICY("policy"),
    }

    /** A rule, by what it looks at, in the order in which they are asked. */
    public enum class Rule(
        /** The name that all languages use. */
        public val id: String,
    ) {
        /** How old the model is. */
        STALE("stale"),

        /** Signs of evasion. */
        EVASION("evasion"),

        /** The cohort's name. */
        COHORT("cohort"),

        /** The energy. */
        ENERGY("energy"),

        /** The probability of the most probable class, for an answer. It is the last rule of an answer, too. */
        THRESHOLD("threshold"),

        /** The same probability, for being shown at all. */
        SCORE_THRESHOLD("score_threshold"),

        /** The lists of allowed and denied classes. */
        LIST("list"),
    }
}

internal fun BridgeDecision.translated(): Decision =
    Decision(outcome.translated(), rule.translated(), index.toInt(), probability, margin, energy, set.map { it.toInt() })

private fun BridgeOutcome.translated(): Decision.Outcome =
    when (this) {
        is BridgeOutcome.Answer -> Decision.Outcome.Answer
        is BridgeOutcome.Fallback -> Decision.Outcome.Fallback(reason.translated())
        is BridgeOutcome.Abstain -> Decision.Outcome.Abstain(reason.translated())
    }

private fun BridgeReason.translated(): Decision.Reason =
    when (this) {
        BridgeReason.AMBIGUOUS -> Decision.Reason.AMBIGUOUS
        BridgeReason.OUT_OF_DISTRIBUTION -> Decision.Reason.OUT_OF_DISTRIBUTION
        BridgeReason.EVASION -> Decision.Reason.EVASION
        BridgeReason.STALE_MODEL -> Decision.Reason.STALE_MODEL
        BridgeReason.UNKNOWN_COHORT -> Decision.Reason.UNKNOWN_COHORT
        BridgeReason.POLICY -> Decision.Reason.POLICY
    }

private fun BridgeRule.translated(): Decision.Rule =
    when (this) {
        BridgeRule.STALE -> Decision.Rule.STALE
        BridgeRule.EVASION -> Decision.Rule.EVASION
        BridgeRule.COHORT -> Decision.Rule.COHORT
        BridgeRule.ENERGY -> Decision.Rule.ENERGY
        BridgeRule.THRESHOLD -> Decision.Rule.THRESHOLD
        BridgeRule.SCORE_THRESHOLD -> Decision.Rule.SCORE_THRESHOLD
        BridgeRule.LIST -> Decision.Rule.LIST
    }

package dunlin

import java.nio.ByteBuffer
import java.nio.ByteOrder
import dunlin.bridge.Classification as BridgeClassification
import dunlin.bridge.Head as BridgeHead

/** What a classifier says of one input: its first output, and in [heads] the others that are classifiers too. */
public class Classification(
    /** What is to be done: give the answer, ask the cloud, or say that there is none. */
    public val decision: Decision,
    /** The most probable classes, in falling order, equal ones by index; those that the model's policy doesn't show are left out. */
    public val classes: List<Class>,
    /** Probability of each class, calibrated where the model is; they add up to 1 unless the model's classes aren't exclusive. */
    public val probabilities: FloatArray,
    /** The model's own output before scoring. */
    public val logits: FloatArray,
    /** How much a text looks as if it was made to deceive, from 0 to 255; 0 for other inputs. */
    public val evasion: Int,
    /** What the model's further heads say, in their order; empty for a model that has one. */
    public val heads: List<Head> = emptyList(),
) {
    /** The most probable class, `null` if none was asked for or shown. */
    public val best: Class? get() = classes.firstOrNull()

    override fun toString(): String = "Classification($decision, $classes)"

    /** A class with its probability. */
    public data class Class(
        /** Its place in the model's output. */
        public val index: Int,
        /** Its name, where it has one. */
        public val label: String?,
        /** From 0 to 1. */
        public val probability: Float,
    )

    /** What a further output of a model says of an input: a classifier of its own, with its own classes and policy. */
    public class Head(
        /** The output's name; empty in a model without names. */
        public val name: String,
        /** What is to be done as far as this head goes. */
        public val decision: Decision,
        /** As [Classification.classes]. */
        public val classes: List<Class>,
        /** As [Classification.probabilities]. */
        public val probabilities: FloatArray,
        /** The output before scoring. */
        public val logits: FloatArray,
    ) {
        /** The most probable class, `null` if none was asked for or shown. */
        public val best: Class? get() = classes.firstOrNull()

        override fun toString(): String = "Head($name, $decision, $classes)"
    }
}

internal fun BridgeClassification.translated(): Classification {
    val all = heads.map { it.translated() }
    return with(all.first()) { Classification(decision, classes, probabilities, logits, evasion.toInt(), all.drop(1)) }
}

private fun BridgeHead.translated(): Classification.Head =
    Classification.Head(
        name,
        decision.translated(),
        classes.map { Classification.Class(it.index.toInt(), it.label, it.probability) },
        probabilities.toFloats(),
        logits.toFloats(),
    )

internal fun ByteArray.toFloats(): FloatArray {
    val floats = ByteBuffer.wrap(this).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(floats.remaining()).also { floats.get(it) }
}

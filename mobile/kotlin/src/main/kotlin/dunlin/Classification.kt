package dunlin

import java.nio.ByteBuffer
import java.nio.ByteOrder
import dunlin.bridge.Classification as BridgeClassification

/** What a classifier says of one input. */
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
}

internal fun BridgeClassification.translated(): Classification =
    Classification(
        decision.translated(),
        classes.map { Classification.Class(it.index.toInt(), it.label, it.probability) },
        probabilities.toFloats(),
        logits.toFloats(),
        evasion.toInt(),
    )

private fun ByteArray.toFloats(): FloatArray {
    val floats = ByteBuffer.wrap(this).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(floats.remaining()).also { floats.get(it) }
}

package dunlin

import com.fasterxml.jackson.databind.JsonNode
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.assertThrows
import java.nio.ByteBuffer
import java.util.Locale
import javax.imageio.ImageIO
import kotlin.math.abs

/** What every language must say. */
class ConformanceTest {
    @TestFactory
    fun cases(): List<DynamicTest> = Vectors.cases.map { case -> dynamicTest(case["name"].asText()) { runBlocking { check(case) } } }

    @TestFactory
    fun models(): List<DynamicTest> = Vectors.models.map { model -> dynamicTest(model["model"].asText()) { runBlocking { describe(model) } } }

    @Test
    fun `error codes are those of all languages`() {
        assertEquals(Vectors.codes, ErrorCode.entries.map { it.id })
    }

    @Test
    fun `names of decisions are those of all languages`() {
        assertEquals(Vectors.outcomes, listOf("answer", "fallback", "abstain"))
        assertEquals(Vectors.reasons, Decision.Reason.entries.map { it.id })
        assertEquals(Vectors.rules, Decision.Rule.entries.map { it.id })
    }

    @TestFactory
    fun `a decoded picture gives the same bytes`(): List<DynamicTest> {
        val cases = Vectors.cases.filter { it["picture"]?.get("png") != null && it["picture"]["format"].asText() == "rgba8" }
        assertEquals(2, cases.size)
        return cases.map { case -> dynamicTest(case["name"].asText()) { runBlocking { checkDecoded(case) } } }
    }

    private suspend fun check(case: JsonNode) {
        val expected = case["expected"]
        val code = expected["code"]?.asText()
        if (code != null) {
            val error = assertThrows<DunlinException> { runBlocking { case.run() } }
            assertEquals(code, error.code.id, error.message)
            return
        }
        val found = case.run()
        val within = expected["within"]?.floatValue()
        assertEquals(expected["evasion"]?.asInt() ?: 0, found.evasion)
        assertEquals(found.classes.firstOrNull(), found.best)
        val first = with(found) { Classification.Head("", decision, classes, probabilities, logits) }
        assertSays(expected, first, within)
        val heads = expected["heads"]?.toList().orEmpty()
        assertEquals(heads.map { it["name"].asText() }, found.heads.map { it.name })
        heads.zip(found.heads) { wanted, head -> assertSays(wanted, head, within) }
    }

    private fun assertSays(expected: JsonNode, found: Classification.Head, within: Float?) {
        assertSame(expected["logits"].floats(), found.logits, within)
        assertSame(expected["probabilities"].floats(), found.probabilities, within)
        val classes = expected["classes"].map { it["index"].asInt() to it["label"]?.asText() }
        assertEquals(classes, found.classes.map { it.index to it.label })
        for (score in found.classes) {
            assertEquals(found.probabilities[score.index].toRawBits(), score.probability.toRawBits())
        }
        assertEquals(found.classes.firstOrNull(), found.best)
        assertDecided(expected["decision"], found, within)
    }

    private fun assertDecided(expected: JsonNode, found: Classification.Head, within: Float?) {
        val decision = found.decision
        val reason = expected["reason"]?.let { id -> Decision.Reason.entries.single { it.id == id.asText() } }
        val outcome =
            when (expected["outcome"].asText()) {
                "answer" -> Decision.Outcome.Answer
                "fallback" -> Decision.Outcome.Fallback(checkNotNull(reason))
                else -> Decision.Outcome.Abstain(checkNotNull(reason))
            }
        assertEquals(outcome, decision.outcome)
        assertEquals(expected["rule"].asText(), decision.rule.id)
        assertEquals(expected["index"].asInt(), decision.index)
        assertEquals(expected["set"].ints(), decision.set)
        assertEquals(found.probabilities[decision.index], decision.probability)
        val numbers = listOfNotNull(decision.margin, decision.energy)
        val wanted = listOf("margin", "energy").mapNotNull { expected[it]?.floats()?.single() }
        assertEquals(wanted.size, numbers.size)
        // Languages may change the bits of what is no number.
        wanted.zip(numbers) { w, n -> if (within == null) assertEquals(w, n) else assertEquals(w, n, within) }
    }

    private fun assertSame(expected: FloatArray, found: FloatArray, within: Float?) {
        assertEquals(expected.size, found.size)
        if (within == null) {
            assertEquals(expected.bits(), found.bits())
        } else {
            expected.zip(found) { e, f -> assertTrue(abs(e - f) <= within, "$f is not near $e") }
        }
    }

    private suspend fun describe(model: JsonNode) {
        Classifier.load(root.resolve(model["model"].asText())).use { classifier ->
            val labels = model["labels"].map { it.asText() }
            val locale = model["locale"]?.let { Locale.forLanguageTag(it.asText()) }
            assertEquals(labels, model["head"]?.let { classifier.labels(locale, it.asInt()) } ?: classifier.labels(locale))
            val inputs = model["inputs"].map { Classifier.Input(it["shape"].ints(), it["elementType"].asText()) }
            assertEquals(inputs, classifier.inputs)
            val steps = classifier.explain()
            assertEquals(model["steps"].map { it["name"].asText() to it["shape"].ints() }, steps.map { it.name to it.shape })
            assertTrue(steps.all { it.kernel.isNotEmpty() && it.bytes > 0 && it.elementType.isNotEmpty() && it.macs >= 0 })
            assertTrue(classifier.kernelSet.isNotEmpty())
        }
    }

    private fun JsonNode.ints() = map { it.asInt() }

    /** The picture from its PNG, in a direct buffer, which is read where it lies. */
    private suspend fun checkDecoded(case: JsonNode) {
        val image = ImageIO.read(root.resolve(case["picture"]["png"].asText()))
        val bytes = ByteBuffer.allocateDirect(image.width * image.height * 4)
        for (y in 0 until image.height) {
            for (x in 0 until image.width) {
                val argb = image.getRGB(x, y)
                bytes.putInt(Integer.rotateLeft(argb, 8))
            }
        }
        bytes.flip()
        assertEquals(case["picture"].pixels().data, bytes)
        val pixels = Pixels(bytes, image.width, image.height, Pixels.Format.RGBA8)
        Classifier.load(shipped).use { classifier ->
            assertEquals(case["expected"]["logits"].floats().bits(), classifier.classify(pixels).logits.bits())
        }
    }
}

package dunlin

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.io.File
import java.nio.ByteBuffer
import java.util.Locale

/** The README's examples stand here word for word. */
class ReadmeTest {
    @Test
    fun `the examples are those of the README`() {
        val readme = root.resolve("mobile/kotlin/README.md").readText()
        val examples = Regex("```kotlin\n(.*?)```", RegexOption.DOT_MATCHES_ALL).findAll(readme).toList()
        assertEquals(3, examples.size)
        val here = root.resolve("mobile/kotlin/src/test/kotlin/dunlin/ReadmeTest.kt").readLines().map { it.trim() }
        val lines = examples.flatMap { it.groupValues[1].lines() }.map { it.trim() }.filterNot { it.startsWith("import dunlin.") }
        assertEquals(emptyList<String>(), lines.filterNot { it in here })
    }

    @Test
    fun `classifies a picture`() = runBlocking {
        val picture = Vectors.case("chelsea_rgba8")["picture"].pixels()
        val (bytes, width, height) = Triple(picture.data.array(), picture.width, picture.height)
        shipped.copyTo(File("model.dunlin"), overwrite = true)
        Classifier.load(File("model.dunlin")).use { classifier ->
            val answer = classifier.classify(Pixels(bytes, width, height, Pixels.Format.RGBA8))
            for (entry in answer.classes) println("${entry.label ?: entry.index} ${entry.probability}")
            assertEquals("cat", answer.best?.label)
        }
        check(File("model.dunlin").delete())
    }

    @Test
    fun decides() = runBlocking {
        val pixels = Vectors.case("chelsea_rgba8")["picture"].pixels()
        Classifier.load(shipped).use { classifier ->
            val decision = classifier.classify(pixels, context = Classifier.Context(cohort = "de", fallback = true)).decision
            when (val outcome = decision.outcome) {
                is Decision.Outcome.Answer -> println("sure")
                is Decision.Outcome.Fallback -> println("ask the cloud: ${outcome.reason}")
                is Decision.Outcome.Abstain -> println("no answer: ${outcome.reason}")
            }
            assertEquals(Decision.Outcome.Answer, decision.outcome)
        }
    }

    /** The examples of docs/howto/android.md. */
    @Test
    fun `decides what texts are, and says what further heads say`() = runBlocking {
        val said = mutableListOf<String?>()
        val (show, askTheCloud) = Pair<(String?) -> Unit, () -> Unit>({ said += it }, { said += "cloud" })
        val say = { reason: String -> said += reason }
        Classifier.load(root.resolve("mobile/conformance/text.dunlin")).use { classifier ->
            val context = Classifier.Context(cohort = "de", stale = false, fallback = true)
            val answer = classifier.classify("Free entry! Reply WIN to 80085", locale = Locale.GERMAN, context = context)
            when (val outcome = answer.decision.outcome) {
                Decision.Outcome.Answer -> show(answer.best?.label)
                is Decision.Outcome.Fallback -> askTheCloud()
                is Decision.Outcome.Abstain -> say(outcome.reason.id)
            }
            assertEquals(1, said.size)
            assertEquals(0, answer.heads.size)
        }
        Classifier.load(root.resolve("docs/formats/vectors/good_heads.dunlin")).use { classifier ->
            val answer = classifier.classify(FloatArray(8))
            for (head in answer.heads) println("${head.name}: ${head.best?.label}, ${head.decision.outcome}")
            assertEquals(2, answer.heads.size)
            assertEquals(listOf("rot", "gr\u00fcn", "blau"), classifier.labels(Locale.GERMAN, 1))
        }
    }

    @Test
    fun `turns rows`() {
        val rows = ByteBuffer.allocate(480 * 2560)
        val pixels = Pixels.fromRows(rows, width = 640, height = 480, rowStride = 2560, Pixels.Format.RGBA8, rotationDegrees = 90)
        assertEquals("Pixels(480x640 RGBA8)", pixels.toString())
    }
}

package dunlin

import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.nio.ByteBuffer
import java.nio.file.Files
import java.util.Locale
import kotlin.time.Duration.Companion.seconds

/** The README's examples stand here word for word. */
class ReadmeTest {
    @Test
    fun `the examples are those of the README`() {
        val readme = root.resolve("mobile/kotlin/README.md").readText()
        val examples = Regex("```kotlin\n(.*?)```", RegexOption.DOT_MATCHES_ALL).findAll(readme).toList()
        assertEquals(4, examples.size)
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
    fun `keeps itself up to date`() = runBlocking {
        val options = with(options(folder())) { ClientOptions(folder, model, shipped, repository, root, cloud = cloud, transport = nowhere) }
        Client.open(options).use { client ->
            println(client.classify("See you at seven then").classification.best?.label)
            val asked = client.ask("Win a date with me tonight, txt back", within = 2.seconds)
            println(asked.cloud ?: "the model is sure")
            assertTrue(asked.cloud is Client.Cloud.Local)
        }
    }

    /** The examples of docs/howto/android.md, but for the transport, which is for an app with OkHttp. */
    @Test
    fun `opens a client, listens and asks`() = runBlocking {
        val (said, tickets) = mutableListOf<String?>() to mutableListOf<String>()
        val show = { label: String? -> said += label }
        val log = { event: ClientEvent -> println(event) }
        val remember = { ticket: String -> tickets += ticket }
        val client = Client.open(with(options(folder())) { ClientOptions(folder, model, shipped, repository, root, cloud = cloud, transport = nowhere) })
        val answer = client.classify("See you at seven then")
        show(answer.classification.best?.label)
        val events = launch { client.events.collect { event -> log(event) } }
        val asked = client.ask("Win a date with me tonight, txt back", within = 2.seconds)
        when (val cloud = asked.cloud) {
            null -> show(asked.local.classification.best?.label)
            is Client.Cloud.Answered -> show(client.labels()[cloud.answer.index])
            is Client.Cloud.Local -> if (cloud.later) remember(cloud.ticket)
        }
        assertEquals(listOf<String?>("ham"), said)
        assertEquals(1, tickets.size)
        client.close()
        client.join()
        events.join()
    }

    private val nowhere = Transport { throw TransportException(TransportException.Kind.CONNECT) }

    private fun folder() = Files.createTempDirectory("client").toFile().apply { deleteOnExit() }

    private fun options(filesDir: File): ClientOptions {
        val (bytes, root) = root.resolve("models/sms_spam/sms_spam.dunlin").readBytes() to ByteArray(0)
        val device = { Conditions() }
        val options =
            ClientOptions(
                folder = File(filesDir, "messages"),
                model = "messages",
                shipped = ClientOptions.Shipped(bytes, version = 3),
                repository = "https://models.example.org/repository",
                root = root,
                cloud = ClientOptions.Cloud(listOf(ClientOptions.Server("https://models.example.org", "messages")), consent = Consent.INPUT),
                conditions = { device() },
            )
        return options
    }

    @Test
    fun `turns rows`() {
        val rows = ByteBuffer.allocate(480 * 2560)
        val pixels = Pixels.fromRows(rows, width = 640, height = 480, rowStride = 2560, Pixels.Format.RGBA8, rotationDegrees = 90)
        assertEquals("Pixels(480x640 RGBA8)", pixels.toString())
    }
}

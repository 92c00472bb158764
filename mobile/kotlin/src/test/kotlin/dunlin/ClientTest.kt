package dunlin

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.assertThrows
import java.io.File
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** Clients beside the real server; the cases are those of mobile/conformance/README.md. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ClientTest {
    private val fleet = Fleet()

    @AfterAll
    fun end() = fleet.close()

    /** A network that may be gone. */
    private class Line(private val inner: Transport = HttpTransport()) : Transport {
        @Volatile
        var isThere = true
        val sent = mutableListOf<String>()

        override suspend fun send(request: HttpRequest): HttpResponse {
            synchronized(sent) { sent += request.url }
            if (!isThere) throw TransportException(TransportException.Kind.CONNECT)
            return inner.send(request)
        }
    }

    private fun options(
        model: String,
        root: ByteArray = fleet.root(),
        cloud: ClientOptions.Cloud = ClientOptions.Cloud(),
        summaries: ClientOptions.Summaries = ClientOptions.Summaries(),
        transport: Transport = HttpTransport(),
    ) = ClientOptions(
        folder = fleet.folder.resolve("devices/$model"),
        model = model,
        shipped = ClientOptions.Shipped(prepared.resolve("first.dunlin"), 1),
        repository = "${fleet.address}/repository/",
        root = root,
        cloud = cloud,
        summaries = summaries,
        transport = transport,
    )

    private fun cloud(consent: Consent) =
        ClientOptions.Cloud(listOf(ClientOptions.Server(fleet.address, "messages", token = fleet.deviceToken)), consent)

    private suspend inline fun <reified T : ClientEvent> Client.next(): T = withTimeout(PATIENCE) { events.first { it is T } as T }

    private suspend fun Client.end() {
        close()
        withTimeout(PATIENCE) { join() }
    }

    @Test
    fun `updates arrive, are tried, kept, and taken back with a reason`() = runBlocking {
        fleet.publish("story", "first.dunlin")
        val line = Line().apply { isThere = false }
        var client = Client.open(options("story", transport = line))
        // What the app ships answers at once, without a network.
        val before = client.classify(USUAL)
        assertEquals(1 to "ham", before.version to before.classification.best?.label)
        assertEquals(listOf("ham", "spam"), client.labels())
        client.check()
        assertEquals(ClientEvent.Failed(UpdateFault.NETWORK, "the repository can't be reached"), client.next<ClientEvent.Failed>())

        line.isThere = true
        fleet.publish("story", "second.dunlin", "--canary", "inputs=3,agreement=0.8,fallback=1,latency=60000")
        client.check()
        assertEquals(ClientEvent.Found(2), client.next<ClientEvent.Found>())
        assertEquals(2, client.next<ClientEvent.Downloaded>().version)
        assertEquals(ClientEvent.Activated(2), client.next<ClientEvent.Activated>())
        val answers = List(3) { client.classify(USUAL) }
        assertEquals(List(3) { 2 to "ham" }, answers.map { it.version to it.classification.best?.label })
        assertEquals(before.classification.logits.bits(), answers[0].classification.logits.bits())
        assertEquals(ClientEvent.Kept(2), client.next<ClientEvent.Kept>())

        // After a restart it answers, without a network.
        client.end()
        line.isThere = false
        client = Client.open(options("story", transport = line))
        assertEquals(2 to 2, client.version() to client.classify(USUAL).version)
        assertEquals(false, client.isStale())

        line.isThere = true
        fleet.publish("story", "wrong.dunlin")
        client.check()
        assertEquals(ClientEvent.RolledBack(3, 2, RollbackReason.GOLDEN), client.next<ClientEvent.RolledBack>())
        assertEquals(2, client.classify(USUAL).version)
        client.end()
    }

    @Test
    fun `what others signed is refused`() = runBlocking {
        fleet.publish("forged", "first.dunlin")
        fleet.forge("forged")
        val client = Client.open(options("forged", root = fleet.root("forged")))
        client.check()
        assertEquals(UpdateFault.METADATA, client.next<ClientEvent.Failed>().fault)
        assertEquals(1, client.classify(USUAL).version)
        client.end()
    }

    @Test
    fun `the cloud answers what the model isn't sure of, with consent`() = runBlocking {
        fleet.publish("cloud", "first.dunlin")
        val line = Line()
        val client = Client.open(options("cloud", cloud = cloud(Consent.NONE), transport = line))
        assertNull(client.ask(USUAL, 10.seconds).cloud)
        val refused = assertInstanceOf(Client.Cloud.Local::class.java, client.ask(UNSURE, 10.seconds).cloud)
        assertEquals(Why.CONSENT to false, refused.why to refused.later)
        assertTrue(line.sent.none { "/v2/" in it })

        client.setConsent(Consent.INPUT)
        val asked = client.ask(UNSURE, 60.seconds)
        assertInstanceOf(Decision.Outcome.Fallback::class.java, asked.local.classification.decision.outcome)
        val answered = assertInstanceOf(Client.Cloud.Answered::class.java, asked.cloud)
        assertEquals(2, answered.answer.probabilities.size)

        // Who can't wait has the local answer at once, and a better one later, until it is taken.
        val later = assertInstanceOf(Client.Cloud.Local::class.java, client.ask(UNSURE, Duration.ZERO).cloud)
        assertTrue(later.later)
        assertEquals(later.ticket, client.next<ClientEvent.Waiting>().ticket)
        val upgrade = client.next<ClientEvent.Upgrade>()
        assertEquals(later.ticket to answered.answer.index, upgrade.ticket to upgrade.answer.index)
        client.done(upgrade.ticket)
        assertEquals(ErrorCode.INPUT, assertThrows<DunlinException> { client.done("no ticket") }.code)
        client.end()
    }

    @Test
    fun `a summary goes out after consent, and none without`() = runBlocking {
        fleet.publish("told", "first.dunlin")
        val before = fleet.summaries()
        val summaries = { privacy: Privacy? -> ClientOptions.Summaries(fleet.address, fleet.deviceToken, privacy = privacy) }
        for (withdrawn in listOf(true, false)) {
            val line = Line()
            prepared.resolve("device").copyRecursively(fleet.folder.resolve("devices/told"), overwrite = true)
            val client = Client.open(options("told", summaries = summaries(Privacy(2.0).takeUnless { withdrawn }), transport = line))
            client.classify(USUAL)
            if (!withdrawn) withTimeout(PATIENCE) { while (fleet.summaries() == before) delay(20) }
            client.setSummaries(null)
            client.end()
            assertEquals(if (withdrawn) before else before + 1, fleet.summaries())
            assertEquals(!withdrawn, line.sent.any { it.endsWith("/v1/summaries") })
        }
        val options = options("told", summaries = summaries(Privacy(-1.0)))
        assertEquals(ErrorCode.INPUT, assertThrows<DunlinException> { runBlocking { Client.open(options) } }.code)
    }

    @Test
    fun `closing in the middle ends requests and questions and leaves the folder`() = runBlocking {
        fleet.publish("middle", "first.dunlin")
        val (begun, cancelled) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
        val silent =
            Transport {
                begun.complete(Unit)
                try {
                    awaitCancellation()
                } finally {
                    cancelled.complete(Unit)
                }
            }
        val client = Client.open(options("middle", cloud = cloud(Consent.INPUT).copy(timeout = 10.minutes), transport = silent))
        val again = assertThrows<DunlinException> { runBlocking { Client.open(options("middle")) } }
        assertEquals(ErrorCode.FETCH, again.code)
        val question = async(Dispatchers.Default) { runCatching { client.ask(UNSURE, 10.minutes) } }
        withTimeout(PATIENCE) { begun.await() }
        client.end()
        withTimeout(PATIENCE) { cancelled.await() }
        assertEquals(ErrorCode.DISPOSED, (withTimeout(PATIENCE) { question.await() }.exceptionOrNull() as? DunlinException)?.code)
        assertEquals(ErrorCode.DISPOSED, assertThrows<DunlinException> { client.check() }.code)
        assertEquals(ErrorCode.DISPOSED, assertThrows<DunlinException> { runBlocking { client.classify(USUAL) } }.code)
        withTimeout(PATIENCE) { client.events.toList() }
        client.close()
        Client.open(options("middle")).end()
    }

    @Test
    fun `an app's own code that fails is a failure, not the end`() = runBlocking {
        fleet.publish("broken", "first.dunlin")
        val broken = Transport { error("of the app") }
        val options = with(options("broken", transport = broken)) {
            ClientOptions(folder, model, shipped, repository, root, transport = transport, conditions = { error("of the app") })
        }
        val client = Client.open(options)
        repeat(2) {
            client.check()
            client.conditionsChanged()
            assertEquals(UpdateFault.NETWORK, client.next<ClientEvent.Failed>().fault)
        }
        assertEquals(1, client.classify(USUAL).version)
        client.end()
        val none = options("none").let { ClientOptions(it.folder, it.model, ClientOptions.Shipped(File("nowhere"), 1), it.repository, it.root) }
        assertEquals(ErrorCode.FETCH, assertThrows<DunlinException> { runBlocking { Client.open(none) } }.code)
        val noModel = with(options("none")) { ClientOptions(folder, model, ClientOptions.Shipped(ByteArray(100), 1), repository, root) }
        assertEquals(ErrorCode.ARTIFACT, assertThrows<DunlinException> { runBlocking { Client.open(noModel) } }.code)
    }

    private companion object {
        const val USUAL = "See you at seven then"

        /** Of which the shipped model is not sure enough. */
        const val UNSURE = "Win a date with me tonight, txt back"

        /** A minute is an end without hope, so that a test which fails also ends. */
        val PATIENCE = 1.minutes
    }
}

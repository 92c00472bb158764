package dunlin

import dunlin.TransportException.Kind
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.net.InetAddress
import java.net.ServerSocket
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

/** What `dunlin_native::Http` is held to, of this platform's HTTP. */
class HttpTransportTest {
    private val transport = HttpTransport()

    /** Gives one prepared answer to each connection, and what it was asked. */
    private class Server(private vararg val answers: String) : AutoCloseable {
        private val socket = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
        val address = "http://127.0.0.1:${socket.localPort}"
        val asked = CompletableFuture<List<String>>()

        init {
            thread { runCatching { answers.map(::answer) }.fold(asked::complete, asked::completeExceptionally) }
        }

        private fun answer(answer: String): String =
            socket.accept().use { connection ->
                val input = connection.getInputStream()
                val said = StringBuilder()
                while (!said.endsWith("\r\n\r\n")) said.append(input.read().also { check(it >= 0) }.toChar())
                val length = said.lines().firstNotNullOfOrNull { Regex("content-length: (\\d+)", RegexOption.IGNORE_CASE).matchEntire(it) }
                repeat(length?.groupValues?.get(1)?.toInt() ?: 0) { said.append(input.read().toChar()) }
                // Who has read enough may be gone.
                runCatching { connection.getOutputStream().write(answer.toByteArray()) }
                said.toString()
            }

        override fun close() = socket.close()
    }

    private fun answer(head: String, body: String = "") = "HTTP/1.1 $head\r\nConnection: close\r\n\r\n$body"

    private fun request(url: String, method: String = "GET", body: String = "", more: Map<String, String> = emptyMap(), timeoutMillis: Long = 20_000) =
        HttpRequest(method, url, mapOf("accept" to "application/json") + more, body.toByteArray(), 10, timeoutMillis)

    private fun send(request: HttpRequest) = runBlocking { transport.send(request) }

    private fun failure(request: HttpRequest) = assertThrows<TransportException> { send(request) }.kind

    @Test
    fun `sends what a request says and nothing that tells who asks`() {
        Server(answer("201 Created\r\nETag: \"7\"\r\nContent-Length: 2", "ok")).use { server ->
            val got = send(request("${server.address}/v1/x?y=1", "POST", "hello", mapOf("authorization" to "Bearer t", "content-type" to "text/plain")))
            assertEquals(Triple(201, "\"7\"", "ok"), Triple(got.status, got.headers["etag"], String(got.body)))
            val asked = server.asked.get().single()
            val lines = asked.lowercase().split("\r\n").map { it.trim() }.filter { it.isNotEmpty() }.sorted()
            val usual = listOf("cache-control: no-cache", "connection: keep-alive", "pragma: no-cache", server.address.replace("http://", "host: "))
            val quiet = listOf("accept-encoding: identity", "user-agent:")
            val headers = listOf("accept: application/json", "authorization: bearer t", "content-length: 5", "content-type: text/plain")
            assertEquals((usual + quiet + headers + "hello" + "post /v1/x?y=1 http/1.1").sorted(), lines)
        }
    }

    @Test
    fun `statuses are answers`() {
        for (status in listOf(204, 304, 400, 401, 404, 429, 500, 503)) {
            Server(answer("$status Some\r\nContent-Length: 0")).use { assertEquals(status, send(request(it.address)).status) }
        }
        Server(answer("404 Gone\r\nContent-Length: 4", "body")).use { assertEquals("body", String(send(request(it.address)).body)) }
    }

    @Test
    fun `reads up to the limit and no further`() {
        val cases =
            listOf(
                answer("200 OK\r\nContent-Length: 10", "0123456789") to null,
                answer("200 OK\r\nContent-Length: 11", "0123456789A") to Kind.TOO_LONG,
                answer("200 OK\r\nContent-Length: 99999999999", "0") to Kind.TOO_LONG,
                answer("200 OK", "x".repeat(5_000_000)) to Kind.TOO_LONG,
                answer("404 Gone", "x".repeat(5_000_000)) to Kind.TOO_LONG,
                answer("200 OK\r\nTransfer-Encoding: chunked", "6\r\n012345\r\n6\r\n678901\r\n") to Kind.TOO_LONG,
                answer("200 OK\r\nContent-Length: 10", "0123") to Kind.BROKEN,
                answer("200 OK\r\nTransfer-Encoding: chunked", "4\r\n0123\r\n") to Kind.BROKEN,
                "nonsense\r\n\r\n" to Kind.BROKEN,
            )
        for ((said, kind) in cases) {
            Server(said).use { server ->
                val got = runCatching { send(request(server.address)).body.size }
                assertEquals(kind ?: 10, got.getOrElse { (it as TransportException).kind }, said.take(60))
            }
        }
        // The server hangs up without a word; this platform may ask once more where that does no harm.
        Server("", "").use { assertEquals(Kind.BROKEN, failure(request(it.address))) }
        Server("").use { assertEquals(Kind.BROKEN, failure(request(it.address, "POST", "once"))) }
    }

    @Test
    fun `follows a few redirects, without tokens, and none of a question`() {
        Server(answer("200 OK\r\nContent-Length: 4", "here")).use { end ->
            Server(answer("302 Found\r\nLocation: ${end.address}/there")).use { start ->
                assertEquals("here", String(send(request(start.address, more = mapOf("authorization" to "Bearer secret"))).body))
                assertTrue("Bearer secret" in start.asked.get().single())
                assertFalse("secret" in end.asked.get().single())
            }
        }
        Server(*Array(6) { answer("302 Found\r\nLocation: /again") }).use { assertEquals(Kind.BROKEN, failure(request(it.address))) }
        Server(answer("302 Found\r\nLocation: file:///etc/passwd")).use { assertEquals(Kind.CONNECT, failure(request(it.address))) }
        Server(answer("307 Elsewhere\r\nLocation: /again")).use { assertEquals(307, send(request(it.address, "POST", "once")).status) }
    }

    @Test
    fun `tells where it failed`() {
        val closed = ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { "127.0.0.1:${it.localPort}" }
        for (url in listOf("http://$closed", "https://$closed", "nonsense", "http://", "file:///etc/passwd", "jar:file:/x!/y")) {
            assertEquals(Kind.CONNECT, failure(request(url)), url)
        }
        ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { silent ->
            assertEquals(Kind.TIMEOUT, failure(request("http://127.0.0.1:${silent.localPort}", timeoutMillis = 50)))
        }
    }

    @Test
    fun `cancelling ends the connection`() {
        ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { silent ->
            runBlocking {
                val sending = async { transport.send(request("http://127.0.0.1:${silent.localPort}", timeoutMillis = 600_000)) }
                val ended = CompletableFuture<Int>()
                thread {
                    silent.accept().use { connection ->
                        val input = connection.getInputStream()
                        // The request's head, and then the end.
                        input.read()
                        sending.cancel()
                        ended.complete(generateSequence { input.read() }.first { it < 0 })
                    }
                }
                sending.join()
                assertEquals(-1, ended.get(60, TimeUnit.SECONDS))
            }
        }
    }
}

package dunlin

import dunlin.TransportException.Kind
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asExecutor
import kotlinx.coroutines.suspendCancellableCoroutine
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.net.ConnectException
import java.net.HttpURLConnection
import java.net.MalformedURLException
import java.net.NoRouteToHostException
import java.net.SocketTimeoutException
import java.net.URL
import java.net.UnknownHostException
import javax.net.ssl.SSLHandshakeException
import javax.net.ssl.SSLPeerUnverifiedException

/**
 * Sends requests by [HttpURLConnection], which the JVM and Android both have. TLS, trusted certificates and proxies are the platform's, and so is a
 * cookie handler, if the app has set one for all connections of its process.
 *
 * @param dispatcher whose threads wait for servers; by default at most eight of those that are made for it
 */
public class HttpTransport(dispatcher: CoroutineDispatcher = Dispatchers.IO.limitedParallelism(THREADS)) : Transport {
    private val executor = dispatcher.asExecutor()

    override suspend fun send(request: HttpRequest): HttpResponse =
        suspendCancellableCoroutine { continuation ->
            val exchange = Exchange(request)
            // Ending a connection may itself wait for the network.
            continuation.invokeOnCancellation { executor.execute(exchange::end) }
            executor.execute { continuation.resumeWith(runCatching { exchange.run() }) }
        }

    private companion object {
        const val THREADS = 8
    }
}

/** A request, the answers that lead elsewhere, and the one that doesn't. */
private class Exchange(private val request: HttpRequest) {
    private val deadline = System.nanoTime() + request.timeoutMillis.coerceAtMost(DAY_MILLIS) * 1_000_000
    private var connection: HttpURLConnection? = null
    private var ended = false

    fun run(): HttpResponse {
        var url = address { URL(request.url) }
        var headers = request.headers
        repeat(MOST_REDIRECTS + 1) {
            val connection = open(url, headers)
            val response = answered(connection)
            val to = response.headers["location"]
            if (request.method != "GET" || response.status !in REDIRECTS || to == null) return response
            val next = address { URL(url, to) }
            if (url.protocol == "https" && next.protocol != "https") throw TransportException(Kind.CONNECT)
            url = next
            headers = headers - "authorization"
        }
        throw TransportException(Kind.BROKEN)
    }

    /** Ends what is under way; what waits for it gets an error. */
    fun end() {
        val current = synchronized(this) { connection.also { ended = true } }
        current?.disconnect()
    }

    private fun open(url: URL, headers: Map<String, String>): HttpURLConnection {
        val opened = address { url.openConnection() as HttpURLConnection }
        with(opened) {
            requestMethod = request.method
            instanceFollowRedirects = false
            useCaches = false
            // What would tell of the device and its user, or of a form of the body whose length isn't the answer's.
            for ((name, value) in QUIET + headers) setRequestProperty(name, value)
            connectTimeout = left()
            readTimeout = left()
            if (request.method != "GET") {
                doOutput = true
                // As it is sent while it is written, a connection that breaks isn't tried again behind everybody's back.
                setFixedLengthStreamingMode(request.body.size)
            }
        }
        val gone = synchronized(this) { ended.also { connection = opened } }
        if (gone) throw TransportException(Kind.BROKEN)
        return opened
    }

    private fun answered(connection: HttpURLConnection): HttpResponse {
        var sending = false
        try {
            connection.connect()
            sending = true
            if (connection.doOutput) connection.outputStream.use { it.write(request.body) }
            val status = connection.responseCode
            if (status < 0) throw TransportException(Kind.BROKEN)
            val headers = connection.headerFields.entries.filter { it.key != null }
            val named = headers.associate { (name, values) -> name.lowercase() to values.first() }
            return HttpResponse(status, named, body(connection, status))
        } catch (error: IOException) {
            connection.disconnect()
            throw TransportException(kind(error, sending), error)
        }
    }

    private fun body(connection: HttpURLConnection, status: Int): ByteArray {
        val length = connection.getHeaderField("content-length")?.toLongOrNull() ?: 0
        if (length > request.maxBytes) throw ended(connection, Kind.TOO_LONG)
        val stream = (if (status < FAILURE) connection.inputStream else connection.errorStream) ?: return ByteArray(0)
        val read = ByteArrayOutputStream()
        val piece = ByteArray(PIECE)
        while (true) {
            connection.readTimeout = left()
            val count = stream.read(piece)
            if (count < 0) break
            if (read.size() + count > request.maxBytes) throw ended(connection, Kind.TOO_LONG)
            read.write(piece, 0, count)
        }
        // Not every platform says so.
        if (read.size() < length) throw ended(connection, Kind.BROKEN)
        return read.toByteArray()
    }

    /** Of what is left unread the rest needn't be fetched. */
    private fun ended(connection: HttpURLConnection, kind: Kind): TransportException {
        connection.disconnect()
        return TransportException(kind)
    }

    /** Milliseconds until the time is over. */
    private fun left(): Int {
        val left = (deadline - System.nanoTime()) / 1_000_000
        if (left <= 0) throw TransportException(Kind.TIMEOUT)
        return left.coerceAtMost(Int.MAX_VALUE.toLong()).toInt()
    }

    /** What can't be an address is no connection. */
    private inline fun <T> address(parse: () -> T): T =
        try {
            parse()
        } catch (error: MalformedURLException) {
            throw TransportException(Kind.CONNECT, error)
        } catch (error: ClassCastException) {
            throw TransportException(Kind.CONNECT, error)
        }

    private companion object {
        const val MOST_REDIRECTS = 5
        const val DAY_MILLIS = 86_400_000L
        const val PIECE = 16 shl 10
        const val FAILURE = 400
        val REDIRECTS = setOf(301, 302, 303, 307, 308)
        val QUIET = mapOf("user-agent" to "", "accept" to "*/*", "accept-encoding" to "identity")
    }
}

private fun kind(error: IOException, sending: Boolean): Kind =
    when (error) {
        is SocketTimeoutException -> Kind.TIMEOUT
        is ConnectException, is UnknownHostException, is NoRouteToHostException -> Kind.CONNECT
        is SSLHandshakeException, is SSLPeerUnverifiedException -> Kind.CONNECT
        else -> if (sending) Kind.BROKEN else Kind.CONNECT
    }

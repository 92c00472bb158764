package dunlin

import dunlin.bridge.HttpFailure as BridgeFailure
import dunlin.bridge.HttpHeader as BridgeHeader
import dunlin.bridge.HttpMethod as BridgeMethod
import dunlin.bridge.HttpRequest as BridgeRequest

/**
 * Sends a client's requests: [HttpTransport], or the HTTP that an app has already.
 *
 * It sends what a request says and nothing that tells who asks: no cookies, no cache. Only answers to GET may lead elsewhere, a few times, never from
 * `https` to `http`, and without the header `authorization`.
 */
public fun interface Transport {
    /**
     * Sends a request and gives the whole answer, whatever its status. When the request's time is over, or the client is closed, the coroutine
     * is cancelled.
     *
     * @throws TransportException where there is no answer; whatever else is thrown counts as a connection that broke
     */
    public suspend fun send(request: HttpRequest): HttpResponse
}

/** A request of a client. */
public class HttpRequest(
    /** `GET`, `POST` or `PUT`. */
    public val method: String,
    /** The whole address. */
    public val url: String,
    /** Headers, their names in lower case. */
    public val headers: Map<String, String>,
    /** The body; empty for GET. */
    public val body: ByteArray,
    /** An answer with a longer body is [TransportException.Kind.TOO_LONG], and isn't read to its end. */
    public val maxBytes: Long,
    /** From the beginning to the answer's last byte. */
    public val timeoutMillis: Long,
) {
    /** Method and address; headers may be secrets, a body is its user's. */
    override fun toString(): String = "HttpRequest($method $url)"
}

/** A server's answer, whatever its status. */
public class HttpResponse(
    /** Such as 200. */
    public val status: Int,
    /** Headers, one of each name. */
    public val headers: Map<String, String>,
    /** The body, decoded. */
    public val body: ByteArray,
)

/** There is no answer. */
public class TransportException(
    /** Why. */
    public val kind: Kind,
    cause: Throwable? = null,
) : Exception(kind.name, cause) {
    /** Why there is no answer. */
    public enum class Kind {
        /** No connection, so that no server has seen the request. */
        CONNECT,

        /** The connection broke after the request was sent, or began to be. */
        BROKEN,

        /** The time was over. */
        TIMEOUT,

        /** The answer is longer than asked for. */
        TOO_LONG,
    }
}

internal fun BridgeRequest.translated(): HttpRequest =
    HttpRequest(
        when (method) {
            BridgeMethod.GET -> "GET"
            BridgeMethod.POST -> "POST"
            BridgeMethod.PUT -> "PUT"
        },
        url,
        headers.associate { it.name to it.value },
        body,
        maxBytes.coerceAtMost(Long.MAX_VALUE.toULong()).toLong(),
        timeout.coerceAtMost(Long.MAX_VALUE.toULong()).toLong(),
    )

internal fun HttpResponse.bridgeHeaders(): List<BridgeHeader> = headers.map { (name, value) -> BridgeHeader(name, value) }

internal val TransportException.Kind.bridge: BridgeFailure
    get() =
        when (this) {
            TransportException.Kind.CONNECT -> BridgeFailure.CONNECT
            TransportException.Kind.BROKEN -> BridgeFailure.BROKEN
            TransportException.Kind.TIMEOUT -> BridgeFailure.TIMEOUT
            TransportException.Kind.TOO_LONG -> BridgeFailure.TOO_LONG
        }

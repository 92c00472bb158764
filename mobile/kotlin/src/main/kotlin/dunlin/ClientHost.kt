package dunlin

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.receiveAsFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicLong
import dunlin.bridge.ClientEvent as BridgeEvent
import dunlin.bridge.Conditions as BridgeConditions
import dunlin.bridge.Host as BridgeHost
import dunlin.bridge.HttpRequest as BridgeRequest
import dunlin.bridge.Reply as BridgeReply

/** What a client's thread asks of this platform. Nothing here waits, but for what the app says of its device. */
internal class ClientHost(private val options: ClientOptions, dispatcher: CoroutineDispatcher) : BridgeHost {
    /** What an app hasn't looked at yet; of too many the oldest are gone. */
    val events: Flow<ClientEvent> get() = told.receiveAsFlow()

    private val told = Channel<ClientEvent>(MOST_EVENTS, BufferOverflow.DROP_OLDEST)
    private val requests = CoroutineScope(SupervisorJob() + dispatcher)
    private val numbers = AtomicLong()

    /** Questions whose answers are waited for, by their numbers; and those of them that are asked, by their tickets. */
    private val pending = ConcurrentHashMap<Long, Pending>()
    private val asked = ConcurrentHashMap<String, Pending>()

    /** A question whose answer somebody waits for. */
    class Pending(val number: Long) {
        val cloud = CompletableDeferred<Client.Cloud>()

        @Volatile
        var ticket: String? = null
    }

    override fun send(request: BridgeRequest, reply: BridgeReply) {
        val sent = requests.launch { send(request.translated(), reply) }
        // Whatever becomes of it: one that is given up without an answer has failed.
        sent.invokeOnCompletion { reply.close() }
    }

    override fun conditions(): BridgeConditions = with(options.conditions()) { BridgeConditions(metered, charging) }

    override fun asked(number: ULong, ticket: String) {
        val pending = pending[number.toLong()] ?: return
        pending.ticket = ticket
        asked[ticket] = pending
    }

    override fun happened(event: BridgeEvent) {
        when (event) {
            is BridgeEvent.Answered -> end(event.ticket, Client.Cloud.Answered(event.ticket, event.answer.translated()))
            is BridgeEvent.Local -> with(event) { end(ticket, Client.Cloud.Local(ticket, why.translated(), message, later)) }
            else -> event.translated()?.let { told.trySend(it) }
        }
    }

    /** A question that is about to be asked. */
    fun question(): Pending = Pending(numbers.incrementAndGet()).also { pending[it.number] = it }

    /** Nobody waits for it any more. */
    fun forget(question: Pending) {
        pending.remove(question.number)
        question.ticket?.let { asked.remove(it) }
    }

    /** Gives up all requests and questions, with this error for who waits. */
    fun close(error: DunlinException) {
        requests.cancel()
        pending.values.forEach { it.cloud.completeExceptionally(error) }
        told.close()
    }

    private suspend fun send(request: HttpRequest, reply: BridgeReply) {
        try {
            val response = withTimeoutOrNull(request.timeoutMillis) { options.transport.send(request) }
            if (response == null) return reply.failed(TransportException.Kind.TIMEOUT.bridge)
            if (response.body.size > request.maxBytes) return reply.failed(TransportException.Kind.TOO_LONG.bridge)
            reply.answered(response.status.coerceIn(0, 0xffff).toUShort(), response.bridgeHeaders(), response.body)
        } catch (error: TransportException) {
            reply.failed(error.kind.bridge)
        } catch (error: CancellationException) {
            throw error
        } catch (_: Throwable) {
            // The app's own transport, of which nobody knows how far it came.
            reply.failed(TransportException.Kind.BROKEN.bridge)
        }
    }

    private fun end(ticket: String, cloud: Client.Cloud) {
        asked.remove(ticket)?.cloud?.complete(cloud)
    }

    private companion object {
        const val MOST_EVENTS = 256
    }
}

package dunlin

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.Locale
import kotlin.time.Duration
import dunlin.bridge.Answer as BridgeAnswer
import dunlin.bridge.Client as Bridge
import dunlin.bridge.Question as BridgeQuestion
import dunlin.bridge.Request as BridgeRequest

/**
 * A classifier that keeps itself up to date: it answers at once with what it has, looks for signed releases, tries each, and keeps it or takes
 * it back. Where the model isn't sure it asks the cloud, if the user agreed.
 *
 * ```
 * Client.open(options).use { client ->
 *     val answer = client.classify("See you at seven")
 *     println(answer.classification.best?.label)
 * }
 * ```
 *
 * Any thread and any number of coroutines may call it. What suspends is carried out one call after the other, on a thread of the dispatcher
 * that [open] was given; answers never wait for files or the network. Nothing here blocks the thread that calls.
 *
 * A client holds memory, a thread and its folder, so [close] it. Failures are [DunlinException]s, each with an [ErrorCode].
 */
public class Client private constructor(private val bridge: Bridge, private val host: ClientHost, dispatcher: CoroutineDispatcher) :
    AutoCloseable {
    /**
     * What happens, in order; for one collector, who also gets what happened before. Of more than 256 that nobody looked at the oldest are gone.
     * It ends when the client is closed.
     */
    public val events: Flow<ClientEvent> get() = host.events

    private val freed = CompletableDeferred<Unit>()
    private val turns = Turns(dispatcher, "client") { free(dispatcher) }

    /**
     * Classifies a picture, as [Classifier.classify] does. While a new model is on trial the one before is asked too.
     *
     * @throws DunlinException with [ErrorCode.PICTURE], [ErrorCode.INPUT]
     */
    public suspend fun classify(
        pixels: Pixels,
        topK: Int? = null,
        locale: Locale? = null,
        context: Classifier.Context = Classifier.Context(),
    ): Answer = answer(request(topK, locale, context)) { classify(pixels, it, null) }

    /**
     * Classifies a tensor, as [Classifier.classify] does.
     *
     * @throws DunlinException with [ErrorCode.INPUT]
     */
    public suspend fun classify(
        values: FloatArray,
        topK: Int? = null,
        locale: Locale? = null,
        context: Classifier.Context = Classifier.Context(),
    ): Answer = answer(request(topK, locale, context)) { classify(values, it, null) }

    /**
     * Classifies a text, as [Classifier.classify] does.
     *
     * @throws DunlinException with [ErrorCode.INPUT]
     */
    public suspend fun classify(
        text: String,
        topK: Int? = null,
        locale: Locale? = null,
        context: Classifier.Context = Classifier.Context(),
    ): Answer = answer(request(topK, locale, context)) { classify(text, it, null) }

    /**
     * Classifies a picture, and asks the cloud where the model isn't sure, for no longer than [within]. With nothing of that the local answer
     * stands at once, and the cloud's comes as [ClientEvent.Upgrade]. Of a large picture a small copy is sent.
     *
     * @param review whether a person may look at the question
     * @throws DunlinException with [ErrorCode.PICTURE], [ErrorCode.INPUT]
     */
    public suspend fun ask(
        pixels: Pixels,
        within: Duration,
        review: Boolean = false,
        topK: Int? = null,
        locale: Locale? = null,
        context: Classifier.Context = Classifier.Context(),
    ): Asked = ask(request(topK, locale, context), within, review) { request, question -> classify(pixels, request, question) }

    /**
     * Classifies a tensor, and asks the cloud where the model isn't sure, as for a picture. Of a tensor no more than logits can be sent.
     *
     * @param review whether a person may look at the question
     * @throws DunlinException with [ErrorCode.INPUT]
     */
    public suspend fun ask(
        values: FloatArray,
        within: Duration,
        review: Boolean = false,
        topK: Int? = null,
        locale: Locale? = null,
        context: Classifier.Context = Classifier.Context(),
    ): Asked = ask(request(topK, locale, context), within, review) { request, question -> classify(values, request, question) }

    /**
     * Classifies a text, and asks the cloud where the model isn't sure, as for a picture.
     *
     * @param review whether a person may look at the question
     * @throws DunlinException with [ErrorCode.INPUT]
     */
    public suspend fun ask(
        text: String,
        within: Duration,
        review: Boolean = false,
        topK: Int? = null,
        locale: Locale? = null,
        context: Classifier.Context = Classifier.Context(),
    ): Asked = ask(request(topK, locale, context), within, review) { request, question -> classify(text, request, question) }

    /** The version of the model that answers. */
    public suspend fun version(): Int = turns.call { bridge.version().toInt() }

    /**
     * Whether what was last seen of the repository counts no longer. The model answers on; an app that thinks otherwise says so in the
     * context.
     */
    public suspend fun isStale(): Boolean = turns.call { bridge.isStale() }

    /** The classes' names, as [Classifier.labels], of the model that answers. */
    public suspend fun labels(locale: Locale? = null, head: Int = 0): List<String> {
        require(head >= 0) { "head is $head" }
        return turns.call { bridge.labels(head.toUInt(), locale?.toLanguageTag()) }
    }

    /**
     * The app has the upgrade of a ticket, which won't come again.
     *
     * @throws DunlinException with [ErrorCode.INPUT] for what is no ticket
     */
    public fun done(ticket: String): Unit = turns.now { bridge.done(ticket) }

    /** The user allows more to be sent to the cloud, or less: what waits and needs more than that is removed. */
    public fun setConsent(consent: Consent): Unit = turns.now { bridge.setConsent(consent.translated()) }

    /**
     * The user agreed to summaries, or to none: then what waits to be sent is deleted.
     *
     * @throws DunlinException with [ErrorCode.INPUT] for an epsilon that is no promise
     */
    public fun setSummaries(privacy: Privacy?): Unit = turns.now { bridge.setSummaries(privacy?.translated()) }

    /** Looks for updates now, rather than when it is time. */
    public fun check(): Unit = turns.now { bridge.check() }

    /** Asks for the device's conditions anew, since they changed. */
    public fun conditionsChanged(): Unit = turns.now { bridge.conditionsChanged() }

    /**
     * Ends the client. Calls that have begun finish, but for those that wait for the cloud, which fail with [ErrorCode.DISPOSED] as later ones
     * do; requests under way are cancelled. Closing twice does no harm.
     */
    override fun close() {
        if (turns.close()) host.close(turns.disposed())
    }

    /** Waits until a client that was closed has stored what it must and left its folder, so that another can open it. */
    public suspend fun join(): Unit = freed.await()

    private suspend fun answer(request: BridgeRequest, call: (BridgeRequest) -> BridgeAnswer): Answer =
        turns.call { call(request).translated() }

    private suspend fun ask(
        request: BridgeRequest,
        within: Duration,
        review: Boolean,
        call: (BridgeRequest, BridgeQuestion) -> BridgeAnswer,
    ): Asked {
        val pending = host.question()
        try {
            val question = BridgeQuestion(pending.number.toULong(), within.millis(), review)
            val answer = turns.call { call(request, question).translated() }
            val isSure = answer.classification.decision.outcome !is Decision.Outcome.Fallback
            return Asked(answer, if (isSure) null else pending.cloud.await())
        } finally {
            host.forget(pending)
        }
    }

    private fun classify(pixels: Pixels, request: BridgeRequest, question: BridgeQuestion?): BridgeAnswer =
        pixels.data.lent { data ->
            val (width, height) = pixels.width.toUInt() to pixels.height.toUInt()
            bridge.classifyPixels(data, width, height, pixels.format.bridge, request, question)
        }

    private fun classify(values: FloatArray, request: BridgeRequest, question: BridgeQuestion?): BridgeAnswer =
        values.lent { bridge.classifyValues(it, request, question) }

    private fun classify(text: String, request: BridgeRequest, question: BridgeQuestion?): BridgeAnswer =
        bridge.classifyText(text.wellFormed(), request, question)

    /** What waits for the client's thread, which may be busy with files. */
    private fun free(dispatcher: CoroutineDispatcher) {
        CoroutineScope(dispatcher).launch {
            try {
                bridge.dispose()
                bridge.close()
            } finally {
                freed.complete(Unit)
            }
        }
    }

    /** What a client says of an input. */
    public class Answer(
        /** What the model says. */
        public val classification: Classification,
        /** The version of the model that said so. */
        public val version: Int,
    ) {
        override fun toString(): String = "Answer($classification, version $version)"
    }

    /** What the model says of an input, and the cloud, if it was asked. */
    public class Asked(
        /** What the model says. */
        public val local: Answer,
        /** What became of the question; `null` where the model is sure, so that there was none. */
        public val cloud: Cloud?,
    ) {
        override fun toString(): String = "Asked($local, $cloud)"
    }

    /** What became of a question to the cloud. */
    public sealed interface Cloud {
        /** By which servers know the question. It means the same after a restart. */
        public val ticket: String

        /** The cloud's answer came in time. */
        public data class Answered(override val ticket: String, public val answer: CloudAnswer) : Cloud

        /** The local answer stands. */
        public data class Local(
            override val ticket: String,
            /** Why. */
            public val why: Why,
            /** The same as a sentence, in English. */
            public val message: String,
            /** Whether there may be an upgrade. */
            public val later: Boolean,
        ) : Cloud
    }

    public companion object {
        /**
         * Opens a client, once for a model and folder: what was last good answers at once.
         *
         * @param dispatcher where opening, classifying and sending take their threads
         * @throws DunlinException what [Classifier.load] throws of the model that the app ships; [ErrorCode.FETCH] if the folder can't be used or
         *   another client has it open; [ErrorCode.INPUT] if an option means nothing
         */
        public suspend fun open(options: ClientOptions, dispatcher: CoroutineDispatcher = Dispatchers.Default): Client {
            val translated = options.translated()
            var opened: Client? = null
            try {
                withContext(dispatcher) {
                    translated {
                        val host = ClientHost(options, dispatcher)
                        opened = Client(Bridge.open(translated, host), host, dispatcher)
                    }
                }
                return checkNotNull(opened).also { opened = null }
            } finally {
                // Of a coroutine that was cancelled meanwhile: nobody will close it.
                opened?.close()
            }
        }
    }
}

private fun BridgeAnswer.translated() = Client.Answer(classification.translated(), version.toInt())

package dunlin

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.io.File
import java.nio.ByteBuffer
import java.util.Locale
import dunlin.bridge.Classifier as Bridge
import dunlin.bridge.InputInfo as BridgeInput
import dunlin.bridge.LoadOptions as BridgeOptions
import dunlin.bridge.Request as BridgeRequest
import dunlin.bridge.StepInfo as BridgeStep

/**
 * A loaded classifier.
 *
 * ```
 * Classifier.load(File("model.dunlin")).use { classifier ->
 *     val result = classifier.classify(Pixels(bytes, width, height, Pixels.Format.RGBA8))
 *     println(result.best?.label)
 * }
 * ```
 *
 * Any thread and any number of coroutines may call it; calls are carried out one after the other, on a thread of the dispatcher
 * that [load] was given. A coroutine that is cancelled doesn't get a result: a call that hasn't begun never does, one that has
 * begun is waited for, because native code can't be interrupted.
 *
 * A classifier holds memory that the collector doesn't see, so [close] it. Failures are [DunlinException]s, each with an
 * [ErrorCode].
 */
public class Classifier private constructor(private val bridge: Bridge, dispatcher: CoroutineDispatcher) : AutoCloseable {
    /** The instruction set whose kernels run, such as `avx2` or `neon_dotprod`. */
    public val kernelSet: String get() = unlessClosed(kernels)

    /** What the model takes. */
    public val inputs: List<Input> get() = unlessClosed(tensors)

    private val kernels = bridge.kernelSet()
    private val tensors = bridge.inputs().map { it.translated() }
    private val turns = Turns(dispatcher, "classifier") { bridge.close() }

    /**
     * Classifies a picture: at most [topK] of the most probable classes (as many as the model's policy says without, or 5), named in
     * [locale] if the model has it, in its default one otherwise; and decides what is to be done with it, given the [context].
     *
     * @throws DunlinException with [ErrorCode.PICTURE] if the sizes don't fit the bytes, [ErrorCode.INPUT] if the model takes no
     *   pictures
     */
    public suspend fun classify(
        pixels: Pixels,
        topK: Int? = null,
        locale: Locale? = null,
        context: Context = Context(),
    ): Classification {
        val request = request(topK, locale, context)
        return turns.call {
            pixels.data.lent { data ->
                val (width, height) = pixels.width.toUInt() to pixels.height.toUInt()
                bridge.classifyPixels(data, width, height, pixels.format.bridge, request).translated()
            }
        }
    }

    /**
     * Classifies a tensor: all [values] of the model's only input, in row-major order.
     *
     * @throws DunlinException with [ErrorCode.INPUT] if the model takes something else
     */
    public suspend fun classify(
        values: FloatArray,
        topK: Int? = null,
        locale: Locale? = null,
        context: Context = Context(),
    ): Classification {
        val request = request(topK, locale, context)
        return turns.call { values.lent { bridge.classifyValues(it, request).translated() } }
    }

    /**
     * Classifies a text; of one that is longer than the model reads, the beginning. A surrogate without its other half counts as
     * U+FFFD.
     *
     * @throws DunlinException with [ErrorCode.INPUT] if the model takes no text
     */
    public suspend fun classify(
        text: String,
        topK: Int? = null,
        locale: Locale? = null,
        context: Context = Context(),
    ): Classification {
        val request = request(topK, locale, context)
        return turns.call { bridge.classifyText(text.wellFormed(), request).translated() }
    }

    /**
     * The classes' names in [locale], in the model's default one if it doesn't have it; empty where the model has no names. Of several
     * heads, [head] says which: 0 is the first one, others follow in the order of [Classification.heads].
     */
    public suspend fun labels(locale: Locale? = null, head: Int = 0): List<String> {
        require(head >= 0) { "head is $head" }
        return turns.call { bridge.labels(head.toUInt(), locale?.toLanguageTag()) }
    }

    /** What carries out each step. */
    public suspend fun explain(): List<Step> = turns.call { bridge.explain().map { it.translated() } }

    /**
     * Gives the memory back, once the calls that have begun are done. Calls that come later fail with [ErrorCode.DISPOSED];
     * closing twice does no harm.
     */
    override fun close() {
        turns.close()
    }

    private fun <T> unlessClosed(known: T): T = if (turns.isClosed) throw turns.disposed() else known

    /** What only the app knows of an input, and what a decision follows from beside the model's scores. */
    public data class Context(
        /** To which cohort of the model's policy the input belongs, such as a language or a kind of device. */
        public val cohort: String? = null,
        /** Whether the model is too old to be believed. */
        public val stale: Boolean = false,
        /** Whether there is a cloud to ask. */
        public val fallback: Boolean = false,
    )

    /** A tensor that a model takes. */
    public data class Input(
        /** Dimensions, outermost first. */
        public val shape: List<Int>,
        /** Element type, such as `f32` or `u8`. */
        public val elementType: String,
    )

    /** One step of a loaded model. */
    public data class Step(
        /** The operator's name. */
        public val name: String,
        /** The name of the kernel that does it: operation, tile, instruction set. */
        public val kernel: String,
        /** Dimensions of the result, outermost first. */
        public val shape: List<Int>,
        /** Element type of the result. */
        public val elementType: String,
        /** Bytes that the step reads and writes. */
        public val bytes: Long,
        /** Multiply-accumulate operations; 0 where there is no such work. */
        public val macs: Long,
    )

    public companion object {
        /**
         * Loads an artifact from a file. It is mapped, not read: it must stay as it is while the classifier lives. Replace such
         * files as a whole (write another, then rename it), never in place.
         *
         * @param memoryLimit bytes that the model may take beside its file, for what it computes in; 1 GiB without
         * @param dispatcher where loading and classifying take their thread
         * @throws DunlinException with [ErrorCode.FETCH], [ErrorCode.ARTIFACT], [ErrorCode.VERSION] or [ErrorCode.MEMORY]
         */
        public suspend fun load(
            file: File,
            memoryLimit: Long? = null,
            dispatcher: CoroutineDispatcher = Dispatchers.Default,
        ): Classifier = load(memoryLimit, dispatcher) { Bridge.fromFile(file.path, it) }

        /**
         * Loads an artifact from its bytes, of which it makes a copy: a file of its own, if there can be one, takes less memory.
         *
         * @param memoryLimit bytes that the model may take beside its file, for what it computes in; 1 GiB without
         * @param dispatcher where loading and classifying take their thread
         * @throws DunlinException with [ErrorCode.ARTIFACT], [ErrorCode.VERSION] or [ErrorCode.MEMORY]
         */
        public suspend fun load(
            bytes: ByteArray,
            memoryLimit: Long? = null,
            dispatcher: CoroutineDispatcher = Dispatchers.Default,
        ): Classifier = load(ByteBuffer.wrap(bytes), memoryLimit, dispatcher)

        /**
         * Loads an artifact from the bytes between a buffer's position and its limit, such as a mapped asset; makes a copy of them.
         *
         * @param memoryLimit bytes that the model may take beside its file, for what it computes in; 1 GiB without
         * @param dispatcher where loading and classifying take their thread
         * @throws DunlinException with [ErrorCode.ARTIFACT], [ErrorCode.VERSION] or [ErrorCode.MEMORY]
         */
        public suspend fun load(
            bytes: ByteBuffer,
            memoryLimit: Long? = null,
            dispatcher: CoroutineDispatcher = Dispatchers.Default,
        ): Classifier = load(memoryLimit, dispatcher) { options -> bytes.lent { Bridge.fromBytes(it, options) } }

        private suspend inline fun load(
            memoryLimit: Long?,
            dispatcher: CoroutineDispatcher,
            crossinline open: (BridgeOptions) -> Bridge,
        ): Classifier {
            require(memoryLimit == null || memoryLimit >= 0) { "memoryLimit is $memoryLimit" }
            var loaded: Classifier? = null
            try {
                withContext(dispatcher) {
                    translated { loaded = Classifier(open(BridgeOptions(memoryLimit?.toULong())), dispatcher) }
                }
                return checkNotNull(loaded).also { loaded = null }
            } finally {
                // Of a coroutine that was cancelled meanwhile: nobody will close it.
                loaded?.close()
            }
        }
    }
}

internal fun request(topK: Int?, locale: Locale?, context: Classifier.Context): BridgeRequest {
    require(topK == null || topK >= 0) { "topK is $topK" }
    return BridgeRequest(topK?.toUInt(), locale?.toLanguageTag(), context.cohort?.wellFormed(), context.stale, context.fallback)
}

private fun BridgeInput.translated() = Classifier.Input(shape.map { it.toInt() }, elementType)

private fun BridgeStep.translated() =
    Classifier.Step(name, kernel, shape.map { it.toInt() }, elementType, bytes.toLong(), macs.toLong())

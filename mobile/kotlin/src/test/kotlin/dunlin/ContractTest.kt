package dunlin

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.GlobalScope
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.File
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CyclicBarrier
import kotlin.concurrent.thread
import kotlin.coroutines.CoroutineContext

/** Threads, cancellation, closing, memory. */
@OptIn(DelicateCoroutinesApi::class)
class ContractTest {
    private val case = Vectors.case("just_the_size")
    private val pixels = case["picture"].pixels()
    private val logits = case["expected"]["logits"].floats().bits()

    @Test
    fun `many threads get their own results at once`() {
        val cases = listOf("just_the_size", "chelsea_rgba8", "horse_rgb8", "one_pixel", "very_wide").map(Vectors::case)
        val failures = ConcurrentLinkedQueue<String>()
        val classifier = runBlocking { Classifier.load(shipped) }
        val barrier = CyclicBarrier(THREADS)
        val threads =
            List(THREADS) { t ->
                thread {
                    val mine = cases[t % cases.size]
                    barrier.await()
                    repeat(ROUNDS) {
                        val found = runCatching { runBlocking { mine.classify(classifier) }.logits.bits() }
                        if (found.getOrNull() != mine["expected"]["logits"].floats().bits()) failures += "$mine: $found"
                    }
                }
            }
        threads.forEach { it.join() }
        classifier.close()
        assertTrue(failures.isEmpty(), failures.joinToString("\n"))
    }

    @Test
    fun `many coroutines get their results`() = runBlocking {
        Classifier.load(shipped).use { classifier ->
            val found = coroutineScope { List(200) { async(Dispatchers.IO) { classifier.classify(pixels).logits.bits() } }.awaitAll() }
            assertTrue(found.all { it == logits })
        }
    }

    @Test
    fun `a call that is cancelled before its turn never begins`() {
        val turns = Manual()
        val classifier = turns.load()
        // Its bytes are those of no picture: it would fail if it began.
        val call = GlobalScope.async(Dispatchers.Unconfined) { classifier.classify(Pixels(ByteArray(1), 32, 32, Pixels.Format.RGB8)) }
        call.cancel()
        turns.run()
        assertThrows<CancellationException> { runBlocking { call.await() } }
        assertStillWorks(classifier, turns)
    }

    @Test
    fun `a call that is cancelled while it runs gives no result`() {
        val (caller, turns) = Manual() to Manual()
        val classifier = turns.load()
        val call = GlobalScope.async(caller) { classifier.classify(pixels) }
        caller.run()
        turns.run()
        // The native call is over, the result on its way.
        call.cancel()
        caller.run()
        assertThrows<CancellationException> { runBlocking { call.await() } }
        assertStillWorks(classifier, turns)
    }

    @Test
    fun `cancelling at any moment leaves a classifier that works`() = runBlocking {
        Classifier.load(shipped).use { classifier ->
            repeat(ROUNDS) {
                val calls = List(8) { async(Dispatchers.Default) { classifier.classify(pixels).logits.bits() } }
                val half = calls.filterIndexed { i, _ -> i % 2 == 0 }
                half.forEach { it.cancel() }
                assertTrue((calls - half.toSet()).awaitAll().all { it == logits })
                half.forEach { call -> assertTrue(call.outcome().fold({ it == logits }, { it is CancellationException })) }
            }
        }
    }

    @Test
    fun `closing lets calls that have begun finish`() {
        val turns = Manual()
        val classifier = turns.load()
        val calls = List(3) { GlobalScope.async(Dispatchers.Unconfined) { classifier.classify(pixels).logits.bits() } }
        classifier.close()
        assertEquals(ErrorCode.DISPOSED, assertThrows<DunlinException> { runBlocking { classifier.classify(pixels) } }.code)
        assertFalse(calls.any { it.isCompleted })
        turns.run()
        runBlocking { assertTrue(calls.awaitAll().all { it == logits }) }
    }

    @Test
    fun `closing at any moment gives results or the error that says so`() = runBlocking {
        repeat(ROUNDS) {
            val classifier = Classifier.load(shipped)
            val calls = List(8) { GlobalScope.async(Dispatchers.Default) { classifier.classify(pixels).logits.bits() } }
            val closers = List(2) { async(Dispatchers.Default) { classifier.close() } }
            closers.awaitAll()
            for (call in calls) {
                val fine = call.outcome().fold({ it == logits }, { (it as? DunlinException)?.code == ErrorCode.DISPOSED })
                assertTrue(fine, call.outcome().toString())
            }
        }
    }

    @Test
    fun `a closed classifier says so, whatever it is asked`() = runBlocking {
        val classifier = Classifier.load(shipped)
        repeat(2) { classifier.close() }
        val calls =
            listOf<suspend () -> Any>(
                { classifier.classify(pixels) },
                { classifier.classify(FloatArray(1)) },
                { classifier.labels() },
                { classifier.inputs },
                { classifier.kernelSet },
                { classifier.explain() },
            )
        for (call in calls) {
            assertEquals(ErrorCode.DISPOSED, assertThrows<DunlinException> { runBlocking { call() } }.code)
        }
    }

    @Test
    fun `ten thousand classifiers leave nothing behind`() = runBlocking {
        val bytes = shipped.readBytes()
        assertNoGrowth(10_000) { round ->
            val loaded = if (round % 2 == 0) Classifier.load(bytes) else Classifier.load(shipped)
            loaded.use { if (round % 10 == 0) it.classify(pixels) }
        }
    }

    @Test
    fun `what fails to load leaves nothing behind`() {
        val cut = shipped.readBytes().let { it.copyOf(it.size - 1) }
        assertNoGrowth(10_000) { assertThrows<DunlinException> { runBlocking { Classifier.load(cut) } } }
    }

    @Test
    fun `a classifier whose caller was cancelled meanwhile is closed`() {
        val (caller, turns) = Manual() to Manual()
        val bytes = shipped.readBytes()
        assertNoGrowth(3_000) {
            val call = GlobalScope.async(caller) { Classifier.load(bytes, dispatcher = turns) }
            caller.run()
            turns.run()
            call.cancel()
            caller.run()
            assertTrue(call.isCancelled)
        }
    }

    @Test
    fun `a file that is cut off anywhere is an error`() {
        val bytes = shipped.readBytes()
        val file = File.createTempFile("cut", ".dunlin").apply { deleteOnExit() }
        for (length in (0 until 7_000 step 61) + (7_000 until bytes.size step 9_973)) {
            file.writeBytes(bytes.copyOf(length))
            val error = assertThrows<DunlinException>("$length bytes") { runBlocking { Classifier.load(file) } }
            assertEquals(ErrorCode.ARTIFACT, error.code, "$length bytes")
        }
    }

    @Test
    fun `arguments that mean nothing are the caller's mistake`() {
        assertThrows<IllegalArgumentException> { runBlocking { Classifier.load(shipped, memoryLimit = -1) } }
        runBlocking { Classifier.load(shipped) }.use { classifier ->
            assertThrows<IllegalArgumentException> { runBlocking { classifier.classify(pixels, topK = -1) } }
            val negative = Pixels(ByteArray(4), -1, -1, Pixels.Format.RGBA8)
            assertEquals(ErrorCode.PICTURE, assertThrows<DunlinException> { runBlocking { classifier.classify(negative) } }.code)
        }
    }

    private fun assertStillWorks(classifier: Classifier, turns: Manual) {
        val call = GlobalScope.async(Dispatchers.Unconfined) { classifier.classify(pixels).logits.bits() }
        turns.run()
        assertEquals(logits, runBlocking { call.await() })
        classifier.close()
    }

    private suspend fun <T> Deferred<T>.outcome(): Result<T> = runCatching { await() }

    /** Memory of this process after many rounds is about what it was after some: one leak a round would be a hundred times the slack. */
    private inline fun assertNoGrowth(rounds: Int, round: (Int) -> Unit) {
        repeat(rounds / 5) { round(it) }
        val before = residentMegabytes()
        repeat(rounds) { round(it) }
        val grown = residentMegabytes() - before
        assertTrue(grown < 32, "$grown MB more after $rounds rounds")
    }

    private fun residentMegabytes(): Long {
        val line = File("/proc/self/status").readLines().single { it.startsWith("VmRSS:") }
        return line.filter { it.isDigit() }.toLong() / 1024
    }

    private companion object {
        const val THREADS = 8
        const val ROUNDS = 100
    }
}

/** A dispatcher that runs nothing until it is told to. */
private class Manual : CoroutineDispatcher() {
    private val waiting = ConcurrentLinkedQueue<Runnable>()

    override fun dispatch(context: CoroutineContext, block: Runnable) {
        waiting += block
    }

    /** Runs what waits, and what comes of it. */
    fun run() = generateSequence { waiting.poll() }.forEach { it.run() }

    @OptIn(DelicateCoroutinesApi::class)
    fun load(): Classifier {
        val loading = GlobalScope.async(Dispatchers.Unconfined) { Classifier.load(shipped, dispatcher = this@Manual) }
        run()
        return runBlocking { loading.await() }
    }
}

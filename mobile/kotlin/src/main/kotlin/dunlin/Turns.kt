package dunlin

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.withContext
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicInteger

/**
 * Calls of native code, one after the other on a thread of a dispatcher. What they use is freed when it was closed and the calls are done
 * that had begun.
 */
internal class Turns(val dispatcher: CoroutineDispatcher, private val what: String, private val free: () -> Unit) {
    val isClosed: Boolean get() = closed.get()

    private val one = dispatcher.limitedParallelism(1)
    private val closed = AtomicBoolean()

    /** Calls that have begun, and one until it is closed. Whoever takes it to zero frees. */
    private val users = AtomicInteger(1)

    /** Calls native code when it is this call's turn. */
    suspend inline fun <T> call(crossinline block: () -> T): T {
        enter()
        try {
            return withContext(one) { translated { block() } }
        } finally {
            leave()
        }
    }

    /** Calls native code at once, which doesn't block. */
    inline fun <T> now(block: () -> T): T {
        enter()
        try {
            return translated(block)
        } finally {
            leave()
        }
    }

    /** Refuses later calls. False if it was closed before. */
    fun close(): Boolean {
        val first = closed.compareAndSet(false, true)
        if (first) leave()
        return first
    }

    fun disposed(): DunlinException = DunlinException(ErrorCode.DISPOSED, "the $what was closed before")

    fun enter() {
        do {
            val count = users.get()
            if (closed.get()) throw disposed()
        } while (!users.compareAndSet(count, count + 1))
    }

    fun leave() {
        if (users.decrementAndGet() == 0) free()
    }
}

package dunlin

import com.sun.jna.Memory
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Calls with the bytes where native code can read them. */
internal inline fun <T> ByteBuffer.lent(call: (ByteBuffer) -> T): T =
    if (isDirect) {
        val bytes = slice()
        val result = call(bytes)
        // Looked at after the call, so that the collector can't free the memory during it: a limit may change, so it must be read.
        check(bytes.limit() >= 0)
        result
    } else {
        lend(remaining().toLong()) { copy -> call(copy.also { it.duplicate().put(duplicate()) }) }
    }

/** Calls with the values as little-endian bytes. */
internal inline fun <T> FloatArray.lent(call: (ByteBuffer) -> T): T =
    lend(size.toLong() * Float.SIZE_BYTES) { bytes ->
        bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(this)
        call(bytes)
    }

/** Calls with memory that is given back at once: a direct buffer would wait for the collector, which doesn't see its size. */
private inline fun <T> lend(size: Long, call: (ByteBuffer) -> T): T =
    if (size == 0L) call(ByteBuffer.allocateDirect(0)) else Memory(size).use { call(it.getByteBuffer(0, size)) }

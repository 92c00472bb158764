package dunlin

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.nio.ByteBuffer

class PixelsTest {
    /** 1 2 3 over 4 5 6, in rows of 5 bytes; the last has no padding. */
    private val rows: ByteBuffer = ByteBuffer.wrap(byteArrayOf(9, 1, 2, 3, 0, 0, 4, 5, 6)).apply { position(1) }

    private fun turned(degrees: Int) = Pixels.fromRows(rows, 3, 2, 5, Pixels.Format.GRAY8, degrees)

    @Test
    fun `rows lose their padding and are turned clockwise`() {
        val expected =
            mapOf(
                0 to listOf(3, 2, 1, 2, 3, 4, 5, 6),
                90 to listOf(2, 3, 4, 1, 5, 2, 6, 3),
                180 to listOf(3, 2, 6, 5, 4, 3, 2, 1),
                270 to listOf(2, 3, 3, 6, 2, 5, 1, 4),
            )
        for ((degrees, picture) in expected) {
            for (same in listOf(degrees, degrees + 360, degrees - 360)) {
                val pixels = turned(same)
                val bytes = ByteArray(6).also { pixels.data.duplicate().get(it) }
                assertEquals(picture, listOf(pixels.width, pixels.height) + bytes.map { it.toInt() }, "$same degrees")
            }
        }
    }

    @Test
    fun `pixels of several bytes stay whole`() {
        val rgb = ByteBuffer.wrap(byteArrayOf(1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12))
        val pixels = Pixels.fromRows(rgb, 2, 2, 7, Pixels.Format.RGB8, 90)
        val bytes = ByteArray(12).also { pixels.data.get(it) }
        assertEquals(listOf(7, 8, 9, 1, 2, 3, 10, 11, 12, 4, 5, 6), bytes.map { it.toInt() })
    }

    @Test
    fun `what is no picture is an error`() {
        val wrong =
            listOf<() -> Pixels>(
                { Pixels.fromRows(rows, 3, 3, 5, Pixels.Format.GRAY8) },
                { Pixels.fromRows(rows, 4, 2, 3, Pixels.Format.GRAY8) },
                { Pixels.fromRows(rows, 0, 2, 5, Pixels.Format.GRAY8) },
                { Pixels.fromRows(rows, 3, -1, 5, Pixels.Format.GRAY8) },
                { Pixels.fromRows(rows, Int.MAX_VALUE, Int.MAX_VALUE, Int.MAX_VALUE, Pixels.Format.GRAY8) },
            )
        for (call in wrong) assertEquals(ErrorCode.PICTURE, assertThrows<DunlinException> { call() }.code)
        assertThrows<IllegalArgumentException> { turned(45) }
    }

    @Test
    fun `says nothing of what is to be seen`() {
        assertEquals("Pixels(3x2 GRAY8)", turned(0).toString())
    }
}

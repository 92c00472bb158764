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
    fun `a camera's planes become colours`() {
        // Columns: red, its neighbour darker, blue; colour for each two of them. A row of padding lies between the two colours of a sample.
        val y = Plane(plane(76, 60, 29, 0, 76, 60, 29), rowStride = 4, pixelStride = 1)
        val u = Plane(plane(85, 0, 255), rowStride = 4, pixelStride = 2)
        val v = Plane(plane(255, 0, 107), rowStride = 4, pixelStride = 2)
        val pixels = Pixels.fromYuv420(y, u, v, 3, 2)
        val line = listOf(254, 0, 0, 238, 0, 0, 0, 0, 254)
        assertEquals("Pixels(3x2 RGB8)", pixels.toString())
        assertEquals(line + line, pixels.data.array().map { it.toInt() and 0xff })
        val turned = Pixels.fromYuv420(y, u, v, 3, 2, rotationDegrees = 90)
        assertEquals("Pixels(2x3 RGB8)", turned.toString())
        assertEquals(listOf(254, 0, 0, 254, 0, 0, 238), turned.data.array().take(7).map { it.toInt() and 0xff })
    }

    @Test
    fun `planes that are too short are an error`() {
        val (full, half) = Plane(plane(*IntArray(16)), 4, 1) to Plane(plane(*IntArray(4)), 2, 1)
        Pixels.fromYuv420(full, half, half, 4, 4)
        val wrong =
            listOf<() -> Pixels>(
                { Pixels.fromYuv420(half, half, half, 4, 4) },
                { Pixels.fromYuv420(full, Plane(plane(1, 2, 3), 2, 1), half, 4, 4) },
                { Pixels.fromYuv420(full, half, Plane(plane(1, 2, 3, 4), 2, 2), 4, 4) },
                { Pixels.fromYuv420(full, half, Plane(plane(1, 2, 3, 4), -2, 1), 4, 4) },
                { Pixels.fromYuv420(full, half, half, 0, 4) },
                { Pixels.fromYuv420(full, half, half, Int.MAX_VALUE, Int.MAX_VALUE) },
            )
        for (call in wrong) assertEquals(ErrorCode.PICTURE, assertThrows<DunlinException> { call() }.code)
    }

    private fun plane(vararg samples: Int) = ByteBuffer.wrap(ByteArray(samples.size) { samples[it].toByte() })

    @Test
    fun `says nothing of what is to be seen`() {
        assertEquals("Pixels(3x2 GRAY8)", turned(0).toString())
    }
}

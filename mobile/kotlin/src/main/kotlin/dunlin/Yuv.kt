package dunlin

import java.nio.ByteBuffer

/** One plane of a camera's image: a sample at `y * rowStride + x * pixelStride` from the buffer's position. */
public class Plane(public val data: ByteBuffer, public val rowStride: Int, public val pixelStride: Int)

/**
 * A picture from the three planes that cameras give (`YUV_420_888`): luminance, and two of colour of half the width and height, rounded
 * up. Samples are those of JFIF: BT.601 with the full range of a byte, as Android's cameras have it. [rotationDegrees], a multiple of
 * 90, is how far to turn clockwise until the picture is upright; [width] and [height] are what they are before. The pixels are copied.
 *
 * @throws DunlinException with [ErrorCode.PICTURE] if a plane is too short for the sizes
 * @throws IllegalArgumentException if [rotationDegrees] is no multiple of 90
 */
public fun Pixels.Companion.fromYuv420(y: Plane, u: Plane, v: Plane, width: Int, height: Int, rotationDegrees: Int = 0): Pixels {
    val rgb = Pixels.Format.RGB8
    if (width <= 0 || height <= 0 || width.toLong() * height * rgb.bytes > Int.MAX_VALUE) {
        throw DunlinException(ErrorCode.PICTURE, "there is no picture of $width x $height")
    }
    val (columns, rows) = (width + 1) / 2 to (height + 1) / 2
    val (luma, blue, red) = Triple(Samples(y, width, height), Samples(u, columns, rows), Samples(v, columns, rows))
    val bytes = ByteArray(width * height * rgb.bytes)
    var at = 0
    for (row in 0 until height) {
        for (column in 0 until width) {
            val light = (luma.at(column, row) shl FRACTION) + HALF
            val (b, r) = blue.at(column / 2, row / 2) - GREY to red.at(column / 2, row / 2) - GREY
            bytes[at++] = byte(light + RED_OF_RED * r)
            bytes[at++] = byte(light - GREEN_OF_BLUE * b - GREEN_OF_RED * r)
            bytes[at++] = byte(light + BLUE_OF_BLUE * b)
        }
    }
    return Pixels.fromRows(ByteBuffer.wrap(bytes), width, height, width * rgb.bytes, rgb, rotationDegrees)
}

/** A plane that has as many samples as it must. */
private class Samples(private val plane: Plane, columns: Int, rows: Int) {
    private val data = plane.data.slice()

    init {
        val last = (rows - 1L) * plane.rowStride + (columns - 1L) * plane.pixelStride
        if (plane.rowStride < 0 || plane.pixelStride < 1 || last >= data.remaining()) {
            throw DunlinException(ErrorCode.PICTURE, "a plane of ${data.remaining()} bytes hasn't $columns x $rows samples")
        }
    }

    fun at(column: Int, row: Int): Int = data.get(row * plane.rowStride + column * plane.pixelStride).toInt() and 0xff
}

private fun byte(fixed: Int): Byte = (fixed shr FRACTION).coerceIn(0, 255).toByte()

/** Colour that isn't there. */
private const val GREY = 128

// BT.601 in 16-bit fixed point: 1.402, 0.344136, 0.714136, 1.772.
private const val FRACTION = 16
private const val HALF = 1 shl (FRACTION - 1)
private const val RED_OF_RED = 91881
private const val GREEN_OF_BLUE = 22554
private const val GREEN_OF_RED = 46802
private const val BLUE_OF_BLUE = 116130

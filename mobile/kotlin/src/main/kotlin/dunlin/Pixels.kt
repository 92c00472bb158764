package dunlin

import java.nio.ByteBuffer
import dunlin.bridge.PixelFormat as BridgeFormat

/**
 * A picture: rows from top to bottom without padding, upright.
 *
 * [data] has exactly `width * height` pixels of [format], from its position to its limit. It is read while the picture is
 * classified, so don't write to it then. A direct buffer is read where it lies, others are copied.
 */
public class Pixels(
    public val data: ByteBuffer,
    public val width: Int,
    public val height: Int,
    public val format: Format,
) {
    /** A picture whose pixels lie in an array. */
    public constructor(data: ByteArray, width: Int, height: Int, format: Format) :
        this(ByteBuffer.wrap(data), width, height, format)

    /** What the bytes of a picture mean. */
    public enum class Format(
        /** Bytes of one pixel. */
        public val bytes: Int,
        internal val bridge: BridgeFormat,
    ) {
        /** One byte of luminance for each pixel. */
        GRAY8(1, BridgeFormat.GRAY8),

        /** Red, green, blue. */
        RGB8(3, BridgeFormat.RGB8),

        /** Red, green, blue, alpha; colours as they stand, not premultiplied. Alpha is dropped. */
        RGBA8(4, BridgeFormat.RGBA8),
    }

    override fun toString(): String = "Pixels(${width}x$height $format)"

    public companion object {
        /**
         * A picture from rows that have padding, [rowStride] bytes from one to the next, and that may have to be turned: cameras
         * give both. [rotationDegrees], a multiple of 90, is how far to turn clockwise until the picture is upright; [width]
         * and [height] are what they are before. The pixels are copied.
         *
         * @throws DunlinException with [ErrorCode.PICTURE] if [rows] is too short for the sizes
         * @throws IllegalArgumentException if [rotationDegrees] is no multiple of 90
         */
        public fun fromRows(
            rows: ByteBuffer,
            width: Int,
            height: Int,
            rowStride: Int,
            format: Format,
            rotationDegrees: Int = 0,
        ): Pixels {
            require(rotationDegrees % QUARTER == 0) { "a picture can be turned by quarters, not by $rotationDegrees degrees" }
            return Rows(rows, width, height, rowStride, format).upright(Math.floorMod(rotationDegrees / QUARTER, QUARTERS))
        }
    }
}

private const val QUARTER = 90
private const val QUARTERS = 4

/** A picture as a camera gives it. */
private class Rows(
    rows: ByteBuffer,
    private val width: Int,
    private val height: Int,
    private val stride: Int,
    private val format: Pixels.Format,
) {
    private val source = rows.slice()
    private val size = format.bytes

    init {
        val enough =
            width > 0 && height > 0 && stride >= width.toLong() * size &&
                source.remaining() >= (height - 1L) * stride + width.toLong() * size &&
                width.toLong() * height * size <= Int.MAX_VALUE
        if (!enough) {
            val found = source.remaining()
            throw DunlinException(ErrorCode.PICTURE, "$found bytes are not $width x $height pixels in rows of $stride bytes")
        }
    }

    /** Turned clockwise by quarters. */
    fun upright(quarters: Int): Pixels {
        val turned = ByteArray(width * height * size)
        if (quarters == 0) {
            copyRows(turned)
        } else {
            turn(turned, quarters)
        }
        val lies = quarters % 2 == 1
        return Pixels(turned, if (lies) height else width, if (lies) width else height, format)
    }

    private fun copyRows(target: ByteArray) {
        val line = ByteArray(width * size)
        for (y in 0 until height) {
            val from = source.duplicate()
            (from as java.nio.Buffer).position(y * stride)
            from.get(line)
            line.copyInto(target, y * line.size)
        }
    }

    /** Where pixel (x, y) goes is linear in both: the first one's place, and what a column and a row further add to it. */
    private fun turn(target: ByteArray, quarters: Int) {
        val (first, column, row) =
            when (quarters) {
                1 -> Triple(height - 1, height, -1)
                2 -> Triple(width * height - 1, -1, -width)
                else -> Triple((width - 1) * height, -height, 1)
            }
        for (y in 0 until height) {
            for (x in 0 until width) {
                val to = (first + x * column + y * row) * size
                val from = y * stride + x * size
                for (byte in 0 until size) target[to + byte] = source.get(from + byte)
            }
        }
    }
}

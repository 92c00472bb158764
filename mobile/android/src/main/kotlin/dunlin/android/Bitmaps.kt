package dunlin.android

import android.graphics.Bitmap
import dunlin.Classification
import dunlin.Classifier
import dunlin.DunlinException
import dunlin.ErrorCode
import dunlin.Pixels
import java.nio.ByteBuffer
import java.util.Locale

/**
 * Classifies a bitmap; see [Classifier.classify]. It must be upright: [android.graphics.BitmapFactory] doesn't turn pictures as
 * their EXIF data says, `ImageDecoder` does.
 */
public suspend fun Classifier.classify(
    bitmap: Bitmap,
    topK: Int? = null,
    locale: Locale? = null,
    context: Classifier.Context = Classifier.Context(),
): Classification = classify(bitmap.toPixels(), topK, locale, context)

/**
 * The pixels of a bitmap of any configuration, copied; colours as they were before alpha was multiplied in.
 *
 * @throws DunlinException with [ErrorCode.PICTURE] if the bitmap is recycled or too large, [ErrorCode.MEMORY] if there is no
 *   memory for the copy
 */
public fun Bitmap.toPixels(): Pixels {
    if (isRecycled) throw DunlinException(ErrorCode.PICTURE, "the bitmap is recycled")
    if (width.toLong() * height * BYTES > Int.MAX_VALUE) {
        throw DunlinException(ErrorCode.PICTURE, "a bitmap of $width x $height is too large; decode it at a smaller size")
    }
    try {
        // Bitmaps in graphics memory and those of other configurations can't be read as they are.
        val plain = if (config == Bitmap.Config.ARGB_8888) this else copy(Bitmap.Config.ARGB_8888, false)
        plain ?: throw DunlinException(ErrorCode.MEMORY, "there is no memory left for a copy of the bitmap")
        val dense = plain.rowBytes == plain.width * BYTES
        return Pixels(if (dense && !plain.hasAlpha()) plain.bytes() else plain.colours(), width, height, Pixels.Format.RGBA8)
    } catch (error: OutOfMemoryError) {
        throw DunlinException(ErrorCode.MEMORY, "there is no memory left for a copy of the bitmap", error)
    }
}

/** What lies in memory: red, green, blue, alpha, with alpha multiplied in. */
private fun Bitmap.bytes(): ByteBuffer =
    ByteBuffer.allocateDirect(byteCount).also {
        copyPixelsToBuffer(it)
        (it as java.nio.Buffer).rewind()
    }

/** Colours that the system has divided by alpha again. */
private fun Bitmap.colours(): ByteBuffer {
    val bytes = ByteArray(width * height * BYTES)
    val line = IntArray(width)
    var at = 0
    for (y in 0 until height) {
        getPixels(line, 0, width, 0, y, width, 1)
        for (argb in line) {
            bytes[at++] = (argb shr 16).toByte()
            bytes[at++] = (argb shr 8).toByte()
            bytes[at++] = argb.toByte()
            bytes[at++] = (argb ushr 24).toByte()
        }
    }
    return ByteBuffer.wrap(bytes)
}

private const val BYTES = 4

package dunlin.android

import android.graphics.PixelFormat
import android.media.Image
import dunlin.DunlinException
import dunlin.ErrorCode
import dunlin.Pixels

/**
 * The pixels of an image in the format RGBA_8888, such as an `ImageReader` of [PixelFormat.RGBA_8888] gives; copied, so the image
 * can be closed. [rotationDegrees] is how far to turn it clockwise until it is upright.
 *
 * @throws DunlinException with [ErrorCode.PICTURE] if the image is of another format
 */
public fun Image.toPixels(rotationDegrees: Int = 0): Pixels {
    val plane = planes.singleOrNull()
    if (format != PixelFormat.RGBA_8888 || plane == null || plane.pixelStride != Pixels.Format.RGBA8.bytes) {
        throw DunlinException(ErrorCode.PICTURE, "an image of format $format isn't RGBA_8888; ask the camera or the reader for that")
    }
    return Pixels.fromRows(plane.buffer, width, height, plane.rowStride, Pixels.Format.RGBA8, rotationDegrees)
}

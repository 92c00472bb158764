package dunlin.android

import android.graphics.ImageFormat
import android.graphics.PixelFormat
import android.media.Image
import dunlin.DunlinException
import dunlin.ErrorCode
import dunlin.Pixels
import dunlin.Plane
import dunlin.fromYuv420

/**
 * The pixels of a camera's image in the format YUV_420_888 or RGBA_8888; copied, so the image can be closed. [rotationDegrees] is how far
 * to turn it clockwise until it is upright.
 *
 * @throws DunlinException with [ErrorCode.PICTURE] if the image is of another format
 */
public fun Image.toPixels(rotationDegrees: Int = 0): Pixels =
    Pixels.fromPlanes(planes.map { Plane(it.buffer, it.rowStride, it.pixelStride) }, format, width, height, rotationDegrees)

/**
 * The pixels of a camera's image, whatever class it comes in. [format] is YUV_420_888 or RGBA_8888.
 *
 * @throws DunlinException with [ErrorCode.PICTURE] if it is another, or a plane is too short for the sizes
 */
public fun Pixels.Companion.fromPlanes(planes: List<Plane>, format: Int, width: Int, height: Int, rotationDegrees: Int = 0): Pixels {
    val first = planes.firstOrNull()
    return when {
        format == ImageFormat.YUV_420_888 && planes.size == 3 ->
            fromYuv420(planes[0], planes[1], planes[2], width, height, rotationDegrees)
        format == PixelFormat.RGBA_8888 && first?.pixelStride == Pixels.Format.RGBA8.bytes ->
            fromRows(first.data, width, height, first.rowStride, Pixels.Format.RGBA8, rotationDegrees)
        else -> throw DunlinException(ErrorCode.PICTURE, "an image of format $format is neither YUV_420_888 nor RGBA_8888")
    }
}

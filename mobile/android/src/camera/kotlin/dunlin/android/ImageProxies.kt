package dunlin.android

import android.graphics.PixelFormat
import androidx.camera.core.ImageProxy
import dunlin.Classification
import dunlin.Classifier
import dunlin.DunlinException
import dunlin.ErrorCode
import dunlin.Pixels
import java.util.Locale

/**
 * Classifies what CameraX's `ImageAnalysis` sees, turned upright; see [Classifier.classify]. The analysis must have been built with
 * `setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)`. Close the image yourself.
 */
public suspend fun Classifier.classify(image: ImageProxy, topK: Int = 5, locale: Locale? = null): Classification =
    classify(image.toPixels(), topK, locale)

/**
 * The pixels of an image in the format RGBA_8888, upright; copied, so the image can be closed.
 *
 * @throws DunlinException with [ErrorCode.PICTURE] if the image is of another format
 */
public fun ImageProxy.toPixels(): Pixels {
    val plane = planes.singleOrNull()
    if (format != PixelFormat.RGBA_8888 || plane == null || plane.pixelStride != Pixels.Format.RGBA8.bytes) {
        throw DunlinException(ErrorCode.PICTURE, "an image of format $format isn't RGBA_8888; ask ImageAnalysis for that")
    }
    return Pixels.fromRows(plane.buffer, width, height, plane.rowStride, Pixels.Format.RGBA8, imageInfo.rotationDegrees)
}

package dunlin.android

import androidx.camera.core.ImageProxy
import dunlin.Classification
import dunlin.Classifier
import dunlin.DunlinException
import dunlin.ErrorCode
import dunlin.Pixels
import dunlin.Plane
import java.util.Locale

/**
 * Classifies what CameraX's `ImageAnalysis` sees, turned upright; see [Classifier.classify]. Close the image yourself. Analyses with
 * `setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)` leave less to compute here.
 */
public suspend fun Classifier.classify(
    image: ImageProxy,
    topK: Int? = null,
    locale: Locale? = null,
    context: Classifier.Context = Classifier.Context(),
): Classification = classify(image.toPixels(), topK, locale, context)

/**
 * The pixels of an image in the format YUV_420_888 or RGBA_8888, upright; copied, so the image can be closed.
 *
 * @throws DunlinException with [ErrorCode.PICTURE] if the image is of another format
 */
public fun ImageProxy.toPixels(): Pixels {
    val planes = planes.map { Plane(it.buffer, it.rowStride, it.pixelStride) }
    return Pixels.fromPlanes(planes, format, width, height, imageInfo.rotationDegrees)
}

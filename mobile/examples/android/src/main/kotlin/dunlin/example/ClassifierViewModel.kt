package dunlin.example

import android.app.Application
import android.graphics.Bitmap
import android.graphics.ImageDecoder
import android.net.Uri
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.viewModelScope
import dunlin.Classification
import dunlin.Classifier
import dunlin.DunlinException
import dunlin.android.toPixels
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.io.FileInputStream
import java.io.IOException
import java.nio.channels.FileChannel
import java.util.Locale
import kotlin.time.Duration
import kotlin.time.measureTimedValue

/** A picture, and what the classifier says of it. */
class Answer(val picture: Bitmap, val classification: Classification, val took: Duration, val kernelSet: String)

/** What the screen shows, and what it can do. */
class ClassifierViewModel(application: Application) : AndroidViewModel(application) {
    var answer by mutableStateOf<Answer?>(null)
        private set
    var message by mutableStateOf<String?>(null)
        private set
    var isBusy by mutableStateOf(false)
        private set

    private var classifier: Classifier? = null
    private var job: Job? = null

    /** Classifies a photograph; an earlier one that isn't done yet is given up. */
    fun classify(photograph: Uri) {
        val earlier = job
        earlier?.cancel()
        job =
            viewModelScope.launch {
                earlier?.join()
                isBusy = true
                message = null
                try {
                    answer = answer(decode(photograph))
                } catch (error: DunlinException) {
                    message = error.message
                } catch (_: IOException) {
                    message = getApplication<Application>().getString(R.string.no_photograph)
                } finally {
                    isBusy = false
                }
            }
    }

    override fun onCleared() {
        classifier?.close()
    }

    private suspend fun answer(picture: Bitmap): Answer {
        val classifier = classifier ?: load().also { classifier = it }
        val pixels = withContext(Dispatchers.Default) { picture.toPixels() }
        val (classification, took) = measureTimedValue { classifier.classify(pixels, locale = Locale.getDefault()) }
        return Answer(picture, classification, took, classifier.kernelSet)
    }

    /** The model lies in the app's file uncompressed, so that it can be read from there at once. */
    private suspend fun load(): Classifier {
        val bytes =
            withContext(Dispatchers.IO) {
                getApplication<Application>().assets.openFd("cifar10.dunlin").use { asset ->
                    FileInputStream(asset.fileDescriptor).channel.map(FileChannel.MapMode.READ_ONLY, asset.startOffset, asset.length)
                }
            }
        return Classifier.load(bytes)
    }

    /** Decodes a photograph upright, at a size that any model is content with. */
    private suspend fun decode(photograph: Uri): Bitmap =
        withContext(Dispatchers.IO) {
            val source = ImageDecoder.createSource(getApplication<Application>().contentResolver, photograph)
            ImageDecoder.decodeBitmap(source) { decoder, info, _ ->
                val larger = maxOf(info.size.width, info.size.height)
                decoder.setTargetSampleSize(maxOf(1, larger / LARGEST_SIDE))
                decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
            }
        }

    private companion object {
        const val LARGEST_SIDE = 1024
    }
}

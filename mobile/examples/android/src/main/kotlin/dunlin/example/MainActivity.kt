package dunlin.example

import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.rememberLauncherForActivityResult
import androidx.activity.compose.setContent
import androidx.activity.enableEdgeToEdge
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import androidx.compose.foundation.Image
import androidx.compose.foundation.isSystemInDarkTheme
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.Button
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Text
import androidx.compose.material3.darkColorScheme
import androidx.compose.material3.lightColorScheme
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.asImageBitmap
import androidx.compose.ui.layout.ContentScale
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import androidx.lifecycle.viewmodel.compose.viewModel
import dunlin.Classification
import java.text.NumberFormat
import kotlin.time.DurationUnit

/** One screen: choose a photograph, see what it is. */
class MainActivity : ComponentActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        setContent {
            MaterialTheme(if (isSystemInDarkTheme()) darkColorScheme() else lightColorScheme()) { Screen(viewModel()) }
        }
    }
}

@Composable
private fun Screen(model: ClassifierViewModel) {
    val picker = rememberLauncherForActivityResult(PickVisualMedia()) { uri -> uri?.let(model::classify) }
    Scaffold { insets ->
        Column(
            Modifier.padding(insets).padding(16.dp).verticalScroll(rememberScrollState()),
            Arrangement.spacedBy(16.dp),
        ) {
            Button({ picker.launch(PickVisualMediaRequest(PickVisualMedia.ImageOnly)) }) { Text(stringResource(R.string.choose)) }
            if (model.isBusy) LinearProgressIndicator(Modifier.fillMaxWidth())
            model.message?.let { Text(it, color = MaterialTheme.colorScheme.error) }
            model.answer?.let { Answered(it) } ?: Text(stringResource(R.string.hint))
        }
    }
}

@Composable
private fun Answered(answer: Answer) {
    Image(
        answer.picture.asImageBitmap(),
        stringResource(R.string.chosen),
        Modifier.fillMaxWidth().heightIn(max = 320.dp),
        contentScale = ContentScale.Fit,
    )
    answer.classification.classes.forEach { ClassRow(it) }
    val milliseconds = answer.took.toDouble(DurationUnit.MILLISECONDS)
    Text(stringResource(R.string.footnote, milliseconds, answer.kernelSet), style = MaterialTheme.typography.bodySmall)
}

/** A class with a bar as long as it is probable. */
@Composable
private fun ClassRow(entry: Classification.Class) {
    val percent = NumberFormat.getPercentInstance().apply { maximumFractionDigits = 1 }
    Column(Modifier.semantics(mergeDescendants = true) {}) {
        Row(Modifier.fillMaxWidth(), Arrangement.SpaceBetween) {
            Text(entry.label ?: stringResource(R.string.class_number, entry.index))
            Text(percent.format(entry.probability))
        }
        LinearProgressIndicator({ entry.probability.coerceIn(0f, 1f) }, Modifier.fillMaxWidth())
    }
}

package dunlin

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.HexFormat
import java.util.Locale

/** The repository. */
val root = File(System.getProperty("dunlin.root"))

/** The image classifier that ships with it. */
val shipped = root.resolve("models/cifar10/cifar10.dunlin")

/** mobile/conformance/vectors.json, as its README describes it. */
object Vectors {
    private val all: JsonNode = ObjectMapper().readTree(root.resolve("mobile/conformance/vectors.json"))

    val codes: List<String> = names("codes")
    val outcomes: List<String> = names("outcomes")
    val reasons: List<String> = names("reasons")
    val rules: List<String> = names("rules")
    val models: List<JsonNode> = all["models"].toList()
    val cases: List<JsonNode> = all["cases"].toList()

    private fun names(key: String) = all[key].map { it.asText() }

    fun case(name: String): JsonNode = cases.single { it["name"].asText() == name }
}

/** What a case gives; throws what it throws. */
suspend fun JsonNode.run(): Classification = load(this).use { classify(it) }

suspend fun load(case: JsonNode): Classifier {
    val file = root.resolve(case["model"].asText())
    val limit = case["memoryLimit"]?.asLong()
    val change = case["change"] ?: return Classifier.load(file, limit)
    val bytes = file.readBytes()
    change["flip"]?.asInt()?.let { bytes[it] = bytes[it].toInt().inv().toByte() }
    return Classifier.load(change["keep"]?.let { bytes.copyOf(it.asInt()) } ?: bytes, limit)
}

suspend fun JsonNode.classify(classifier: Classifier): Classification {
    if (this["dispose"]?.asBoolean() == true) classifier.close()
    val topK = this["topK"]?.asInt()
    val locale = this["locale"]?.let { Locale.forLanguageTag(it.asText()) }
    val context = this["context"].let { Classifier.Context(it?.get("cohort")?.asText(), it.says("stale"), it.says("fallback")) }
    this["text"]?.let { return classifier.classify(it.text(), topK, locale, context) }
    val picture = this["picture"] ?: return classifier.classify(tensor(), topK, locale, context)
    return classifier.classify(picture.pixels(), topK, locale, context)
}

fun JsonNode.pixels(): Pixels {
    val format = Pixels.Format.valueOf(this["format"].asText().uppercase())
    val (width, height) = this["width"].asInt() to this["height"].asInt()
    val file = this["file"]?.let { root.resolve(it.asText()) }
    val bytes = file?.readBytes() ?: made(this["seed"].asLong(), this["bytes"]?.asInt() ?: (width * height * format.bytes))
    return Pixels(bytes, width, height, format)
}

private fun JsonNode?.says(key: String) = this?.get(key)?.asBoolean() == true

/** Code units as they are, surrogates without their other half too. */
fun JsonNode.text(): String {
    val once = String(CharArray(this["utf16"].size()) { this["utf16"][it].asInt().toChar() })
    return once.repeat(this["times"]?.asInt() ?: 1)
}

private fun JsonNode.tensor(): FloatArray {
    val values = this["values"]
    values["hex"]?.let { return it.floats() }
    return made(values["seed"].asLong(), values["count"].asInt()).map { ((it.toInt() and 0xff) - 125) / 128f }.toFloatArray()
}

private fun made(seed: Long, count: Int) = ByteArray(count) { i -> ((seed + 7L * i + 3L * i * i) % 251).toByte() }

/** Of hexadecimal digits. */
fun JsonNode.floats(): FloatArray {
    val bytes = ByteBuffer.wrap(HexFormat.of().parseHex(asText())).order(ByteOrder.LITTLE_ENDIAN)
    return FloatArray(bytes.remaining() / 4) { bytes.getFloat() }
}

fun FloatArray.bits(): List<Int> = map { it.toRawBits() }

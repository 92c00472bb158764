package dunlin

import java.io.File
import java.net.HttpURLConnection
import java.net.URI
import java.nio.file.Files

/** The command, as `./check` builds it. */
private val program = File(System.getenv("DUNLIN") ?: root.resolve("target/release/dunlin").path)

/** What `cargo test --package dunlin-ffi --test conformance` makes; mobile/conformance/README.md says what each is for. */
val prepared: File = root.resolve("target/conformance/fleet")

/** The real server, and its publisher. */
class Fleet : AutoCloseable {
    val folder: File = Files.createTempDirectory("fleet").toFile()
    val address: String
    private val tokens = mutableListOf<String>()
    private val server: Process

    val deviceToken: String get() = tokens[0]

    init {
        val cloud = folder.resolve("data/cloud/messages").apply { mkdirs() }
        for (name in listOf("spec.json", "labels.txt")) root.resolve("models/sms_spam/$name").copyTo(cloud.resolve(name))
        root.resolve("models/sms_spam/sms_spam.onnx").copyTo(cloud.resolve("model.onnx"))
        cloud.resolve("config.json").writeText("""{"text": "spec.json", "labels": "labels.txt"}""")
        val words = listOf("serve", "--listen", "127.0.0.1:0", "--rate", "0", "--log", "trouble", "--data", "data")
        server = process(words).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val said = server.inputStream.bufferedReader()
        while (true) {
            val line = checkNotNull(said.readLine()) { "it ended before it served" }
            if (line.startsWith(SERVING)) {
                address = line.removePrefix(SERVING)
                break
            }
            tokens += line.split(' ').filter { it.startsWith("dunlin-") }
        }
        run("keys", "init", "--dir", "keys")
    }

    /** What an app ships: the first root of a repository that this publisher made. */
    fun root(repository: String = "repository"): ByteArray = folder.resolve("$repository/metadata/1.root.json").readBytes()

    /** Publishes an artifact to everyone, as a model's next version. */
    fun publish(model: String, artifact: String, vararg more: String) {
        val place = arrayOf("--repository", "repository", "--keys", "keys", "--server", address, "--token", tokens[1])
        run("publish", prepared.resolve(artifact).path, "--model", model, "--rollout", "100%", *more, *place)
    }

    /** A repository of somebody else's, signed with other keys. */
    fun forge(model: String) {
        run("keys", "init", "--dir", "other")
        val place = arrayOf("--repository", "forged", "--keys", "other")
        run("publish", prepared.resolve("first.dunlin").path, "--model", model, "--rollout", "100%", *place)
    }

    /** How many summaries the server took. */
    fun summaries(): Int {
        val connection = URI("$address/metrics").toURL().openConnection() as HttpURLConnection
        connection.setRequestProperty("authorization", "Bearer ${tokens[2]}")
        val line = connection.inputStream.bufferedReader().readLines().single { it.startsWith("dunlin_summaries_total{outcome=\"accepted\"}") }
        return line.substringAfterLast(' ').toInt()
    }

    override fun close() {
        server.destroyForcibly().waitFor()
        folder.deleteRecursively()
    }

    private fun run(vararg words: String) {
        val process = process(words.toList()).redirectErrorStream(true).start()
        val said = process.inputStream.bufferedReader().readText()
        check(process.waitFor() == 0) { "${words.toList()}: $said" }
    }

    private fun process(words: List<String>) = ProcessBuilder(listOf(program.path) + words).directory(folder)

    private companion object {
        const val SERVING = "Serving at "
    }
}

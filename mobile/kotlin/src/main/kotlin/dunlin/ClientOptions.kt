package dunlin

import java.io.File
import java.nio.ByteBuffer
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.seconds
import dunlin.bridge.ClientOptions as BridgeOptions
import dunlin.bridge.Cloud as BridgeCloud
import dunlin.bridge.Consent as BridgeConsent
import dunlin.bridge.Floor as BridgeFloor
import dunlin.bridge.LoadOptions as BridgeLoad
import dunlin.bridge.Privacy as BridgePrivacy
import dunlin.bridge.Server as BridgeServer
import dunlin.bridge.Shipped as BridgeShipped
import dunlin.bridge.Summaries as BridgeSummaries
import dunlin.bridge.When as BridgeWhen

/** What a [Client] is made of. */
public class ClientOptions(
    /** The client's own folder, which is made where there is none. Only one client may have it open. */
    public val folder: File,
    /** The model's name, as its publisher gave it. */
    public val model: String,
    /** The model that the app ships. */
    public val shipped: Shipped,
    /** The repository's address, such as `https://models.example.org/repository`. */
    public val repository: String,
    /** The root of trust that the app ships: the bytes of a `root.json`. */
    public val root: ByteArray,
    /** Versions of metadata below which nothing is believed, for a folder that was emptied. */
    public val floor: Floor = Floor(),
    /** The cohorts that the device is in, such as a language. */
    public val cohorts: List<String> = emptyList(),
    /** Between two looks for updates, on average. */
    public val interval: Duration = 1.days,
    /** When models are fetched. */
    public val fetching: Fetching = Fetching(),
    /** Whom to ask where the model isn't sure; by default there is nobody. */
    public val cloud: Cloud = Cloud(),
    /** Whom to tell what can't be traced to anyone; by default nothing is told. */
    public val summaries: Summaries = Summaries(),
    /** Bytes that a model may take beside its file, for what it computes in; 1 GiB without. */
    public val memoryLimit: Long? = null,
    /** Sends requests. */
    public val transport: Transport = HttpTransport(),
    /** Says how the device is doing, whenever that matters, on a thread of the client's that waits for it. One that throws stands for the worst device. */
    public val conditions: () -> Conditions = { Conditions() },
) {
    /** The model that an app ships, and its version. No older one is ever taken. */
    public class Shipped private constructor(internal val bridge: BridgeShipped, public val version: Int) {
        /** In a file of its own, which is mapped and must stay as it is. */
        public constructor(file: File, version: Int) : this(BridgeShipped.File(file.path), version)

        /** From its bytes, of which the client makes a copy. */
        public constructor(bytes: ByteArray, version: Int) : this(BridgeShipped.Bytes(bytes), version)

        /** From the bytes between a buffer's position and its limit, such as a mapped asset; the client makes a copy. */
        public constructor(bytes: ByteBuffer, version: Int) : this(bytes.copied(), version)
    }

    /** Least versions of metadata. */
    public data class Floor(
        /** Of `timestamp.json`. */
        public val timestamp: Long = 0,
        /** Of `snapshot.json`. */
        public val snapshot: Long = 0,
        /** Of `targets.json`. */
        public val targets: Long = 0,
    )

    /** When models are fetched. Metadata, a few kilobytes, is always. */
    public data class Fetching(
        /** Also over a connection that costs. */
        public val metered: Boolean = false,
        /** Only while the device is charging. */
        public val charging: Boolean = false,
        /** The most bytes a day, metadata included. What is longer than that is never fetched. */
        public val bytesPerDay: Long = 256L shl 20,
    )

    /** Model servers, and what may be sent to them. */
    public data class Cloud(
        /** Who is asked: the first one that isn't given a rest. */
        public val servers: List<Server> = emptyList(),
        /** How much may leave the device. */
        public val consent: Consent = Consent.NONE,
        /** How long one request may take. It goes on beyond a question's deadline, for the upgrade. */
        public val timeout: Duration = 10.seconds,
        /** How many questions are sent on one day (UTC) at most. */
        public val questionsPerDay: Int = 200,
        /** How many bytes of bodies, there and back, go on one day (UTC) at most. */
        public val bytesPerDay: Long = 8L shl 20,
        /** How many hundredths of the questions may be sent a second time because the first answer is late. */
        public val hedges: Int = 10,
        /** How many of 1,000 answers that aren't in doubt people are to look at, drawn by chance: of what is asked with `review`. */
        public val audits: Int = 0,
        /** How often a question is sent at most between two starts. */
        public val tries: Int = 16,
        /** How many questions may wait for an upgrade; with 0 there are none. */
        public val outboxItems: Int = 64,
        /** How many bytes these may have, all together. */
        public val outboxBytes: Int = 2 shl 20,
        /** How long they may wait. */
        public val outboxAge: Duration = 3.days,
    )

    /** A model server, and the model to ask there. */
    public class Server(
        /** The address before `/v2`, such as `https://models.example.org`. */
        public val url: String,
        /** The model's name there. */
        public val model: String,
        /** Its version; the server chooses where none is named. */
        public val version: String? = null,
        /** What is sent as a bearer token. */
        public val token: String? = null,
    )

    /** The server that summaries go to, and whose answers they are about. */
    public class Summaries(
        /** The address, without which nothing can be told. */
        public val server: String = "",
        /** A token of the role `device`, where the server wants one. */
        public val token: String? = null,
        /** At most three coarse words, of what the publisher allows. */
        public val cohort: Map<String, String> = emptyMap(),
        /** What the user agreed to; `null` for nothing. */
        public val privacy: Privacy? = null,
    )
}

/** How much may leave the device for the cloud. */
public enum class Consent {
    /** Nothing. */
    NONE,

    /** The model's logits. */
    FEATURES,

    /** The input. */
    INPUT,
}

/** How much a day's summary reveals at most: local differential privacy. */
public data class Privacy(
    /** Epsilon of a day. */
    public val epsilon: Double,
    /** Among how many metrics it is split, which are drawn anew for each day. */
    public val metrics: Int = 1,
)

/** How a device is doing. */
public data class Conditions(
    /** Whether the connection costs. */
    public val metered: Boolean = false,
    /** Whether the device is charging. */
    public val charging: Boolean = true,
)

internal fun ClientOptions.translated(): BridgeOptions =
    BridgeOptions(
        folder.path,
        model,
        shipped.bridge,
        shipped.version.number("the shipped version"),
        repository,
        root,
        BridgeFloor(floor.timestamp.number("timestamp"), floor.snapshot.number("snapshot"), floor.targets.number("targets")),
        cohorts,
        interval.millis(),
        BridgeWhen(fetching.metered, fetching.charging, fetching.bytesPerDay.number("bytesPerDay")),
        cloud.translated(),
        with(summaries) { BridgeSummaries(server, token, cohort, privacy?.translated()) },
        BridgeLoad(memoryLimit?.number("memoryLimit")),
    )

internal fun Privacy.translated(): BridgePrivacy = BridgePrivacy(epsilon, metrics.number("metrics"))

internal fun Consent.translated(): BridgeConsent =
    when (this) {
        Consent.NONE -> BridgeConsent.NONE
        Consent.FEATURES -> BridgeConsent.FEATURES
        Consent.INPUT -> BridgeConsent.INPUT
    }

/** Whole milliseconds; nothing is shorter than none. */
internal fun Duration.millis(): ULong = inWholeMilliseconds.coerceAtLeast(0).toULong()

private fun ClientOptions.Cloud.translated(): BridgeCloud =
    BridgeCloud(
        servers.map { BridgeServer(it.url, it.model, it.version, it.token) },
        consent.translated(),
        timeout.millis(),
        questionsPerDay.number("questionsPerDay"),
        bytesPerDay.number("bytesPerDay"),
        hedges.number("hedges"),
        audits.number("audits"),
        tries.number("tries"),
        outboxItems.number("outboxItems"),
        outboxBytes.number("outboxBytes"),
        outboxAge.millis(),
    )

private fun Int.number(name: String): UInt = also { require(it >= 0) { "$name is $it" } }.toUInt()

private fun Long.number(name: String): ULong = also { require(it >= 0) { "$name is $it" } }.toULong()

private fun ByteBuffer.copied(): ByteArray = ByteArray(remaining()).also { duplicate().get(it) }

package dunlin

import dunlin.bridge.ClientEvent as BridgeEvent
import dunlin.bridge.CloudAnswer as BridgeAnswer
import dunlin.bridge.RollbackReason as BridgeReason
import dunlin.bridge.UpdateFault as BridgeFault
import dunlin.bridge.Why as BridgeWhy

/** What has happened to a [Client]. */
public sealed interface ClientEvent {
    /** There is a release for this device; it is fetched when the conditions allow it. */
    public data class Found(public val version: Int) : ClientEvent

    /** It is in the store, sound and complete; so many bytes were fetched for it. */
    public data class Downloaded(public val version: Int, public val bytes: Long) : ClientEvent

    /** It answers, on trial if its publisher wants that. */
    public data class Activated(public val version: Int) : ClientEvent

    /** It has shown itself, and stays. */
    public data class Kept(public val version: Int) : ClientEvent

    /** It was taken back, and [to] answers instead. */
    public data class RolledBack(public val version: Int, public val to: Int, public val reason: RollbackReason) : ClientEvent

    /** What was last seen of the repository counts no longer, and nothing newer could be had. The model answers on. */
    public data object Stale : ClientEvent

    /** A look for updates failed; there will be another. */
    public data class Failed(public val fault: UpdateFault, public val message: String) : ClientEvent

    /** The question is stored, and survives a restart: it ends with an [Upgrade], or [Dropped]. */
    public data class Waiting(public val ticket: String) : ClientEvent

    /** The cloud's answer came after the local one was given. It comes again after a restart, until [Client.done]. */
    public data class Upgrade(public val ticket: String, public val answer: CloudAnswer) : ClientEvent

    /** There will be no upgrade. */
    public data class Dropped(public val ticket: String, public val why: Why, public val message: String) : ClientEvent

    /** So many stored questions couldn't be read and are gone: the folder was changed by someone else. */
    public data class Damaged(public val items: Int) : ClientEvent

    /** This device's answers aren't what they were when the model was calibrated. */
    public data class Diverged(
        /** Of what, such as `confidence`. */
        public val metric: String,
        /** Answers that were compared. */
        public val answers: Long,
        /** Jensen-Shannon divergence from the baseline, in nats. */
        public val divergence: Double,
        /** What it was above. */
        public val threshold: Double,
    ) : ClientEvent
}

/** What the cloud says of an input. */
public class CloudAnswer(
    /** The class; [Client.labels] names it. */
    public val index: Int,
    /** Probability of each class; empty where the server only names the class. */
    public val probabilities: FloatArray,
) {
    override fun toString(): String = "CloudAnswer(class $index)"
}

/** Why a model was taken back. */
public enum class RollbackReason(
    /** The name that all languages use. */
    public val id: String,
) {
    /** It can't be loaded, or doesn't take what the model before takes. */
    LOAD("load"),

    /** It doesn't compute here what it should. */
    GOLDEN("golden"),

    /** The program ended while it was started, or again and again while it was tried. */
    CRASH("crash"),

    /** It finds other classes than the model before. */
    AGREEMENT("agreement"),

    /** It leaves too many inputs to the cloud, or to nobody. */
    FALLBACK("fallback"),

    /** It is too slow. */
    LATENCY("latency"),

    /** Its publisher took it back. */
    WITHDRAWN("withdrawn"),

    /** Its bytes are gone from the device; it is fetched again. */
    LOST("lost"),
}

/** Why a look for updates failed. */
public enum class UpdateFault(
    /** The name that all languages use. */
    public val id: String,
) {
    /** No answer. */
    NETWORK("network"),

    /** No answer in time. */
    TIMEOUT("timeout"),

    /** A file is longer than, or isn't, what its metadata says. */
    CONTENT("content"),

    /** A status other than 200. */
    STATUS("status"),

    /** The release is longer than what may be fetched in a day. */
    ALLOWANCE("allowance"),

    /** There is no room for it. */
    FULL("full"),

    /** The store can't be written. */
    STORE("store"),

    /** The repository's metadata can't be trusted. */
    METADATA("metadata"),
}

/** Why there is no answer of the cloud. */
public enum class Why(
    /** The name that all languages use. */
    public val id: String,
) {
    /** The user hasn't agreed to send so much, or no longer. */
    CONSENT("consent"),

    /** The day's budget of questions or bytes is used up. */
    BUDGET("budget"),

    /** Too many questions at once. */
    BUSY("busy"),

    /** The question can't be asked: it is too long. */
    UNASKABLE("unaskable"),

    /** There is no server, or all are given a rest. */
    RESTING("resting"),

    /** The time is over. */
    DEADLINE("deadline"),

    /** No connection, or it broke, at each try. */
    NETWORK("network"),

    /** The server refuses. */
    REFUSED("refused"),

    /** The server can't now. */
    UNAVAILABLE("unavailable"),

    /** What the server answers is no answer of a model. */
    UNREADABLE("unreadable"),

    /** The server's answer can't be true. */
    UNTRUE("untrue"),

    /** It waited too long. */
    AGE("age"),
}

/** As apps see it; `null` for what belongs to a call of [Client.ask]. */
internal fun BridgeEvent.translated(): ClientEvent? =
    when (this) {
        is BridgeEvent.Found -> ClientEvent.Found(version.toInt())
        is BridgeEvent.Downloaded -> ClientEvent.Downloaded(version.toInt(), bytes.toLong())
        is BridgeEvent.Activated -> ClientEvent.Activated(version.toInt())
        is BridgeEvent.Kept -> ClientEvent.Kept(version.toInt())
        is BridgeEvent.RolledBack -> ClientEvent.RolledBack(version.toInt(), to.toInt(), reason.translated())
        is BridgeEvent.Stale -> ClientEvent.Stale
        is BridgeEvent.Failed -> ClientEvent.Failed(fault.translated(), message)
        is BridgeEvent.Waiting -> ClientEvent.Waiting(ticket)
        is BridgeEvent.Upgrade -> ClientEvent.Upgrade(ticket, answer.translated())
        is BridgeEvent.Dropped -> ClientEvent.Dropped(ticket, why.translated(), message)
        is BridgeEvent.Damaged -> ClientEvent.Damaged(items.toInt())
        is BridgeEvent.Diverged -> ClientEvent.Diverged(metric, answers.toLong(), divergence, threshold)
        is BridgeEvent.Answered, is BridgeEvent.Local -> null
    }

internal fun BridgeAnswer.translated(): CloudAnswer = CloudAnswer(index.toInt(), probabilities.toFloats())

internal fun BridgeWhy.translated(): Why = Why.valueOf(name)

private fun BridgeReason.translated(): RollbackReason = RollbackReason.valueOf(name)

private fun BridgeFault.translated(): UpdateFault = UpdateFault.valueOf(name)

package dunlin

import dunlin.bridge.BridgeException
import dunlin.bridge.InternalException
import dunlin.bridge.ErrorCode as BridgeCode

/**
 * A call that Dunlin couldn't carry out. [code] says what kind of failure it is, [message] what happened, in English: for a log,
 * not for the user. It has nothing of what was to be classified.
 */
public class DunlinException(public val code: ErrorCode, message: String, cause: Throwable? = null) : Exception(message, cause)

/** What kind of failure an error is; the same in every language that Dunlin is used from. */
public enum class ErrorCode(
    /** The name that all languages use. */
    public val id: String,
) {
    /** The file is no artifact, was cut off or changed, or contradicts itself: fetch it again. */
    ARTIFACT("artifact"),

    /** The artifact is for another version of Dunlin, or needs operators that this build leaves out. */
    VERSION("version"),

    /** The model needs more memory or arithmetic than it may have, or than the device has left. */
    MEMORY("memory"),

    /** What was given as a picture is none. */
    PICTURE("picture"),

    /** The model takes another kind, shape, length or range of input. */
    INPUT("input"),

    /** The classifier or client was closed before. */
    DISPOSED("disposed"),

    /** A file can't be read; or a client's folder can't be used, or another client has it open. */
    FETCH("fetch"),

    /** A defect of Dunlin: please report it. */
    INTERNAL("internal"),
}

/** Calls native code; what it throws becomes a [DunlinException]. */
internal inline fun <T> translated(call: () -> T): T =
    try {
        call()
    } catch (error: BridgeException.Failed) {
        throw DunlinException(error.code.translated(), error.reason, error)
    } catch (error: InternalException) {
        throw DunlinException(ErrorCode.INTERNAL, error.message ?: "a defect of Dunlin", error)
    } catch (error: OutOfMemoryError) {
        throw DunlinException(ErrorCode.MEMORY, "there is no memory left for the input", error)
    }

private fun BridgeCode.translated(): ErrorCode =
    when (this) {
        BridgeCode.ARTIFACT -> ErrorCode.ARTIFACT
        BridgeCode.VERSION -> ErrorCode.VERSION
        BridgeCode.MEMORY -> ErrorCode.MEMORY
        BridgeCode.PICTURE -> ErrorCode.PICTURE
        BridgeCode.INPUT -> ErrorCode.INPUT
        BridgeCode.DISPOSED -> ErrorCode.DISPOSED
        BridgeCode.FETCH -> ErrorCode.FETCH
        BridgeCode.INTERNAL -> ErrorCode.INTERNAL
    }

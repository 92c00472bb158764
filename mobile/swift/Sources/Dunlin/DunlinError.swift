import DunlinBridge
import Foundation

/// Why a call failed: a stable ``code`` for programs, and a sentence for whoever reads a log.
///
/// Cancellation is no `DunlinError`: a cancelled task gets Swift's own `CancellationError`.
public struct DunlinError: Error, Sendable, Equatable {
    /// What kind of failure it is. The codes have the same names in all languages.
    public enum Code: String, Sendable, CaseIterable {
        /// The file is no artifact, was cut off or changed, or contradicts itself: fetch it again.
        case artifact
        /// The artifact is for another version of Dunlin, or needs operators that this build leaves out.
        case version
        /// The model needs more memory than ``Classifier/Options/memoryLimit`` allows, or than the device has left.
        case memory
        /// What was given as a picture is none.
        case picture
        /// The model takes another kind, shape, length or range of input.
        case input
        /// The classifier or client was closed before.
        case disposed
        /// A file can't be read; or a client's folder can't be used, or another client has it open.
        case fetch
        /// A defect of Dunlin: please report it.
        case `internal`
    }

    /// What kind of failure it is.
    public let code: Code
    /// What happened, in English. Nothing of a user's input is in it.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension DunlinError: LocalizedError, CustomStringConvertible {
    /// What ``message`` says.
    public var errorDescription: String? { message }
    /// Code and message.
    public var description: String { "\(code.rawValue): \(message)" }
}

extension DunlinError {
    /// The bridge's errors as this package has them.
    init(_ error: any Error) {
        guard case BridgeError.Failed(let code, let reason)? = error as? BridgeError else {
            self.init(.internal, "\(error)")
            return
        }
        self.init(Code(code), reason)
    }
}

extension DunlinError.Code {
    fileprivate init(_ code: ErrorCode) {
        self =
            switch code {
            case .artifact: .artifact
            case .version: .version
            case .memory: .memory
            case .picture: .picture
            case .input: .input
            case .disposed: .disposed
            case .fetch: .fetch
            case .internal: .internal
            }
    }
}

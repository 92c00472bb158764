import Dispatch
import Foundation

/// Carries out blocking calls one after the other on a queue of its own, so that neither the caller's actor nor the threads that
/// all of Swift's tasks share wait for them.
final class Worker: Sendable {
    private let queue = DispatchQueue(label: "dunlin.classifier")
    private let isClosed = Locked(false)

    /// The result of `call`, which is thrown away when the task is cancelled before it is there.
    func run<T: Sendable>(_ call: @escaping @Sendable () throws -> T) async throws -> T {
        let answer = Answer<T>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answer.deliver(to: continuation)
                let work = { @Sendable in answer.give { try call() } }
                guard enqueue(work) else {
                    return answer.give { throw DunlinError(.disposed, "the classifier was closed before") }
                }
            }
        } onCancel: {
            answer.give { throw CancellationError() }
        }
    }

    /// Does `last` after all calls made before and refuses those that come later. Only the first time.
    func close(last: @escaping @Sendable () -> Void) {
        isClosed.withLock { isClosed in
            guard !isClosed else { return }
            isClosed = true
            queue.async(execute: last)
        }
    }

    private func enqueue(_ work: @escaping @Sendable () -> Void) -> Bool {
        isClosed.withLock { isClosed in
            guard !isClosed else { return false }
            queue.async(execute: work)
            return true
        }
    }
}

/// What a task waits for: the first result that is given counts.
private final class Answer<T: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<T, any Error>)
        case given(Result<T, any Error>)
        case received
    }

    private let state = Locked(State.open)

    /// Hands the answer to a continuation, now or when it is given.
    func deliver(to continuation: CheckedContinuation<T, any Error>) {
        let given: Result<T, any Error>? = state.withLock { state in
            guard case .given(let result) = state else {
                state = .awaited(continuation)
                return nil
            }
            state = .received
            return result
        }
        if let given { continuation.resume(with: given) }
    }

    /// Gives what `call` returns or throws. Doesn't call it when an answer is there already.
    func give(_ call: () throws -> T) {
        guard isWanted else { return }
        let result = Result { try call() }.mapError(named)
        let waiting: CheckedContinuation<T, any Error>? = state.withLock { state in
            switch state {
            case .open:
                state = .given(result)
                return nil
            case .awaited(let continuation):
                state = .received
                return continuation
            case .given, .received:
                return nil
            }
        }
        waiting?.resume(with: result)
    }

    private var isWanted: Bool {
        state.withLock { state in
            switch state {
            case .open, .awaited: true
            case .given, .received: false
            }
        }
    }
}

/// An error as apps see it.
private func named(_ error: any Error) -> any Error {
    error is CancellationError || error is DunlinError ? error : DunlinError(error)
}

/// A value that one thread at a time may use.
final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<T>(_ use: (inout Value) throws -> T) rethrows -> T {
        lock.lock()
        defer { lock.unlock() }
        return try use(&value)
    }
}

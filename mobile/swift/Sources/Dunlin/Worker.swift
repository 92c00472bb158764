import Dispatch
import Foundation

/// Carries out blocking calls one after the other on a queue of its own, so that neither the caller's actor nor the threads that
/// all of Swift's tasks share wait for them.
final class Worker: Sendable {
    private let queue: DispatchQueue
    private let isClosed = Locked(false)
    private let what: String

    /// For calls of what errors call by this name.
    init(_ what: String = "classifier") {
        self.what = what
        queue = DispatchQueue(label: "dunlin.\(what)")
    }

    /// What a call throws that comes too late.
    var disposed: DunlinError { DunlinError(.disposed, "the \(what) was closed before") }

    /// The result of `call`, which is thrown away when the task is cancelled before it is there.
    func run<T: Sendable>(_ call: @escaping @Sendable () throws -> T) async throws -> T {
        let promise = Promise<T>()
        let work = { @Sendable in promise.give { try named(call) } }
        return try await promise.value {
            if !enqueue(work) { promise.give { throw disposed } }
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

    /// Waits for all that was begun.
    func done() async {
        await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
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
final class Promise<T: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<T, any Error>)
        case given(Result<T, any Error>)
        case received
    }

    private let state = Locked(State.open)

    /// The result, once it is given after `begin`; the error of a task that is cancelled before. For one task.
    func value(after begin: () -> Void = {}) async throws -> T {
        try await withTaskCancellationHandler {
            begin()
            return try await withCheckedThrowingContinuation { deliver(to: $0) }
        } onCancel: {
            give { throw CancellationError() }
        }
    }

    /// Hands the answer to a continuation, now or when it is given.
    private func deliver(to continuation: CheckedContinuation<T, any Error>) {
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
        let result = Result { try call() }
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

/// What `call` gives, or its error as apps see it.
private func named<T>(_ call: () throws -> T) throws -> T {
    do {
        return try call()
    } catch {
        throw error is CancellationError || error is DunlinError ? error : DunlinError(error)
    }
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

import Foundation
import Testing

@testable import Dunlin

/// The order of events is forced by gates here, so that no test depends on the clock.
@Suite struct WorkerTests {
    @Test func callsFollowOneAnother() async throws {
        let worker = Worker()
        let running = Locked(0)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for call in 0..<100 {
                group.addTask {
                    try await worker.run {
                        running.withLock { $0 += 1 }
                        defer { running.withLock { $0 -= 1 } }
                        #expect(running.withLock { $0 } == 1)
                        return call
                    }
                }
            }
            let sum = try await group.reduce(0, +)
            #expect(sum == 4950)
        }
    }

    @Test func cancelledCallsEndAtOnceAndLaterOnesNeverBegin() async throws {
        let worker = Worker()
        let (begun, gate) = (Gate(), Gate())
        let calls = Locked([String]())
        let first = Task {
            try await worker.run {
                begun.open()
                gate.pass()
                calls.withLock { $0.append("first") }
            }
        }
        await begun.opened()
        let second = Task { try await worker.run { calls.withLock { $0.append("second") } } }
        first.cancel()
        second.cancel()
        // Both end while the first call still stands before the gate.
        await #expect(throws: CancellationError.self) { try await first.value }
        await #expect(throws: CancellationError.self) { try await second.value }
        #expect(calls.withLock { $0 }.isEmpty)
        gate.open()
        try await worker.run {}
        #expect(calls.withLock { $0 } == ["first"])
    }

    @Test func aTaskThatIsCancelledAlreadyGetsNothing() async throws {
        let worker = Worker()
        let calls = Locked(0)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await worker.run { calls.withLock { $0 += 1 } }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        try await worker.run {}
        #expect(calls.withLock { $0 } == 0)
    }

    @Test func closingWaitsForEarlierCallsAndRefusesLaterOnes() async throws {
        let worker = Worker()
        let (begun, gate, closed) = (Gate(), Gate(), Gate())
        let events = Locked([String]())
        let first = Task {
            try await worker.run {
                begun.open()
                gate.pass()
                events.withLock { $0.append("call") }
            }
        }
        await begun.opened()
        worker.close {
            events.withLock { $0.append("closed") }
            closed.open()
        }
        worker.close { events.withLock { $0.append("closed twice") } }
        let error = await failure { try await worker.run {} }
        #expect(error?.code == .disposed)
        gate.open()
        try await first.value
        await closed.opened()
        #expect(events.withLock { $0 } == ["call", "closed"])
    }

    @Test func foreignErrorsAreInternal() async {
        struct Unheard: Error {}
        let error = await failure { try await Worker().run { throw Unheard() } }
        #expect(error?.code == .internal)
    }
}

/// Whoever passes waits until it is open; it stays open. A minute is an end without hope, so that a test which fails also ends.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func open() { semaphore.signal() }

    /// Blocks the thread.
    func pass() {
        if semaphore.wait(timeout: .now() + 60) == .timedOut { Issue.record("nobody opens the gate") }
        semaphore.signal()
    }

    /// Waits without blocking a thread of Swift's own.
    func opened() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                self.pass()
                continuation.resume()
            }
        }
    }
}

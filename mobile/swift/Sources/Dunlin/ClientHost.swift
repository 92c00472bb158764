import DunlinBridge
import Foundation

/// What a client's thread asks of this platform. Nothing here waits, but for what the app says of its device.
final class ClientHost: DunlinBridge.Host, Sendable {
    /// A question whose answer somebody waits for.
    final class Pending: Sendable {
        let number: UInt64
        let outcome = Promise<Client.Outcome>()
        fileprivate let ticket = Locked(String?.none)

        fileprivate init(_ number: UInt64) { self.number = number }
    }

    private struct State {
        var isClosed = false
        var numbers: UInt64 = 0
        /// Questions whose answers are waited for, by their numbers; and those of them that are asked, by their tickets.
        var pending = [UInt64: Pending]()
        var asked = [String: Pending]()
        var requests = [UInt64: Task<Void, Never>]()

        mutating func number() -> UInt64 {
            numbers += 1
            return numbers
        }
    }

    /// What has happened. Of what nobody looked at yet the oldest are gone when there are too many.
    let events: AsyncStream<Client.Event>

    private let told: AsyncStream<Client.Event>.Continuation
    private let state = Locked(State())
    private let transport: any Transport
    private let device: @Sendable () -> Client.Conditions

    private static let mostEvents = 256

    init(_ options: Client.Options) {
        (transport, device) = (options.transport, options.conditions)
        (events, told) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.mostEvents))
    }

    func send(request: HttpRequest, reply: Reply) throws {
        let request = TransportRequest(request)
        state.withLock { state in
            guard !state.isClosed else { return }
            let number = state.number()
            state.requests[number] = Task { [transport] in
                await Self.send(request, by: transport, reply)
                self.ended(number)
            }
        }
    }

    func conditions() throws -> DunlinBridge.Conditions {
        let conditions = device()
        return DunlinBridge.Conditions(metered: conditions.metered, charging: conditions.charging)
    }

    func asked(number: UInt64, ticket: String) throws {
        state.withLock { state in
            guard let pending = state.pending[number] else { return }
            pending.ticket.withLock { $0 = ticket }
            state.asked[ticket] = pending
        }
    }

    func happened(event: ClientEvent) throws {
        switch event {
        case .answered(let ticket, let answer): end(ticket, .answered(ticket: ticket, answer: Client.CloudAnswer(answer)))
        case .local(let ticket, let why, let message, let later):
            end(ticket, .local(ticket: ticket, why: Client.Why(why), message: message, later: later))
        default:
            if let event = Client.Event(event) { told.yield(event) }
        }
    }

    /// A question that is about to be asked.
    func question() -> Pending {
        state.withLock { state in
            let pending = Pending(state.number())
            state.pending[pending.number] = pending
            return pending
        }
    }

    /// Nobody waits for it any more.
    func forget(_ pending: Pending) {
        let ticket = pending.ticket.withLock { $0 }
        state.withLock { state in
            state.pending[pending.number] = nil
            if let ticket { state.asked[ticket] = nil }
        }
    }

    /// Gives up all requests and questions, with this error for who waits.
    func close(_ error: DunlinError) {
        let (requests, pending) = state.withLock { state in
            state.isClosed = true
            return (state.requests.values, state.pending.values)
        }
        requests.forEach { $0.cancel() }
        pending.forEach { $0.outcome.give { throw error } }
        told.finish()
    }

    private func ended(_ number: UInt64) {
        state.withLock { $0.requests[number] = nil }
    }

    private func end(_ ticket: String, _ outcome: Client.Outcome) {
        let pending = state.withLock { $0.asked.removeValue(forKey: ticket) }
        pending?.outcome.give { outcome }
    }

    private static func send(_ request: TransportRequest, by transport: any Transport, _ reply: Reply) async {
        let sending = Task { try await transport.send(request) }
        let timer = Task {
            try await Task.sleep(for: request.timeout)
            sending.cancel()
        }
        defer { timer.cancel() }
        do {
            let response = try await withTaskCancellationHandler {
                try await sending.value
            } onCancel: {
                sending.cancel()
            }
            guard response.body.count <= request.maxBytes else { return reply.failed(why: .tooLong) }
            let headers = response.headers.map { HttpHeader(name: $0.key, value: $0.value) }
            reply.answered(status: UInt16(clamping: response.status), headers: headers, body: response.body)
        } catch let error as TransportError {
            reply.failed(why: HttpFailure(error))
        } catch is CancellationError {
            reply.failed(why: .timeout)
        } catch {
            // The app's own transport, of which nobody knows how far it came.
            reply.failed(why: .broken)
        }
    }
}

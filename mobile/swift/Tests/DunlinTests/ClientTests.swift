import Foundation
import Testing

@testable import Dunlin

/// Clients beside the real server; the cases are those of mobile/conformance/README.md.
@Suite(.serialized) struct ClientTests {
    /// A network that may be gone.
    private final class Line: Transport {
        let isThere = Locked(true)
        let sent = Locked([String]())
        private let inner = URLSessionTransport()

        func send(_ request: TransportRequest) async throws -> TransportResponse {
            sent.withLock { $0.append(request.url) }
            guard isThere.withLock({ $0 }) else { throw TransportError.connect }
            return try await inner.send(request)
        }
    }

    private static let usual = "See you at seven then"
    /// Of which the shipped model is not sure enough.
    private static let unsure = "Win a date with me tonight, txt back"

    private func options(_ fleet: Fleet, root: Data? = nil, transport: any Transport = URLSessionTransport()) throws -> Client.Options {
        var options = Client.Options(
            folder: fleet.folder.appendingPathComponent("device"), model: "messages",
            shipped: .init(contentsOf: prepared.appendingPathComponent("first.dunlin"), version: 1),
            repository: fleet.address.appendingPathComponent("repository"), root: try root ?? fleet.root())
        options.transport = transport
        return options
    }

    private func cloud(_ fleet: Fleet, _ consent: Client.Consent) -> Client.Cloud {
        .init(servers: [.init(url: fleet.address, model: "messages", token: fleet.deviceToken)], consent: consent)
    }

    /// The next event of which something can be said. A minute is an end without hope, so that a test which fails also ends.
    private func next<T: Sendable>(_ client: Client, _ say: @escaping @Sendable (Client.Event) -> T?) async throws -> T {
        try await patiently {
            for await event in client.events {
                if let said = say(event) { return said }
            }
            throw CancellationError()
        }
    }

    private func end(_ client: Client) async throws {
        client.close()
        try await patiently { await client.closed() }
    }

    @Test func updatesArriveAreTriedKeptAndTakenBackWithAReason() async throws {
        let fleet = try Fleet()
        try fleet.publish("messages", "first.dunlin")
        let line = Line()
        line.isThere.withLock { $0 = false }
        var client = try await Client(options(fleet, transport: line))
        // What the app ships answers at once, without a network.
        let before = try await client.classify(Self.usual)
        #expect(before.version == 1 && before.classification.classes.first?.label == "ham")
        #expect(try await client.labels() == ["ham", "spam"])
        try client.check()
        #expect(try await next(client, \.fault) == .network)

        line.isThere.withLock { $0 = true }
        try fleet.publish("messages", "second.dunlin", "--canary", "inputs=3,agreement=0.8,fallback=1,latency=60000")
        try client.check()
        try await next(client) { $0 == .found(version: 2) ? () : nil }
        try await next(client) { if case .downloaded(version: 2, _) = $0 { () } else { nil } }
        try await next(client) { $0 == .activated(version: 2) ? () : nil }
        for _ in 0..<3 {
            let answer = try await client.classify(Self.usual)
            #expect(answer.version == 2 && answer.classification == before.classification)
        }
        try await next(client) { $0 == .kept(version: 2) ? () : nil }

        // After a restart it answers, without a network.
        try await end(client)
        line.isThere.withLock { $0 = false }
        client = try await Client(options(fleet, transport: line))
        #expect(try await client.version == 2)
        #expect(try await client.classify(Self.usual).version == 2)
        #expect(try await !client.isStale)

        line.isThere.withLock { $0 = true }
        try fleet.publish("messages", "wrong.dunlin")
        try client.check()
        try await next(client) { $0 == .rolledBack(version: 3, to: 2, reason: .golden) ? () : nil }
        #expect(try await client.classify(Self.usual).version == 2)
        try await end(client)
    }

    @Test func whatOthersSignedIsRefused() async throws {
        let fleet = try Fleet()
        try fleet.publish("messages", "first.dunlin")
        try fleet.forge("messages")
        let client = try await Client(options(fleet, root: fleet.root(of: "forged")))
        try client.check()
        #expect(try await next(client, \.fault) == .metadata)
        #expect(try await client.classify(Self.usual).version == 1)
        try await end(client)
    }

    @Test func theCloudAnswersWhatTheModelIsNotSureOfWithConsent() async throws {
        let fleet = try Fleet()
        try fleet.publish("messages", "first.dunlin")
        let line = Line()
        var options = try options(fleet, transport: line)
        options.cloud = cloud(fleet, .none)
        let client = try await Client(options)
        #expect(try await client.ask(Self.usual, within: .seconds(10)).cloud == nil)
        guard case .local(_, .consent, _, later: false)? = try await client.ask(Self.unsure, within: .seconds(10)).cloud else {
            Issue.record("asked without consent")
            return
        }
        #expect(line.sent.withLock { $0 }.allSatisfy { !$0.contains("/v2/") })

        try client.setConsent(.input)
        let asked = try await client.ask(Self.unsure, within: .seconds(60))
        guard case .fallback = asked.local.classification.decision.outcome, case .answered(_, let answer)? = asked.cloud else {
            Issue.record("not asked: \(asked)")
            return
        }
        #expect(answer.probabilities.count == 2)

        // Who can't wait has the local answer at once, and a better one later, until it is taken.
        guard case .local(let ticket, _, _, later: true)? = try await client.ask(Self.unsure, within: .zero).cloud else {
            Issue.record("not kept")
            return
        }
        #expect(try await next(client, \.waiting) == ticket)
        let upgrade = try await next(client, \.upgrade)
        #expect(upgrade.ticket == ticket && upgrade.answer.index == answer.index)
        try client.done(ticket)
        let error = await failure { try client.done("no ticket") }
        #expect(error?.code == .input)
        try await end(client)
    }

    @Test(arguments: [false, true]) func aSummaryGoesOutAfterConsentAndNoneWithout(agreed: Bool) async throws {
        let fleet = try Fleet()
        try fleet.publish("messages", "first.dunlin")
        let line = Line()
        var options = try options(fleet, transport: line)
        try FileManager.default.copyItem(at: prepared.appendingPathComponent("device"), to: options.folder)
        options.summaries = .init(server: fleet.address, token: fleet.deviceToken, privacy: agreed ? .init(epsilon: 2) : nil)
        let client = try await Client(options)
        _ = try await client.classify(Self.usual)
        if agreed {
            try await patiently { while try await fleet.summaries() == 0 { try await Task.sleep(for: .milliseconds(20)) } }
        }
        try client.setSummaries(nil)
        let error = await failure { try client.setSummaries(.init(epsilon: -1)) }
        #expect(error?.code == .input)
        try await end(client)
        #expect(try await fleet.summaries() == (agreed ? 1 : 0))
        #expect(line.sent.withLock { $0 }.contains { $0.hasSuffix("/v1/summaries") } == agreed)
    }

    @Test func closingInTheMiddleEndsRequestsAndQuestionsAndLeavesTheFolder() async throws {
        struct Silent: Transport {
            let begun = Gate()
            let cancelled = Gate()

            func send(_ request: TransportRequest) async throws -> TransportResponse {
                begun.open()
                do {
                    try await Task.sleep(for: .seconds(600))
                } catch {
                    cancelled.open()
                }
                throw CancellationError()
            }
        }
        let fleet = try Fleet()
        try fleet.publish("messages", "first.dunlin")
        let silent = Silent()
        var options = try options(fleet, transport: silent)
        options.cloud = cloud(fleet, .input)
        options.cloud.timeout = .seconds(600)
        let client = try await Client(options)
        let second = options
        let again = await failure { try await Client(second) }
        #expect(again?.code == .fetch)
        let question = Task { try await client.ask(Self.unsure, within: .seconds(600)) }
        await silent.begun.opened()
        try await end(client)
        await silent.cancelled.opened()
        let error = await failure { try await question.value }
        #expect(error?.code == .disposed)
        for call: () async throws -> Void in [{ try client.check() }, { _ = try await client.classify(Self.usual) }] {
            let error = await failure { try await call() }
            #expect(error?.code == .disposed)
        }
        try await patiently { for await _ in client.events {} }
        client.close()
        try await end(Client(second))
    }

    @Test func anAppsOwnTransportThatFailsIsAFailureNotTheEnd() async throws {
        struct Broken: Transport {
            struct Unheard: Error {}
            func send(_ request: TransportRequest) async throws -> TransportResponse { throw Unheard() }
        }
        let fleet = try Fleet()
        try fleet.publish("messages", "first.dunlin")
        let client = try await Client(options(fleet, transport: Broken()))
        for _ in 0..<2 {
            try client.check()
            try client.conditionsChanged()
            #expect(try await next(client, \.fault) == .network)
        }
        #expect(try await client.classify(Self.usual).version == 1)
        try await end(client)
        var none = try options(fleet)
        none.shipped = .init(contentsOf: fleet.folder.appendingPathComponent("nowhere"), version: 1)
        let missing = none
        #expect(await failure { try await Client(missing) }?.code == .fetch)
        none.shipped = .init(data: Data(count: 100), version: 1)
        let noModel = none
        #expect(await failure { try await Client(noModel) }?.code == .artifact)
    }

    /// Without `close` a client ends with its last reference.
    @Test func aClientThatNobodyHoldsLeavesItsFolder() async throws {
        let fleet = try Fleet()
        try fleet.publish("messages", "first.dunlin")
        let options = try options(fleet)
        do { _ = try await Client(options).classify(Self.usual) }
        let next = try await patiently { () async throws -> Client in
            while true {
                if let client = try? await Client(options) { return client }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        try await end(next)
    }
}

extension Client.Event {
    fileprivate var fault: Client.UpdateFault? { if case .failed(let fault, _) = self { fault } else { nil } }
    fileprivate var waiting: String? { if case .waiting(let ticket) = self { ticket } else { nil } }
    fileprivate var upgrade: (ticket: String, answer: Client.CloudAnswer)? {
        if case .upgrade(let ticket, let answer) = self { (ticket, answer) } else { nil }
    }
}

/// What comes of `wait`; a minute is an end without hope.
private func patiently<T: Sendable>(_ wait: @escaping @Sendable () async throws -> T) async throws -> T {
    try await withThrowingTaskGroup(of: T.self) { group in
        group.addTask { try await wait() }
        group.addTask {
            try await Task.sleep(for: .seconds(60))
            Issue.record("nothing came of it")
            throw CancellationError()
        }
        defer { group.cancelAll() }
        return try #require(try await group.next())
    }
}

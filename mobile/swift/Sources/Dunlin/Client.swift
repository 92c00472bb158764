import DunlinBridge
import Foundation

/// A classifier that keeps itself up to date: it answers at once with what it has, looks for signed releases, tries each, and keeps it or takes
/// it back. Where the model isn't sure it asks the cloud, if the user agreed.
///
/// ```swift
/// let client = try await Client(options)
/// let answer = try await client.classify("See you at seven")
/// print(answer.classification.classes.first?.label ?? "unknown")
/// ```
///
/// No method blocks its caller: work is done on a queue that belongs to the client, one call after the other, and any task may call at any
/// time; answers never wait for files or the network. A call whose task is cancelled throws `CancellationError` at once. Failures are
/// ``DunlinError``.
///
/// The client ends when the last reference goes, or earlier by ``close()``.
public final class Client: Sendable {
    /// What a client says of an input.
    public struct Answer: Sendable, Equatable {
        /// What the model says.
        public let classification: Classification
        /// The version of the model that said so.
        public let version: Int
    }

    /// What the model says of an input, and the cloud, if it was asked.
    public struct Asked: Sendable, Equatable {
        /// What the model says.
        public let local: Answer
        /// What became of the question; `nil` where the model is sure, so that there was none.
        public let cloud: Outcome?
    }

    /// What became of a question to the cloud. A ticket is that by which servers know the question; it means the same after a restart.
    public enum Outcome: Sendable, Equatable {
        /// The cloud's answer came in time.
        case answered(ticket: String, answer: CloudAnswer)
        /// The local answer stands; the message says why in English. Later there may be an upgrade, or not.
        case local(ticket: String, why: Why, message: String, later: Bool)
    }

    /// What happens, in order; for one task, which also gets what happened before. Of more than 256 that nobody looked at the oldest are gone. It
    /// ends with the client.
    public var events: AsyncStream<Event> { host.events }

    private let bridge: DunlinBridge.Client
    private let host: ClientHost
    private let worker: Worker

    /// Opens a client, once for a model and folder: what was last good answers at once. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the codes of ``Classifier/init(contentsOf:options:)`` for the model that the app ships;
    ///   ``DunlinError/Code/fetch`` if the folder can't be used or another client has it open; ``DunlinError/Code/input`` if an option means
    ///   nothing. `CancellationError`.
    public init(_ options: Options) async throws {
        let (worker, host) = (Worker("client"), ClientHost(options))
        bridge = try await worker.run { try DunlinBridge.Client.open(options: ClientOptions(options), host: host) }
        (self.worker, self.host) = (worker, host)
    }

    deinit { close() }

    /// Classifies a picture, as ``Classifier/classify(_:topK:locale:context:)-(Pixels,_,_,_)`` does. While a new model is on trial the one before is
    /// asked too. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/picture``, ``DunlinError/Code/input`` or ``DunlinError/Code/disposed``.
    ///   `CancellationError`.
    public func classify(
        _ pixels: Pixels, topK: Int? = nil, locale: Locale? = nil, context: Classifier.Context = .init()
    ) async throws -> Answer {
        try await answer(Request(topK, locale, context)) { try $0.classify(pixels, $1, nil) }
    }

    /// Classifies a tensor, as a classifier does. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/input`` or ``DunlinError/Code/disposed``. `CancellationError`.
    public func classify(
        _ values: [Float], topK: Int? = nil, locale: Locale? = nil, context: Classifier.Context = .init()
    ) async throws -> Answer {
        try await answer(Request(topK, locale, context)) { try $0.classify(values, $1, nil) }
    }

    /// Classifies a text, as a classifier does. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/input`` or ``DunlinError/Code/disposed``. `CancellationError`.
    public func classify(
        _ text: String, topK: Int? = nil, locale: Locale? = nil, context: Classifier.Context = .init()
    ) async throws -> Answer {
        try await answer(Request(topK, locale, context)) { try $0.classify(text, $1, nil) }
    }

    /// Classifies a picture, and asks the cloud where the model isn't sure, for no longer than a time. With none the local answer stands at once,
    /// and the cloud's comes as ``Event/upgrade(ticket:answer:)``. Of a large picture a small copy is sent. Doesn't block.
    ///
    /// - Parameters:
    ///   - pixels: The picture.
    ///   - within: How long the app waits.
    ///   - review: Whether a person may look at the question.
    ///   - topK: How many classes to name at most.
    ///   - locale: The labels' language.
    ///   - context: What only the app knows of the input.
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/picture``, ``DunlinError/Code/input`` or ``DunlinError/Code/disposed``.
    ///   `CancellationError`.
    public func ask(
        _ pixels: Pixels, within: Duration, review: Bool = false, topK: Int? = nil, locale: Locale? = nil, context: Classifier.Context = .init()
    ) async throws -> Asked {
        try await ask(Request(topK, locale, context), within, review) { try $0.classify(pixels, $1, $2) }
    }

    /// Classifies a tensor, and asks the cloud where the model isn't sure, as for a picture. Of a tensor no more than logits can be sent. Doesn't
    /// block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/input`` or ``DunlinError/Code/disposed``. `CancellationError`.
    public func ask(
        _ values: [Float], within: Duration, review: Bool = false, topK: Int? = nil, locale: Locale? = nil, context: Classifier.Context = .init()
    ) async throws -> Asked {
        try await ask(Request(topK, locale, context), within, review) { try $0.classify(values, $1, $2) }
    }

    /// Classifies a text, and asks the cloud where the model isn't sure, as for a picture. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/input`` or ``DunlinError/Code/disposed``. `CancellationError`.
    public func ask(
        _ text: String, within: Duration, review: Bool = false, topK: Int? = nil, locale: Locale? = nil, context: Classifier.Context = .init()
    ) async throws -> Asked {
        try await ask(Request(topK, locale, context), within, review) { try $0.classify(text, $1, $2) }
    }

    /// The version of the model that answers. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/disposed``. `CancellationError`.
    public var version: Int {
        get async throws { try await worker.run { [bridge] in Int(try bridge.version()) } }
    }

    /// Whether what was last seen of the repository counts no longer. The model answers on; an app that thinks otherwise says so in the context.
    /// Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/disposed``. `CancellationError`.
    public var isStale: Bool {
        get async throws { try await worker.run { [bridge] in try bridge.isStale() } }
    }

    /// The classes' names, as ``Classifier/labels(locale:head:)``, of the model that answers. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/disposed``. `CancellationError`.
    public func labels(locale: Locale? = nil, head: Int = 0) async throws -> [String] {
        let head = UInt32(clamping: head)
        return try await worker.run { [bridge] in try bridge.labels(head: head, locale: locale?.identifier(.bcp47)) }
    }

    /// The app has the upgrade of a ticket, which won't come again. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/input`` for what is no ticket, ``DunlinError/Code/disposed``.
    public func done(_ ticket: String) throws {
        try tell { try $0.done(ticket: ticket) }
    }

    /// The user allows more to be sent to the cloud, or less: what waits and needs more than that is removed. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/disposed``.
    public func setConsent(_ consent: Consent) throws {
        try tell { try $0.setConsent(consent: .init(consent)) }
    }

    /// The user agreed to summaries, or to none: then what waits to be sent is deleted. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/input`` for an epsilon that is no promise, ``DunlinError/Code/disposed``.
    public func setSummaries(_ privacy: Privacy?) throws {
        try tell { try $0.setSummaries(privacy: privacy.map { .init($0) }) }
    }

    /// Looks for updates now, rather than when it is time. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/disposed``.
    public func check() throws {
        try tell { try $0.check() }
    }

    /// Asks for the device's conditions anew, since they changed. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/disposed``.
    public func conditionsChanged() throws {
        try tell { try $0.conditionsChanged() }
    }

    /// Ends the client. Calls made before finish, but for those that wait for the cloud, which throw ``DunlinError`` with the code
    /// ``DunlinError/Code/disposed`` as later ones do; requests under way are cancelled. Doesn't block; closing twice does no harm.
    public func close() {
        host.close(worker.disposed)
        worker.close { [bridge] in bridge.dispose() }
    }

    /// Waits until a client that was closed has stored what it must and left its folder, so that another can open it.
    public func closed() async {
        await worker.done()
    }

    private func answer(_ request: Request, _ call: @escaping @Sendable (DunlinBridge.Client, Request) throws -> DunlinBridge.Answer) async throws
        -> Answer
    {
        try await worker.run { [bridge] in Answer(try call(bridge, request)) }
    }

    private func ask(
        _ request: Request, _ within: Duration, _ review: Bool,
        _ call: @escaping @Sendable (DunlinBridge.Client, Request, Question) throws -> DunlinBridge.Answer
    ) async throws -> Asked {
        let pending = host.question()
        defer { host.forget(pending) }
        let question = Question(number: pending.number, budget: within.milliseconds, review: review)
        let local = try await worker.run { [bridge] in Answer(try call(bridge, request, question)) }
        guard case .fallback = local.classification.decision.outcome else { return Asked(local: local, cloud: nil) }
        return Asked(local: local, cloud: try await pending.outcome.value())
    }

    private func tell(_ word: (DunlinBridge.Client) throws -> Void) throws {
        do {
            try word(bridge)
        } catch {
            throw DunlinError(error)
        }
    }
}

extension DunlinBridge.Client {
    fileprivate func classify(_ pixels: Pixels, _ request: Request, _ question: Question?) throws -> DunlinBridge.Answer {
        let (width, height) = try pixels.sides
        let data = try pixels.data.crossing(or: .picture)
        return try classifyPixels(
            data: data, width: width, height: height, format: .init(pixels.format), request: request, question: question)
    }

    fileprivate func classify(_ values: [Float], _ request: Request, _ question: Question?) throws -> DunlinBridge.Answer {
        try classifyValues(values: values.littleEndian.crossing(or: .input), request: request, question: question)
    }

    fileprivate func classify(_ text: String, _ request: Request, _ question: Question?) throws -> DunlinBridge.Answer {
        try classifyText(text: text.crossing, request: request, question: question)
    }
}

extension Client.Answer {
    fileprivate init(_ bridged: DunlinBridge.Answer) {
        self.init(classification: Classification(bridged.classification), version: Int(bridged.version))
    }
}

import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Sends requests by a `URLSession` of its own, which keeps nothing: no cache, no cookies, no credentials.
public final class URLSessionTransport: Transport {
    private let session: URLSession
    private let exchanges = Exchanges()

    /// A transport, for one client or several.
    public init() {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        configuration.httpCookieStorage = nil
        configuration.httpCookieAcceptPolicy = .never
        configuration.httpShouldSetCookies = false
        configuration.urlCredentialStorage = nil
        session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
    }

    deinit { session.finishTasksAndInvalidate() }

    /// Sends a request, and reads no more of the answer than it may have.
    ///
    /// - Throws: ``TransportError``, and `CancellationError`.
    public func send(_ request: TransportRequest) async throws -> TransportResponse {
        guard let url = URL(string: request.url), Exchange.takes(url) else { throw TransportError.connect }
        var built = URLRequest(url: url)
        built.httpMethod = request.method
        // Of silence, and some systems count whole seconds: what is too long altogether ends before.
        built.timeoutInterval = Double(request.timeout.components.seconds) + 2
        built.httpShouldHandleCookies = false
        // What would tell of the device and its user, or of a form of the body whose length isn't the answer's.
        let quiet = ["accept": "*/*", "accept-encoding": "identity", "accept-language": "*", "user-agent": ""]
        for (name, value) in quiet.merging(request.headers, uniquingKeysWith: { $1 }) { built.setValue(value, forHTTPHeaderField: name) }
        if request.method != "GET" { built.httpBody = request.body }
        let exchange = Exchange(request)
        let task = session.dataTask(with: built)
        exchanges.begin(exchange, as: task.taskIdentifier)
        let timer = Task {
            try await Task.sleep(for: request.timeout)
            exchange.end(.timeout)
            task.cancel()
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await exchange.response.value { task.resume() }
        } onCancel: {
            task.cancel()
        }
    }
}

/// The exchanges under way, as a session tells of them.
private final class Exchanges: NSObject, URLSessionDataDelegate, Sendable {
    private let underWay = Locked([Int: Exchange]())

    func begin(_ exchange: Exchange, as identifier: Int) {
        underWay.withLock { $0[identifier] = exchange }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        guard let exchange = exchange(of: task) else { return completionHandler(nil) }
        switch exchange.redirected(from: response.url, to: request) {
        case .success(let next): completionHandler(next)
        case .failure(let error):
            exchange.end(error)
            completionHandler(nil)
            task.cancel()
        }
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        let goes = exchange(of: dataTask)?.begins(response) ?? false
        completionHandler(goes ? .allow : .cancel)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        if exchange(of: dataTask)?.receives(data) != true { dataTask.cancel() }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let ended = underWay.withLock { $0.removeValue(forKey: task.taskIdentifier) }
        ended?.completes(task.response as? HTTPURLResponse, error)
    }

    private func exchange(of task: URLSessionTask) -> Exchange? {
        underWay.withLock { $0[task.taskIdentifier] }
    }
}

/// A request, and what has come of it.
private final class Exchange: Sendable {
    let response = Promise<TransportResponse>()

    private let request: TransportRequest
    private let received = Locked((body: Data(), redirects: 0))

    private static let mostRedirects = 5

    init(_ request: TransportRequest) { self.request = request }

    static func takes(_ url: URL) -> Bool {
        ["http", "https"].contains(url.scheme?.lowercased()) && url.host?.isEmpty == false
    }

    /// The request that follows; `nil` where the answer itself counts.
    func redirected(from: URL?, to next: URLRequest) -> Result<URLRequest?, TransportError> {
        guard request.method == "GET" else { return .success(nil) }
        let count = received.withLock { received in
            received.redirects += 1
            return received.redirects
        }
        guard count <= Self.mostRedirects else { return .failure(.broken) }
        let wasSecret = from?.scheme?.lowercased() == "https"
        guard let url = next.url, Self.takes(url), !wasSecret || url.scheme?.lowercased() == "https" else { return .failure(.connect) }
        var next = next
        next.setValue(nil, forHTTPHeaderField: "authorization")
        return .success(next)
    }

    /// Whether the body may be as long as the head says.
    func begins(_ response: URLResponse) -> Bool {
        guard response.expectedContentLength <= Int64(request.maxBytes) else {
            end(.tooLong)
            return false
        }
        return true
    }

    /// Whether the body still isn't too long.
    func receives(_ data: Data) -> Bool {
        let fits = received.withLock { received in
            guard received.body.count + data.count <= request.maxBytes else { return false }
            received.body.append(data)
            return true
        }
        if !fits { end(.tooLong) }
        return fits
    }

    func completes(_ answer: HTTPURLResponse?, _ error: (any Error)?) {
        if let error { return fail(error) }
        guard let answer else { return end(.broken) }
        let body = received.withLock { $0.body }
        // Not every platform says so. An answer without a body may still name its length.
        let hasBody = answer.statusCode != 304 && answer.statusCode != 204
        if hasBody && Int64(body.count) < answer.expectedContentLength { return end(.broken) }
        var headers = [String: String]()
        for (name, value) in answer.allHeaderFields {
            if let name = name as? String, let value = value as? String { headers[name.lowercased()] = value }
        }
        response.give { TransportResponse(status: answer.statusCode, headers: headers, body: body) }
    }

    func end(_ error: TransportError) {
        response.give { throw error }
    }

    private func fail(_ error: any Error) {
        switch (error as? URLError)?.code {
        case .cancelled?: response.give { throw CancellationError() }
        case .timedOut?: end(.timeout)
        case .badURL?, .unsupportedURL?, .cannotFindHost?, .cannotConnectToHost?, .dnsLookupFailed?, .notConnectedToInternet?: end(.connect)
        case .secureConnectionFailed?, .serverCertificateUntrusted?, .serverCertificateHasBadDate?, .serverCertificateNotYetValid?,
            .serverCertificateHasUnknownRoot?, .clientCertificateRequired?, .appTransportSecurityRequiresSecureConnection?:
            end(.connect)
        default: end(.broken)
        }
    }
}

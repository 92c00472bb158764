import DunlinBridge
import Foundation

/// Sends a client's requests: ``URLSessionTransport``, or the HTTP that an app has already.
///
/// It sends what a request says and nothing that tells who asks: no cookies, no cache. Only answers to GET may lead elsewhere, a few times, never
/// from `https` to `http`, and without the header `authorization`.
public protocol Transport: Sendable {
    /// Sends a request and gives the whole answer, whatever its status. When the request's time is over, or the client is closed, the task is
    /// cancelled.
    ///
    /// - Throws: ``TransportError`` where there is no answer; whatever else is thrown counts as a connection that broke.
    func send(_ request: TransportRequest) async throws -> TransportResponse
}

/// A request of a client.
public struct TransportRequest: Sendable {
    /// `GET`, `POST` or `PUT`.
    public let method: String
    /// The whole address.
    public let url: String
    /// Headers, their names in lower case.
    public let headers: [String: String]
    /// The body; empty for GET.
    public let body: Data
    /// An answer with a longer body is ``TransportError/tooLong``, and isn't read to its end.
    public let maxBytes: Int
    /// From the beginning to the answer's last byte.
    public let timeout: Duration
}

/// A server's answer, whatever its status.
public struct TransportResponse: Sendable {
    /// Such as 200.
    public let status: Int
    /// Headers, one of each name.
    public let headers: [String: String]
    /// The body, decoded.
    public let body: Data

    /// An answer.
    public init(status: Int, headers: [String: String], body: Data) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }
}

/// Why there is no answer.
public enum TransportError: Error, Sendable, Equatable {
    /// No connection, so that no server has seen the request.
    case connect
    /// The connection broke after the request was sent, or began to be.
    case broken
    /// The time was over.
    case timeout
    /// The answer is longer than asked for.
    case tooLong
}

extension TransportRequest {
    init(_ bridged: HttpRequest) {
        method =
            switch bridged.method {
            case .get: "GET"
            case .post: "POST"
            case .put: "PUT"
            }
        url = bridged.url
        headers = Dictionary(bridged.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        body = bridged.body
        maxBytes = Int(clamping: bridged.maxBytes)
        timeout = .milliseconds(Int64(clamping: bridged.timeout))
    }
}

extension HttpFailure {
    init(_ error: TransportError) {
        self =
            switch error {
            case .connect: .connect
            case .broken: .broken
            case .timeout: .timeout
            case .tooLong: .tooLong
            }
    }
}

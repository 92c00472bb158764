import Foundation
import Testing

@testable import Dunlin

#if canImport(Glibc)
import Glibc
private let stream = Int32(SOCK_STREAM.rawValue)
private let quietly = Int32(MSG_NOSIGNAL)
#else
import Darwin
private let stream = SOCK_STREAM
private let quietly: Int32 = 0
#endif

/// What `dunlin_native::Http` is held to, of this platform's HTTP.
@Suite struct TransportTests {
    private let transport = URLSessionTransport()

    private func answer(_ head: String, _ body: String = "") -> String { "HTTP/1.1 \(head)\r\nConnection: close\r\n\r\n\(body)" }

    private func request(
        _ url: String, _ method: String = "GET", _ body: String = "", _ more: [String: String] = [:], within: Duration = .seconds(20)
    ) -> TransportRequest {
        let headers = ["accept": "application/json"].merging(more) { $1 }
        return TransportRequest(method: method, url: url, headers: headers, body: Data(body.utf8), maxBytes: 10, timeout: within)
    }

    private func fault(_ request: TransportRequest) async -> TransportError? {
        do {
            let got = try await transport.send(request)
            Issue.record("\(got.status) \(got.body.count)")
        } catch let error as TransportError {
            return error
        } catch {
            Issue.record(error)
        }
        return nil
    }

    @Test func sendsWhatARequestSaysAndNothingThatTellsWhoAsks() async throws {
        let server = try Answering(answer("201 Created\r\nETag: \"7\"\r\nContent-Length: 2", "ok"))
        let more = ["authorization": "Bearer t", "content-type": "text/plain"]
        let got = try await transport.send(request("\(server.address)/v1/x?y=1", "POST", "hello", more))
        #expect(got.status == 201 && got.headers["etag"] == "\"7\"" && got.body == Data("ok".utf8))
        let asked = try #require(await server.asked().first).lowercased()
        let lines = asked.components(separatedBy: "\r\n").filter { !$0.isEmpty }
        for line in ["post /v1/x?y=1 http/1.1", "authorization: bearer t", "content-type: text/plain", "content-length: 5", "hello"] {
            #expect(lines.contains(line))
        }
        for telling in ["cookie", "curl", "xctest", "dunlin"] { #expect(!asked.contains(telling), "\(asked)") }
        #expect(lines.filter { $0.hasPrefix("accept-language") }.allSatisfy { $0 == "accept-language: *" })
    }

    @Test(arguments: [204, 304, 400, 401, 404, 429, 500, 503]) func statusesAreAnswers(status: Int) async throws {
        let server = try Answering(answer("\(status) Some\r\nContent-Length: 0"))
        #expect(try await transport.send(request(server.address)).status == status)
    }

    @Test func readsUpToTheLimitAndNoFurther() async throws {
        let long = String(repeating: "x", count: 5_000_000)
        let cases: [(String, TransportError?)] = [
            (answer("200 OK\r\nContent-Length: 10", "0123456789"), nil),
            (answer("200 OK\r\nContent-Length: 11", "0123456789A"), .tooLong),
            (answer("200 OK\r\nContent-Length: 99999999999", "0"), .tooLong),
            (answer("200 OK", long), .tooLong),
            (answer("404 Gone", long), .tooLong),
            (answer("200 OK\r\nTransfer-Encoding: chunked", "6\r\n012345\r\n6\r\n678901\r\n"), .tooLong),
            (answer("200 OK\r\nContent-Length: 10", "0123"), .broken),
            (answer("200 OK\r\nTransfer-Encoding: chunked", "4\r\n0123\r\n"), .broken),
            ("", .broken),
        ]
        for (said, expected) in cases {
            let server = try Answering(said)
            if let expected {
                #expect(await fault(request(server.address)) == expected, "\(said.prefix(60))")
            } else {
                #expect(try await transport.send(request(server.address)).body.count == 10)
            }
        }
    }

    @Test func followsAFewRedirectsWithoutTokensAndNoneOfAQuestion() async throws {
        let end = try Answering(answer("200 OK\r\nContent-Length: 4", "here"))
        let start = try Answering(answer("302 Found\r\nLocation: \(end.address)/there"))
        let got = try await transport.send(request(start.address, "GET", "", ["authorization": "Bearer secret"]))
        #expect(got.body == Data("here".utf8))
        #expect(await start.asked()[0].contains("Bearer secret"))
        #expect(await !end.asked()[0].contains("secret"))

        let again = try Answering(Array(repeating: answer("302 Found\r\nLocation: /again"), count: 6))
        #expect(await fault(request(again.address)) == .broken)
        let file = try Answering(answer("302 Found\r\nLocation: file:///etc/passwd"))
        #expect(await fault(request(file.address)) == .connect)
        let question = try Answering(answer("307 Elsewhere\r\nLocation: /again\r\nContent-Length: 0"))
        #expect(try await transport.send(request(question.address, "POST", "once")).status == 307)
    }

    @Test func tellsWhereItFailed() async throws {
        let closed = try Answering([]).address
        for url in [closed, "nonsense", "http://", "file:///etc/passwd", "ftp://127.0.0.1/x"] {
            #expect(await fault(request(url)) == .connect, "\(url)")
        }
        // Takes the question, and says nothing.
        let silent = try Answering([nil])
        #expect(await fault(request(silent.address, within: .milliseconds(50))) == .timeout)
    }

    @Test func cancellingEndsTheConnection() async throws {
        let silent = try Answering([nil])
        let transport = transport
        let request = request(silent.address, within: .seconds(600))
        let sending = Task { try await transport.send(request) }
        await silent.begun.opened()
        sending.cancel()
        await #expect(throws: CancellationError.self) { try await sending.value }
        // It waits for the connection's end.
        #expect(await silent.asked().count == 1)
    }
}

/// A server that gives one prepared answer to each connection; none at all, where there is no text, until the other side hangs up.
private final class Answering: Sendable {
    let address: String
    let begun = Gate()
    private let done = Gate()
    private let said = Locked([String]())

    convenience init(_ answer: String) throws { try self.init([answer]) }

    init(_ answers: [String?]) throws {
        let listener = socket(AF_INET, stream, 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &place) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
                bind(listener, place, size) == 0 && listen(listener, 8) == 0 && getsockname(listener, place, &size) == 0
            }
        }
        try #require(bound)
        address = "http://127.0.0.1:\(UInt16(bigEndian: place.sin_port))"
        if answers.isEmpty {
            close(listener)
            return
        }
        Thread.detachNewThread { [self] in
            for answer in answers {
                let connection = accept(listener, nil, nil)
                let asked = head(of: connection)
                said.withLock { $0.append(asked) }
                begun.open()
                give(answer, to: connection)
                close(connection)
            }
            close(listener)
            done.open()
        }
    }

    /// What it was asked, once all is answered.
    func asked() async -> [String] {
        await done.opened()
        return said.withLock { $0 }
    }

    private func head(of connection: Int32) -> String {
        var bytes = [UInt8]()
        var byte: UInt8 = 0
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8), recv(connection, &byte, 1, 0) == 1 { bytes.append(byte) }
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        let length = text.components(separatedBy: "content-length: ").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
        for _ in 0..<length where recv(connection, &byte, 1, 0) == 1 { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Who has read enough may be gone.
    private func give(_ answer: String?, to connection: Int32) {
        guard let answer else {
            var byte: UInt8 = 0
            while recv(connection, &byte, 1, 0) > 0 {}
            return
        }
        let bytes = Array(answer.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { send(connection, $0.baseAddress, $0.count, quietly) }
            if count <= 0 { return }
            sent += count
        }
        shutdown(connection, Int32(SHUT_WR))
        var byte: UInt8 = 0
        while recv(connection, &byte, 1, 0) > 0 {}
    }
}

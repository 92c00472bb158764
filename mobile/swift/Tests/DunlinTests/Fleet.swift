import Foundation
import Testing

@testable import Dunlin

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// What `cargo test --package dunlin-ffi --test conformance` makes; mobile/conformance/README.md says what each is for.
let prepared = repository("target/conformance/fleet")

/// The real server, and its publisher. Ends with its last reference.
final class Fleet: Sendable {
    let folder: URL
    let address: URL
    private let tokens: [String]
    private let server: Locked<Process>

    var deviceToken: String { tokens[0] }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        let cloud = folder.appendingPathComponent("data/cloud/messages")
        try FileManager.default.createDirectory(at: cloud, withIntermediateDirectories: true)
        for (from, to) in [("sms_spam.onnx", "model.onnx"), ("spec.json", "spec.json"), ("labels.txt", "labels.txt")] {
            let file = repository("models/sms_spam").appendingPathComponent(from)
            try FileManager.default.copyItem(at: file, to: cloud.appendingPathComponent(to))
        }
        try Data(#"{"text": "spec.json", "labels": "labels.txt"}"#.utf8).write(to: cloud.appendingPathComponent("config.json"))
        let words = ["serve", "--listen", "127.0.0.1:0", "--rate", "0", "--log", "trouble", "--data", "data"]
        let (process, said) = try Self.start(words, in: folder)
        var tokens = [String]()
        var lines = Lines(said)
        while let line = lines.next(), !line.hasPrefix("Serving at ") {
            tokens += line.split(separator: " ").filter { $0.hasPrefix("dunlin-") }.map(String.init)
        }
        let last = try #require(lines.last)
        address = try #require(URL(string: last.replacingOccurrences(of: "Serving at ", with: "")))
        self.tokens = tokens
        server = Locked(process)
        try run("keys", "init", "--dir", "keys")
    }

    deinit {
        server.withLock { server in
            kill(server.processIdentifier, SIGKILL)
            server.waitUntilExit()
        }
        try? FileManager.default.removeItem(at: folder)
    }

    /// What an app ships: the first root of a repository that this publisher made.
    func root(of repository: String = "repository") throws -> Data {
        try Data(contentsOf: folder.appendingPathComponent("\(repository)/metadata/1.root.json"))
    }

    /// Publishes an artifact to everyone, as a model's next version.
    func publish(_ model: String, _ artifact: String, _ more: String...) throws {
        let place = ["--repository", "repository", "--keys", "keys", "--server", address.absoluteString, "--token", tokens[1]]
        try run(["publish", prepared.appendingPathComponent(artifact).path, "--model", model, "--rollout", "100%"] + more + place)
    }

    /// A repository of somebody else's, signed with other keys.
    func forge(_ model: String) throws {
        try run("keys", "init", "--dir", "other")
        let artifact = prepared.appendingPathComponent("first.dunlin").path
        try run("publish", artifact, "--model", model, "--rollout", "100%", "--repository", "forged", "--keys", "other")
    }

    /// How many summaries the server took.
    func summaries() async throws -> Int {
        var request = URLRequest(url: address.appendingPathComponent("metrics"))
        request.setValue("Bearer \(tokens[2])", forHTTPHeaderField: "authorization")
        let (data, _) = try await URLSession.shared.data(for: request)
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("dunlin_summaries_total{outcome=\"accepted\"}") })
        return try #require(Int(line.split(separator: " ")[1]))
    }

    private func run(_ words: String...) throws { try run(words) }

    private func run(_ words: [String]) throws {
        let (process, said) = try Self.start(words, in: folder)
        let output = String(decoding: said.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(words): \(output)")
    }

    private static func start(_ words: [String], in folder: URL) throws -> (Process, FileHandle) {
        let process = Process()
        let program = ProcessInfo.processInfo.environment["DUNLIN"].map { URL(fileURLWithPath: $0) } ?? repository("target/release/dunlin")
        (process.executableURL, process.arguments, process.currentDirectoryURL) = (program, words, folder)
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        return (process, pipe.fileHandleForReading)
    }
}

/// The lines of what a process says.
private struct Lines {
    private(set) var last: String?
    private let handle: FileHandle
    private var rest = Data()

    init(_ handle: FileHandle) { self.handle = handle }

    mutating func next() -> String? {
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                last = String(decoding: rest[..<end], as: UTF8.self)
                rest = Data(rest[(end + 1)...])
                return last
            }
            let more = handle.availableData
            if more.isEmpty { return nil }
            rest += more
        }
    }
}

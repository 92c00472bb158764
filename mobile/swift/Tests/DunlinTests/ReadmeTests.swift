import Dunlin
import Foundation
import Testing

/// The examples of README.md stand here once more, so that they are compiled and run.
@Suite struct ReadmeTests {
    @Test func classifiesAPicture() async throws {
        let model = repository("models/cifar10/cifar10.dunlin")
        let pixels = try turnedPixels()
        let classifier = try await Classifier(contentsOf: model)
        let answer = try await classifier.classify(pixels)
        for entry in answer.classes {
            print(entry.label ?? "class \(entry.index)", entry.probability)
        }
        #expect(answer.classes.count == 5)
    }

    @Test func decides() async throws {
        let classifier = try await Classifier(contentsOf: repository("models/cifar10/cifar10.dunlin"))
        let pixels = try turnedPixels()
        let context = Classifier.Context(cohort: "de", hasFallback: true)
        switch try await classifier.classify(pixels, context: context).decision.outcome {
        case .answer: print("sure")
        case .fallback(let reason): print("ask the cloud:", reason)
        case .abstain(let reason): print("no answer:", reason)
        }
    }

    /// The examples of docs/howto/apple.md.
    @Test func decidesWhatTextsAreAndSaysWhatFurtherHeadsSay() async throws {
        var said: [String] = []
        func show(_ label: String) { said.append(label) }
        func say(_ reason: String) { said.append(reason) }
        func askTheCloud() async throws { said.append("cloud") }
        do {
            let classifier = try await Classifier(contentsOf: repository("mobile/conformance/text.dunlin"))
            let context = Classifier.Context(cohort: "de", isStale: false, hasFallback: true)
            let answer = try await classifier.classify("Free entry! Reply WIN to 80085", locale: Locale(identifier: "de"), context: context)
            switch answer.decision.outcome {
            case .answer: show(answer.classes.first?.label ?? "")
            case .fallback: try await askTheCloud()
            case .abstain(let reason): say(reason.rawValue)
            }
            #expect(answer.heads.isEmpty)
        }
        #expect(said.count == 1)
        let classifier = try await Classifier(contentsOf: repository("docs/formats/vectors/good_heads.dunlin"))
        let answer = try await classifier.classify([Float](repeating: 0, count: 8))
        for head in answer.heads { print(head.name, head.classes.first?.label ?? "", head.decision.outcome) }
        #expect(answer.heads.count == 2)
        #expect(try await classifier.labels(locale: Locale(identifier: "de"), head: 1) == ["rot", "gr\u{fc}n", "blau"])
    }

    @Test func keepsItselfUpToDate() async throws {
        let folder = try Folder()
        let options = try options(folder.url)
        let client = try await Client(options)
        print(try await client.classify("See you at seven then").classification.classes.first?.label ?? "no name")
        let asked = try await client.ask("Win a date with me tonight, txt back", within: .seconds(2))
        guard case .local? = asked.cloud else {
            Issue.record("not asked")
            return
        }
    }

    /// The examples of docs/howto/apple.md.
    @Test func opensAClientListensAndAsks() async throws {
        var (said, tickets) = ([String](), [String]())
        func show(_ label: String) { said.append(label) }
        func remember(_ ticket: String) { tickets.append(ticket) }
        @Sendable func log(_ event: Client.Event) { print(event) }
        let folder = try Folder()
        let client = try await Client(options(folder.url))
        let answer = try await client.classify("See you at seven then")
        show(answer.classification.classes.first?.label ?? "")
        let events = Task { for await event in client.events { log(event) } }
        let asked = try await client.ask("Win a date with me tonight, txt back", within: .seconds(2))
        switch asked.cloud {
        case nil: show(asked.local.classification.classes.first?.label ?? "")
        case .answered(_, let answer): show(try await client.labels()[answer.index])
        case .local(let ticket, _, _, let later): if later { remember(ticket) }
        }
        #expect(said == ["ham"] && tickets.count == 1)
        client.close()
        await client.closed()
        await events.value
    }

    private struct Nowhere: Transport {
        func send(_ request: TransportRequest) async throws -> TransportResponse { throw TransportError.connect }
    }

    private func options(_ folder: URL) throws -> Client.Options {
        let (model, root) = (repository("models/sms_spam/sms_spam.dunlin"), Data())
        var options = Client.Options(
            folder: folder, model: "messages", shipped: .init(contentsOf: model, version: 3),
            repository: URL(string: "https://models.example.org/repository")!, root: root)
        options.cloud = .init(servers: [.init(url: URL(string: "https://models.example.org")!, model: "messages")], consent: .input)
        options.transport = Nowhere()
        return options
    }

    @Test func examplesAreThoseOfTheReadme() throws {
        let readme = try String(contentsOf: repository("mobile/swift/README.md"), encoding: .utf8)
        let here = lines(of: try String(contentsOfFile: #filePath, encoding: .utf8))
        let examples = readme.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
        #expect(examples.count == 4)
        for line in examples.flatMap(lines) {
            #expect(here.contains(line), "\(line)")
        }
    }

    private func turnedPixels() throws -> Pixels {
        let rows = made(seed: 1, count: 2560 * 480)
        let pixels = try rows.withUnsafeBytes { bytes in
            try Pixels(rows: bytes, width: 640, height: 480, bytesPerRow: 2560, layout: .bgra8, orientation: .right)
        }
        #expect(pixels.width == 480 && pixels.height == 640)
        return pixels
    }

    private func lines(of text: String) -> [String] {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }
}

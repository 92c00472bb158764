import Foundation
import Testing

@testable import Dunlin

/// One after the other: one of them watches the memory of the whole process.
@Suite(.serialized) struct ClassifierTests {
    static let picture = Pixels(Data(made(seed: 7, count: 32 * 32 * 3)), width: 32, height: 32, format: .rgb8)

    @Test func manyTasksGetTheSameAnswer() async throws {
        let classifier = try await Classifier(contentsOf: cifar10)
        let alone = try await classifier.classify(Self.picture)
        let pictures = (0..<8).map { Pixels(Data(made(seed: $0, count: 3072)), width: 32, height: 32, format: .rgb8) }
        var each = [Classification]()
        for picture in pictures { each.append(try await classifier.classify(picture)) }
        try await withThrowingTaskGroup(of: (Int, Classification).self) { group in
            for call in 0..<200 {
                group.addTask { (call % 8, try await classifier.classify(pictures[call % 8])) }
            }
            for try await (picture, classification) in group {
                #expect(classification == each[picture])
            }
        }
        #expect(each[7] == alone)
        #expect(Set(each.map(\.logits)).count == 8)
    }

    @MainActor @Test func theCallersActorIsFreeMeanwhile() async throws {
        let worker = Worker()
        let (gate, free) = (Gate(), Gate())
        async let waiting: Void = worker.run {
            gate.pass()
            free.open()
        }
        // This would wait for ever, were the main actor not free while the call stands before the gate.
        Task { @MainActor in gate.open() }
        try await waiting
        free.pass()
    }

    @Test func aCancelledTaskGetsACancellationError() async throws {
        let classifier = try await Classifier(contentsOf: cifar10)
        let calls: [@Sendable () async throws -> Void] = [
            { _ = try await classifier.classify(Self.picture) },
            { _ = try await classifier.classify([1, 2, 3]) },
            { _ = try await classifier.classify("text") },
            { _ = try await classifier.labels() },
            { _ = try await classifier.explain() },
            { _ = try await Classifier(contentsOf: cifar10) },
            { _ = try await Classifier(data: Data()) },
        ]
        for call in calls {
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await call()
            }
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        #expect(try await classifier.classify(Self.picture).classes.count == 5)
    }

    @Test func closingMeanwhileLeavesEveryCallAnAnswerOrAnError() async throws {
        for round in 0..<20 {
            let classifier = try await Classifier(contentsOf: cifar10)
            let expected = try await classifier.classify(Self.picture)
            let earlier = try await withThrowingTaskGroup(of: Classification?.self) { group in
                for call in 0..<20 {
                    group.addTask {
                        if call == round { classifier.close() }
                        do {
                            return try await classifier.classify(Self.picture)
                        } catch let error as DunlinError where error.code == .disposed {
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: [Classification]()) { all, one in one.map { all.append($0) } }
            }
            #expect(earlier.count < 20)
            #expect(earlier.allSatisfy { $0 == expected })
        }
    }

    @Test func everyCallAfterClosingIsRefused() async throws {
        let classifier = try await Classifier(contentsOf: cifar10)
        classifier.close()
        classifier.close()
        let calls: [() async throws -> Void] = [
            { _ = try await classifier.classify(Self.picture) },
            { _ = try await classifier.classify([1, 2, 3]) },
            { _ = try await classifier.classify("text") },
            { _ = try await classifier.labels() },
            { _ = try await classifier.explain() },
        ]
        for call in calls {
            let error = await failure { try await call() }
            #expect(error?.code == .disposed)
        }
        #expect(classifier.inputs.map(\.shape) == [[1, 32, 32, 3]])
    }

    /// Where a model ends too early, wherever that is: an error, and the same from a file and from bytes.
    @Test func everyTruncationIsAnError() async throws {
        let whole = try Data(contentsOf: cifar10)
        let folder = try Folder()
        for count in Array(0..<128) + stride(from: 128, to: whole.count, by: 7919) + [whole.count - 1] {
            let file = folder.url.appendingPathComponent("cut.dunlin")
            try whole.prefix(count).write(to: file)
            let fromFile = await failure { try await Classifier(contentsOf: file) }
            let fromBytes = await failure { try await Classifier(data: whole.prefix(count)) }
            #expect(fromFile?.code == .artifact)
            #expect(fromBytes == fromFile)
        }
    }

    @Test func whatIsNoFileCannotBeFetched() async throws {
        let folder = try Folder()
        for url in [folder.url, folder.url.appendingPathComponent("nowhere"), URL(string: "https://example.com/model.dunlin")!] {
            let error = await failure { try await Classifier(contentsOf: url) }
            #expect(error?.code == .fetch, "\(url)")
        }
    }

    /// A file whose name isn't ASCII, and a slice of data that doesn't begin at 0.
    @Test func loadsFromUnusualPlaces() async throws {
        let folder = try Folder()
        let whole = try Data(contentsOf: cifar10)
        let file = folder.url.appendingPathComponent("Strandläufer und Möwe 🐦.dunlin")
        try whole.write(to: file)
        let padded = Data([1, 2, 3]) + whole
        for classifier in [try await Classifier(contentsOf: file), try await Classifier(data: padded.dropFirst(3))] {
            #expect(try await classifier.classify(Self.picture).classes.first?.label == "frog")
        }
    }

    @Test func sizesThatTheEngineCannotBeToldAreNoPicture() async throws {
        let classifier = try await Classifier(contentsOf: cifar10)
        for (width, height) in [(-1, 32), (32, .min), (.max, 1)] {
            let pixels = Pixels(Data(), width: width, height: height, format: .gray8)
            let error = await failure { try await classifier.classify(pixels) }
            #expect(error?.code == .picture)
        }
    }

    /// The bridge counts bytes in 31 bits. Nobody looks at these, so they needn't be there.
    @Test func moreThanTheBridgeTakesIsAnError() async throws {
        let start = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
        defer { start.deallocate() }
        let large = Data(bytesNoCopy: start, count: 1 << 31, deallocator: .none)
        let asAModel = await failure { try await Classifier(data: large) }
        #expect(asAModel?.code == .memory)
        let classifier = try await Classifier(contentsOf: cifar10)
        let asAPicture = await failure { try await classifier.classify(Pixels(large, width: 1 << 16, height: 1 << 15, format: .gray8)) }
        #expect(asAPicture?.code == .picture)
    }

    @Test(arguments: [(-1, 0), (0, 0), (3, 3), (Int.max, 10)])
    func namesAsManyClassesAsWanted(topK: Int, count: Int) async throws {
        let classifier = try await Classifier(contentsOf: cifar10)
        #expect(try await classifier.classify(Self.picture, topK: topK).classes.count == count)
    }

    #if os(Linux)
    /// Loads and closes, and leaves every second classifier to be freed by its last reference.
    @Test func tenThousandRoundsDoNotGrow() async throws {
        func rounds(_ count: Int) async throws {
            for round in 0..<count {
                let classifier = try await round % 4 < 2 ? Classifier(contentsOf: cifar10) : Classifier(data: bytes)
                if round % 100 == 0 { _ = try await classifier.classify(Self.picture) }
                if round % 2 == 0 { classifier.close() }
            }
        }
        let bytes = try Data(contentsOf: cifar10)
        try await rounds(500)
        let before = try residentBytes()
        try await rounds(10_000)
        let grown = try residentBytes() - before
        // A model that stays, or only its buffers, would be gigabytes.
        #expect(grown < 16 << 20, "\(grown) bytes more")
    }

    /// Also of classifiers that somebody still holds: later ones get it.
    @Test func closingGivesMemoryBack() async throws {
        let bytes = try Data(contentsOf: cifar10)
        let before = try residentBytes()
        var closed = [Classifier]()
        for _ in 0..<1000 {
            let classifier = try await Classifier(data: bytes)
            classifier.close()
            closed.append(classifier)
        }
        let grown = try residentBytes() - before
        #expect(grown < closed.count * bytes.count / 4, "\(grown) bytes more")
    }

    private func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(Int(pages[1])) * Int(getpagesize())
    }
    #endif
}

/// A folder for one test, removed with it.
final class Folder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}

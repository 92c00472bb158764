import Dunlin
import Foundation
import Testing

/// mobile/conformance/vectors.json, as its README describes it.
struct Vectors: Decodable {
    struct Model: Decodable, CustomTestStringConvertible {
        struct Input: Decodable {
            let shape: [Int]
            let elementType: String
        }
        struct Step: Decodable {
            let name: String
            let shape: [Int]
        }
        let model: String
        let head: Int?
        let locale: String?
        let labels: [String]
        let inputs: [Input]
        let steps: [Step]
        var testDescription: String { "\(model) \(head ?? 0) \(locale ?? "")" }
    }

    struct Case: Decodable, CustomTestStringConvertible {
        struct Change: Decodable {
            let keep: Int?
            let flip: Int?
        }
        struct Picture: Decodable {
            let file: String?
            let seed: Int?
            let bytes: Int?
            let width: Int
            let height: Int
            let format: String
        }
        struct Values: Decodable {
            let seed: Int?
            let count: Int?
            let hex: String?
        }
        struct Text: Decodable {
            let utf16: [UInt16]
            let times: Int?
        }
        struct Context: Decodable {
            let cohort: String?
            let stale: Bool?
            let fallback: Bool?
        }
        struct Expected: Decodable {
            struct Decision: Decodable {
                let outcome: String
                let reason: String?
                let rule: String
                let index: Int
                let margin: String
                let energy: String?
                let set: [Int]
            }
            struct Class: Decodable {
                let index: Int
                let label: String?
            }
            struct Head: Decodable {
                let name: String?
                let decision: Decision
                let classes: [Class]
                let probabilities: String
                let logits: String
            }
            let code: String?
            let within: Float?
            let evasion: UInt8?
            let heads: [Head]?
            /// What the first head says; `nil` where an error is expected.
            let first: Head?
        }
        let name: String
        let model: String
        let memoryLimit: Int?
        let dispose: Bool?
        let change: Change?
        let picture: Picture?
        let values: Values?
        let text: Text?
        let context: Context?
        let topK: Int?
        let locale: String?
        let expected: Expected
        var testDescription: String { name }
    }

    let codes: [String]
    let outcomes: [String]
    let reasons: [String]
    let rules: [String]
    let models: [Model]
    let cases: [Case]

    static let all: Vectors = {
        do {
            return try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: repository("mobile/conformance/vectors.json")))
        } catch {
            fatalError("mobile/conformance/vectors.json: \(error)")
        }
    }()
}

/// A file of the repository.
func repository(_ path: String) -> URL {
    // Four folders up from this file's.
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let root = tests.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return root.appendingPathComponent(path)
}

let cifar10 = repository("models/cifar10/cifar10.dunlin")

/// The vectors' bytes that need no file.
func made(seed: Int, count: Int) -> [UInt8] {
    (0..<count).map { (i: Int) -> UInt8 in UInt8((seed + 7 * i + 3 * i * i) % 251) }
}

extension Vectors.Case.Expected {
    private enum Key: CodingKey {
        case code, within, evasion, heads
    }

    init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: Key.self)
        code = try keys.decodeIfPresent(String.self, forKey: .code)
        within = try keys.decodeIfPresent(Float.self, forKey: .within)
        evasion = try keys.decodeIfPresent(UInt8.self, forKey: .evasion)
        heads = try keys.decodeIfPresent([Head].self, forKey: .heads)
        first = code == nil ? try Head(from: decoder) : nil
    }
}

extension Vectors.Case {
    var options: Classifier.Options { .init(memoryLimit: memoryLimit) }

    /// The model's file with its change.
    func artifact() throws -> Data {
        var bytes = try Data(contentsOf: repository(model))
        if let keep = change?.keep { bytes = bytes.prefix(keep) }
        if let flip = change?.flip { bytes[flip] ^= 0xff }
        return bytes
    }
}

extension Vectors.Case.Text {
    /// Of the code units, surrogates without their other half too.
    var units: [UInt16] { (0..<(times ?? 1)).flatMap { _ in utf16 } }
}

extension Classifier.Context {
    init(_ context: Vectors.Case.Context?) {
        self.init(cohort: context?.cohort, isStale: context?.stale ?? false, hasFallback: context?.fallback ?? false)
    }
}

extension Vectors.Case.Picture {
    func pixels() throws -> Pixels {
        let format = try #require(Pixels.Format.allCases.first { "\($0)" == self.format })
        let perPixel = [Pixels.Format.gray8: 1, .rgb8: 3, .rgba8: 4][format]!
        let data =
            if let file {
                try Data(contentsOf: repository(file))
            } else {
                Data(made(seed: try #require(seed), count: bytes ?? width * height * perPixel))
            }
        return Pixels(data, width: width, height: height, format: format)
    }
}

extension Vectors.Case.Values {
    func floats() throws -> [Float] {
        if let hex { return unhex(hex) }
        return made(seed: try #require(seed), count: try #require(count)).map { (Float($0) - 125) / 128 }
    }
}

/// Numbers as the vectors have them: little-endian f32 in hexadecimal digits.
func hex(_ values: [Float]) -> String {
    values.map { String(format: "%08x", $0.bitPattern.byteSwapped) }.joined()
}

func unhex(_ text: String) -> [Float] {
    stride(from: 0, to: text.count, by: 8).map { place in
        let digits = text.dropFirst(place).prefix(8)
        return Float(bitPattern: UInt32(digits, radix: 16)!.byteSwapped)
    }
}

/// The error that a call must end with.
func failure<T>(of call: () async throws -> T) async -> DunlinError? {
    do {
        _ = try await call()
        Issue.record("no error")
    } catch let error as DunlinError {
        return error
    } catch {
        Issue.record(error)
    }
    return nil
}

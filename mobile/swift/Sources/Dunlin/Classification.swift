import DunlinBridge
import Foundation

/// What a classifier says of one input: its first output, and in ``heads`` the others that are classifiers too.
public struct Classification: Sendable, Equatable {
    /// A class, and how probable it is.
    public struct Class: Sendable, Equatable {
        /// Its place in ``Classification/probabilities``.
        public let index: Int
        /// Its name, where the model has one.
        public let label: String?
        /// Its probability, 0 to 1.
        public let probability: Float
    }

    /// What a further output of a model says of an input: a classifier of its own, with its own classes and policy.
    public struct Head: Sendable, Equatable {
        /// The output's name; empty in a model without names.
        public let name: String
        /// What is to be done as far as this head goes.
        public let decision: Decision
        /// As ``Classification/classes``.
        public let classes: [Class]
        /// As ``Classification/probabilities``.
        public let probabilities: [Float]
        /// The output before scoring, dequantized.
        public let logits: [Float]
    }

    /// What is to be done: give the answer, ask the cloud, or say that there is none.
    public let decision: Decision
    /// The most probable classes in falling order, equal ones by index; those that the model's policy doesn't show are left out.
    public let classes: [Class]
    /// Probability of each class, calibrated where the model is; they add up to 1 unless the model's classes aren't exclusive.
    public let probabilities: [Float]
    /// The model's own output before scoring, dequantized.
    public let logits: [Float]
    /// How much a text looks as if it was made to deceive, 0 to 255; 0 for other inputs.
    public let evasion: UInt8
    /// What the model's further heads say, in their order; empty for a model that has one.
    public let heads: [Head]
}

extension Classification {
    init(_ bridged: DunlinBridge.Classification) {
        let all = bridged.heads.map(Head.init)
        // The bridge gives one at least.
        let first = all[0]
        (decision, classes, probabilities, logits) = (first.decision, first.classes, first.probabilities, first.logits)
        evasion = bridged.evasion
        heads = Array(all.dropFirst())
    }
}

extension Classification.Head {
    fileprivate init(_ bridged: DunlinBridge.Head) {
        self.init(
            name: bridged.name, decision: Decision(bridged.decision),
            classes: bridged.classes.map { .init(index: Int($0.index), label: $0.label, probability: $0.probability) },
            probabilities: [Float](littleEndian: bridged.probabilities), logits: [Float](littleEndian: bridged.logits))
    }
}

extension [Float] {
    /// The numbers of little-endian bytes, bit for bit.
    init(littleEndian bytes: Data) {
        self = bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map { place in
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
            }
        }
    }

    /// The numbers as little-endian bytes, bit for bit.
    var littleEndian: Data {
        map(\.bitPattern.littleEndian).withUnsafeBytes { Data($0) }
    }
}

import DunlinBridge
import Foundation

/// What a classifier says of one input.
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

    /// The most probable classes in falling order, equal ones by index.
    public let classes: [Class]
    /// Probability of each class; they add up to 1 unless the model's classes aren't exclusive.
    public let probabilities: [Float]
    /// The model's own output before scoring, dequantized.
    public let logits: [Float]
}

extension Classification {
    init(_ bridged: DunlinBridge.Classification) {
        classes = bridged.classes.map { Class(index: Int($0.index), label: $0.label, probability: $0.probability) }
        probabilities = [Float](littleEndian: bridged.probabilities)
        logits = [Float](littleEndian: bridged.logits)
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

import Foundation

/// A picture as the engine takes it: rows from top to bottom, without padding between them, upright.
///
/// Bytes in another order, rows with padding, turned pictures and camera frames become `Pixels` by
/// ``init(rows:width:height:bytesPerRow:layout:alpha:orientation:)``; a `CGImage` and a `CVPixelBuffer` by initializers of their own.
///
/// Sizes and length are checked when the picture is classified: a ``DunlinError`` with the code ``DunlinError/Code/picture`` says
/// what is wrong. A picture has at most 2²⁸ pixels and 65536 on a side.
public struct Pixels: Sendable, Equatable {
    /// What the bytes of a pixel mean.
    public enum Format: Sendable, CaseIterable {
        /// One byte of luminance.
        case gray8
        /// Red, green, blue.
        case rgb8
        /// Red, green, blue, alpha. Alpha is dropped and not composed over anything; colours are taken as they stand, so they
        /// must not be premultiplied.
        case rgba8
    }

    /// `width * height` pixels of `format`.
    public let data: Data
    /// Pixels of one row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// What the bytes mean.
    public let format: Format

    /// A picture of dense rows. Copies nothing and checks nothing.
    public init(_ data: Data, width: Int, height: Int, format: Format) {
        self.data = data
        self.width = width
        self.height = height
        self.format = format
    }
}

/// Shows the sizes, never the pixels: a user's picture has no way into a log.
extension Pixels: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Sizes and format.
    public var description: String { "Pixels(\(width)x\(height) \(format))" }
    /// Sizes and format.
    public var debugDescription: String { description }
    /// Sizes and format.
    public var customMirror: Mirror { Mirror(self, children: ["width": width, "height": height, "format": format]) }
}

import Foundation

extension Pixels {
    /// The order of a pixel's bytes in memory.
    public enum Layout: Sendable, CaseIterable {
        /// One byte of luminance.
        case gray8
        /// Red, green, blue.
        case rgb8
        /// Blue, green, red.
        case bgr8
        /// Red, green, blue, alpha.
        case rgba8
        /// Blue, green, red, alpha: `kCVPixelFormatType_32BGRA`, what a camera can be asked for.
        case bgra8
        /// Alpha, red, green, blue: `kCVPixelFormatType_32ARGB`.
        case argb8
        /// Alpha, blue, green, red.
        case abgr8
    }

    /// What a layout's alpha says of its colours.
    public enum Alpha: Sendable, CaseIterable {
        /// Colours are taken as they stand, whatever alpha is.
        case ignored
        /// Colours were multiplied by alpha, and are divided by it again. What is fully transparent is black.
        case premultiplied
    }

    /// Dense, upright pixels from rows that may be padded, in another order of bytes, or turned. Copies the picture, on the caller's thread.
    ///
    /// - Parameters:
    ///   - rows: At least `(height - 1) * bytesPerRow` bytes and one row's pixels.
    ///   - width: Pixels of a stored row.
    ///   - height: Stored rows.
    ///   - bytesPerRow: From the start of a row to the start of the next.
    ///   - layout: The order of a pixel's bytes.
    ///   - alpha: What alpha says of the colours, where the layout has it.
    ///   - orientation: How the stored picture has to be turned.
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/picture`` when the sizes don't fit the bytes.
    public init(
        rows: UnsafeRawBufferPointer, width: Int, height: Int, bytesPerRow: Int, layout: Layout, alpha: Alpha = .ignored,
        orientation: Orientation = .up
    ) throws {
        try Plane(bytes: rows, width: width, height: height, bytesPerRow: bytesPerRow, bytesPerPixel: layout.bytes).check()
        let walk = Walk(width: width, height: height, orientation: orientation)
        let format: Format = layout == .gray8 ? .gray8 : .rgb8
        let data = Data(dense: width * height * format.bytes) { out in
            guard let colors = layout.colors else {
                return walk.forEach { column, row in out.append(rows[row * bytesPerRow + column]) }
            }
            walk.forEach { column, row in
                let pixel = row * bytesPerRow + column * layout.bytes
                var (red, green, blue) = (rows[pixel + colors.red], rows[pixel + colors.green], rows[pixel + colors.blue])
                if alpha == .premultiplied, let place = colors.alpha {
                    let alpha = rows[pixel + place]
                    (red, green, blue) = (divide(red, by: alpha), divide(green, by: alpha), divide(blue, by: alpha))
                }
                out.append(red)
                out.append(green)
                out.append(blue)
            }
        }
        self.init(data, width: walk.width, height: walk.height, format: format)
    }
}

/// A colour before it was multiplied by alpha, to the nearest.
private func divide(_ color: UInt8, by alpha: UInt8) -> UInt8 {
    alpha == 0 ? 0 : UInt8(min(255, (Int(color) * 255 + Int(alpha) / 2) / Int(alpha)))
}

/// Borrowed rows of one picture or of one of its planes.
struct Plane {
    let bytes: UnsafeRawBufferPointer
    let width: Int
    let height: Int
    let bytesPerRow: Int
    let bytesPerPixel: Int

    /// Throws unless every pixel lies in the bytes.
    func check() throws {
        guard width > 0, height > 0, max(width, height) <= Pixels.maxSide, width * height <= Pixels.maxCount else {
            throw DunlinError(.picture, "a picture of \(width)x\(height) has no pixels or too many")
        }
        let row = width * bytesPerPixel
        let (before, overflow) = (height - 1).multipliedReportingOverflow(by: bytesPerRow)
        guard bytesPerRow >= row, !overflow, before <= bytes.count - row else {
            throw DunlinError(.picture, "\(height) rows of \(width) pixels, \(bytesPerRow) bytes each, aren't in \(bytes.count) bytes")
        }
    }
}

extension Pixels {
    /// The engine's bounds, so that nothing is copied that it would refuse.
    static let maxSide = 1 << 16
    static let maxCount = 1 << 28
}

extension Pixels.Format {
    /// Bytes of one pixel.
    var bytes: Int {
        switch self {
        case .gray8: 1
        case .rgb8: 3
        case .rgba8: 4
        }
    }
}

extension Pixels.Layout {
    /// Bytes of one pixel.
    var bytes: Int {
        switch self {
        case .gray8: 1
        case .rgb8, .bgr8: 3
        case .rgba8, .bgra8, .argb8, .abgr8: 4
        }
    }

    /// Where a pixel has its colours and alpha.
    fileprivate var colors: (red: Int, green: Int, blue: Int, alpha: Int?)? {
        switch self {
        case .gray8: nil
        case .rgb8: (0, 1, 2, nil)
        case .bgr8: (2, 1, 0, nil)
        case .rgba8: (0, 1, 2, 3)
        case .bgra8: (2, 1, 0, 3)
        case .argb8: (1, 2, 3, 0)
        case .abgr8: (3, 2, 1, 0)
        }
    }
}

/// Writes bytes one after the other into memory that is large enough for them.
struct ByteWriter {
    private var next: UnsafeMutablePointer<UInt8>
    fileprivate init(_ start: UnsafeMutablePointer<UInt8>) { next = start }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        next.pointee = byte
        next += 1
    }
}

extension Data {
    /// `count` bytes that `fill` writes, all of them.
    init(dense count: Int, fill: (inout ByteWriter) -> Void) {
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
        var writer = ByteWriter(memory)
        fill(&writer)
        self.init(bytesNoCopy: memory, count: count, deallocator: .custom { memory, _ in memory.deallocate() })
    }
}

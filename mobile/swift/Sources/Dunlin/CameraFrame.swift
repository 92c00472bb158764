import Foundation

/// How a camera's frame says colours: luminance (Y) and two differences (Cb, Cr), by which weights and over which range of bytes.
public struct YCbCr: Sendable, Equatable {
    /// The weights of red and blue in the luminance.
    public enum Matrix: Sendable, CaseIterable {
        /// Standard definition, and JPEG.
        case bt601
        /// High definition.
        case bt709
        /// Ultra high definition.
        case bt2020
    }

    /// The bytes that are used.
    public enum Range: Sendable, CaseIterable {
        /// All 256: `kCVPixelFormatType_420YpCbCr8BiPlanarFullRange`.
        case full
        /// 16 to 235 for luminance, 16 to 240 for the differences: `kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange`.
        case video
    }

    /// The weights.
    public let matrix: Matrix
    /// The bytes that are used.
    public let range: Range

    /// Colours by these weights over this range.
    public init(matrix: Matrix, range: Range) {
        self.matrix = matrix
        self.range = range
    }
}

extension Pixels {
    /// Upright RGB pixels of a frame in two planes: luminance, and the two differences of each square of 2 by 2 pixels side by
    /// side (NV12, 4:2:0). Copies the picture, on the caller's thread.
    ///
    /// - Parameters:
    ///   - luma: Rows of luminance.
    ///   - lumaBytesPerRow: From the start of a row of luminance to the start of the next.
    ///   - chroma: Rows of Cb and Cr in turn, half as many as there are rows of luminance, rounded up.
    ///   - chromaBytesPerRow: From the start of a row of differences to the start of the next.
    ///   - width: Pixels of a stored row.
    ///   - height: Stored rows.
    ///   - color: What the bytes mean.
    ///   - orientation: How the stored picture has to be turned.
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/picture`` when the sizes don't fit the bytes.
    public init(
        luma: UnsafeRawBufferPointer, lumaBytesPerRow: Int, chroma: UnsafeRawBufferPointer, chromaBytesPerRow: Int, width: Int, height: Int,
        color: YCbCr, orientation: Orientation = .up
    ) throws {
        try Plane(bytes: luma, width: width, height: height, bytesPerRow: lumaBytesPerRow, bytesPerPixel: 1).check()
        let (columns, rows) = ((width + 1) / 2, (height + 1) / 2)
        try Plane(bytes: chroma, width: columns, height: rows, bytesPerRow: chromaBytesPerRow, bytesPerPixel: 2).check()
        let walk = Walk(width: width, height: height, orientation: orientation)
        let convert = Conversion(color)
        let data = Data(dense: width * height * 3) { out in
            walk.forEach { column, row in
                let difference = row / 2 * chromaBytesPerRow + column / 2 * 2
                let (cb, cr) = (chroma[difference], chroma[difference + 1])
                let (red, green, blue) = convert(luma[row * lumaBytesPerRow + column], cb, cr)
                out.append(red)
                out.append(green)
                out.append(blue)
            }
        }
        self.init(data, width: walk.width, height: walk.height, format: .rgb8)
    }
}

/// From luminance and differences to colours, in integers with 16 bits behind the point, to the nearest.
private struct Conversion {
    let black: Int
    let luma: Int
    let redByCr: Int
    let greenByCb: Int
    let greenByCr: Int
    let blueByCb: Int

    init(_ color: YCbCr) {
        let (red, blue) = color.matrix.weights
        let green = 1 - red - blue
        let video = color.range == .video
        let (lumaScale, chromaScale) = video ? (255.0 / 219, 255.0 / 224) : (1, 1)
        func fixed(_ x: Double) -> Int { Int((x * 65536).rounded()) }
        black = video ? 16 : 0
        luma = fixed(lumaScale)
        redByCr = fixed(chromaScale * 2 * (1 - red))
        blueByCb = fixed(chromaScale * 2 * (1 - blue))
        greenByCb = fixed(chromaScale * -2 * blue * (1 - blue) / green)
        greenByCr = fixed(chromaScale * -2 * red * (1 - red) / green)
    }

    @inline(__always)
    func callAsFunction(_ y: UInt8, _ cb: UInt8, _ cr: UInt8) -> (UInt8, UInt8, UInt8) {
        let light = (Int(y) - black) * luma + 32768
        let (cb, cr) = (Int(cb) - 128, Int(cr) - 128)
        func byte(_ x: Int) -> UInt8 { UInt8(clamping: x >> 16) }
        return (byte(light + redByCr * cr), byte(light + greenByCb * cb + greenByCr * cr), byte(light + blueByCb * cb))
    }
}

extension YCbCr.Matrix {
    fileprivate var weights: (red: Double, blue: Double) {
        switch self {
        case .bt601: (0.299, 0.114)
        case .bt709: (0.2126, 0.0722)
        case .bt2020: (0.2627, 0.0593)
        }
    }
}

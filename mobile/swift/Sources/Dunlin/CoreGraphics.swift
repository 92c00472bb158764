#if canImport(CoreGraphics)
import CoreGraphics
import Foundation

extension Pixels {
    /// The pixels of an image, in sRGB, or in the image's own grays when it has nothing else. Colours of other spaces are converted, colours that
    /// were multiplied by alpha are divided by it. Draws and copies the image, on the caller's thread: call it off the main thread
    /// for large ones.
    ///
    /// - Parameters:
    ///   - image: Any image that Core Graphics can draw.
    ///   - orientation: How it has to be turned: a `CGImage` has lost what its file said of that. `UIImage` and Image I/O know it.
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/picture`` when it can't be drawn.
    public init(_ image: CGImage, orientation: Orientation = .up) throws {
        let withoutAlpha: [CGImageAlphaInfo] = [.none, .noneSkipFirst, .noneSkipLast]
        let opaque = withoutAlpha.contains(image.alphaInfo)
        if opaque, let grays = image.colorSpace, grays.model == .monochrome, grays.supportsOutput {
            try self.init(image, space: grays, layout: .gray8, info: .none, orientation: orientation)
        } else {
            guard let colors = CGColorSpace(name: CGColorSpace.sRGB) else {
                throw DunlinError(.internal, "this system has no sRGB")
            }
            try self.init(image, space: colors, layout: .rgba8, info: opaque ? .noneSkipLast : .premultipliedLast, orientation: orientation)
        }
    }

    private init(_ image: CGImage, space: CGColorSpace, layout: Layout, info: CGImageAlphaInfo, orientation: Orientation) throws {
        let (width, height) = (image.width, image.height)
        guard width > 0, height > 0, max(width, height) <= Pixels.maxSide, width * height <= Pixels.maxCount else {
            throw DunlinError(.picture, "a picture of \(width)x\(height) has no pixels or too many")
        }
        // Bytes as they stand in memory, whatever the CPU's order is: the order "32 big".
        let bits = info.rawValue | (layout == .rgba8 ? CGBitmapInfo.byteOrder32Big.rawValue : 0)
        guard
            let context = CGContext(
                data: nil, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 0, space: space, bitmapInfo: bits)
        else {
            throw DunlinError(.picture, "a picture of \(width)x\(height) can't be drawn")
        }
        context.setBlendMode(.copy)
        context.interpolationQuality = .none
        context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
        guard let drawn = context.data else {
            throw DunlinError(.picture, "a picture of \(width)x\(height) can't be drawn")
        }
        try self.init(
            rows: UnsafeRawBufferPointer(start: drawn, count: height * context.bytesPerRow), width: width, height: height,
            bytesPerRow: context.bytesPerRow, layout: layout, alpha: info == .premultipliedLast ? .premultiplied : .ignored, orientation: orientation)
        withExtendedLifetime(context) {}
    }
}

extension Classifier {
    /// Classifies an image, of which it makes ``Pixels``. Doesn't block.
    ///
    /// - Throws: As for pixels.
    public func classify(
        _ image: CGImage, orientation: Orientation = .up, topK: Int? = nil, locale: Locale? = nil, context: Context = Context()
    ) async throws -> Classification {
        try await classify(Pixels(image, orientation: orientation), topK: topK, locale: locale, context: context)
    }
}
#endif

#if canImport(ImageIO)
import ImageIO

extension Orientation {
    /// The same orientation, as Image I/O and Vision say it.
    public init(_ orientation: CGImagePropertyOrientation) {
        // Both have EXIF's numbers.
        self = UInt8(exactly: orientation.rawValue).flatMap(Orientation.init(rawValue:)) ?? .up
    }
}
#endif

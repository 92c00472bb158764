#if canImport(CoreVideo)
import CoreVideo
import Foundation

extension Pixels {
    /// The pixels of a camera's frame: BGRA, RGBA, ARGB, ABGR, RGB, BGR, one component, or luminance and differences in two planes (4:2:0). Copies the
    /// frame, on the caller's thread, so that its buffer can go back to the camera: call it where the frame arrives.
    ///
    /// Alpha is ignored: a camera's frames are opaque. Colours are taken as they are and not converted to sRGB.
    ///
    /// - Parameters:
    ///   - buffer: A frame whose memory the CPU can read.
    ///   - orientation: How it has to be turned to be upright; ``Orientation/right`` for the back camera of an iPhone that is held upright.
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/picture`` for another pixel format, or when the memory can't be read.
    public init(_ buffer: CVPixelBuffer, orientation: Orientation = .up) throws {
        let status = CVPixelBufferLockBaseAddress(buffer, .readOnly)
        guard status == kCVReturnSuccess else {
            throw DunlinError(.picture, "the frame's memory can't be read: Core Video says \(status)")
        }
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        let format = CVPixelBufferGetPixelFormatType(buffer)
        switch format {
        case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange: try self.init(planesOf: buffer, range: .full, orientation)
        case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange: try self.init(planesOf: buffer, range: .video, orientation)
        case kCVPixelFormatType_32BGRA: try self.init(rowsOf: buffer, .bgra8, orientation)
        case kCVPixelFormatType_32RGBA: try self.init(rowsOf: buffer, .rgba8, orientation)
        case kCVPixelFormatType_32ARGB: try self.init(rowsOf: buffer, .argb8, orientation)
        case kCVPixelFormatType_32ABGR: try self.init(rowsOf: buffer, .abgr8, orientation)
        case kCVPixelFormatType_24RGB: try self.init(rowsOf: buffer, .rgb8, orientation)
        case kCVPixelFormatType_24BGR: try self.init(rowsOf: buffer, .bgr8, orientation)
        case kCVPixelFormatType_OneComponent8: try self.init(rowsOf: buffer, .gray8, orientation)
        default: throw DunlinError(.picture, "frames of Core Video's format \(format) aren't read: ask the camera for 32BGRA")
        }
    }

    private init(rowsOf buffer: CVPixelBuffer, _ layout: Layout, _ orientation: Orientation) throws {
        let (height, bytesPerRow) = (CVPixelBufferGetHeight(buffer), CVPixelBufferGetBytesPerRow(buffer))
        let start = CVPixelBufferGetBaseAddress(buffer)
        let rows = UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : height * bytesPerRow)
        try self.init(
            rows: rows, width: CVPixelBufferGetWidth(buffer), height: height, bytesPerRow: bytesPerRow, layout: layout, orientation: orientation)
    }

    private init(planesOf buffer: CVPixelBuffer, range: YCbCr.Range, _ orientation: Orientation) throws {
        func plane(_ index: Int) -> UnsafeRawBufferPointer {
            let start = CVPixelBufferGetBaseAddressOfPlane(buffer, index)
            let bytes = CVPixelBufferGetHeightOfPlane(buffer, index) * CVPixelBufferGetBytesPerRowOfPlane(buffer, index)
            return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : bytes)
        }
        try self.init(
            luma: plane(0), lumaBytesPerRow: CVPixelBufferGetBytesPerRowOfPlane(buffer, 0), chroma: plane(1),
            chromaBytesPerRow: CVPixelBufferGetBytesPerRowOfPlane(buffer, 1), width: CVPixelBufferGetWidth(buffer),
            height: CVPixelBufferGetHeight(buffer), color: YCbCr(matrix: YCbCr.Matrix(of: buffer), range: range), orientation: orientation)
    }
}

extension YCbCr.Matrix {
    /// What the frame says of itself; standard definition where it says nothing, as JPEG has it.
    fileprivate init(of buffer: CVPixelBuffer) {
        let said = CVBufferCopyAttachment(buffer, kCVImageBufferYCbCrMatrixKey, nil) as? String
        let (high, ultraHigh) = (kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String, kCVImageBufferYCbCrMatrix_ITU_R_2020 as String)
        self = said == high ? .bt709 : said == ultraHigh ? .bt2020 : .bt601
    }
}

extension Classifier {
    /// Classifies a camera's frame, of which it makes ``Pixels`` before it first waits. Doesn't block the caller's actor. Where frames arrive on a
    /// queue of their own, make the pixels there instead, so that the buffer can go back to the camera at once.
    ///
    /// - Throws: As for pixels.
    public func classify(
        _ buffer: CVPixelBuffer, orientation: Orientation = .up, topK: Int? = nil, locale: Locale? = nil, context: Context = Context()
    ) async throws -> Classification {
        try await classify(Pixels(buffer, orientation: orientation), topK: topK, locale: locale, context: context)
    }
}
#endif

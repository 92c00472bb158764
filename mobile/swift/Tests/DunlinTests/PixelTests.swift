import Foundation
import Testing

@testable import Dunlin

@Suite struct PixelTests {
    /// A picture of 3 by 2, each pixel another number, as each orientation shows it.
    static let turned: [(Orientation, width: Int, [UInt8])] = [
        (.up, 3, [1, 2, 3, 4, 5, 6]),
        (.upMirrored, 3, [3, 2, 1, 6, 5, 4]),
        (.down, 3, [6, 5, 4, 3, 2, 1]),
        (.downMirrored, 3, [4, 5, 6, 1, 2, 3]),
        (.leftMirrored, 2, [1, 4, 2, 5, 3, 6]),
        (.right, 2, [4, 1, 5, 2, 6, 3]),
        (.rightMirrored, 2, [6, 3, 5, 2, 4, 1]),
        (.left, 2, [3, 6, 2, 5, 1, 4]),
    ]

    @Test(arguments: turned)
    func turnsAsExifSays(orientation: Orientation, width: Int, expected: [UInt8]) throws {
        // Rows of 3 pixels with 2 bytes of padding, the last row without.
        let rows: [UInt8] = [1, 2, 3, 99, 99, 4, 5, 6]
        let pixels = try rows.withUnsafeBytes {
            try Pixels(rows: $0, width: 3, height: 2, bytesPerRow: 5, layout: .gray8, orientation: orientation)
        }
        #expect(pixels == Pixels(Data(expected), width: width, height: 6 / width, format: .gray8))
    }

    @Test func turnsEveryOrientation() {
        #expect(Self.turned.map(\.0) == Orientation.allCases)
    }

    static let layouts: [(Pixels.Layout, [UInt8])] = [
        (.gray8, [77]), (.rgb8, [10, 20, 30]), (.bgr8, [30, 20, 10]), (.rgba8, [10, 20, 30, 40]), (.bgra8, [30, 20, 10, 40]),
        (.argb8, [40, 10, 20, 30]), (.abgr8, [40, 30, 20, 10]),
    ]

    @Test(arguments: layouts)
    func putsColoursInOrder(layout: Pixels.Layout, bytes: [UInt8]) throws {
        let pixels = try bytes.withUnsafeBytes { try Pixels(rows: $0, width: 1, height: 1, bytesPerRow: bytes.count, layout: layout) }
        #expect([UInt8](pixels.data) == (layout == .gray8 ? [77] : [10, 20, 30]))
        #expect(pixels.format == (layout == .gray8 ? .gray8 : .rgb8))
    }

    @Test func knowsEveryLayout() {
        #expect(Self.layouts.map(\.0) == Pixels.Layout.allCases)
    }

    static let premultiplied: [(alpha: UInt8, stored: UInt8, color: UInt8)] = [
        (255, 0, 0), (255, 200, 200), (128, 64, 128), (128, 128, 255), (1, 1, 255), (3, 1, 85), (3, 2, 170), (0, 0, 0), (0, 9, 0), (100, 200, 255),
    ]

    @Test(arguments: premultiplied)
    func dividesByAlpha(alpha: UInt8, stored: UInt8, color: UInt8) throws {
        for (layout, bytes) in [(Pixels.Layout.rgba8, [stored, 0, 0, alpha]), (.argb8, [alpha, stored, 0, 0])] {
            let divided = try bytes.withUnsafeBytes {
                try Pixels(rows: $0, width: 1, height: 1, bytesPerRow: 4, layout: layout, alpha: .premultiplied)
            }
            #expect([UInt8](divided.data) == [color, 0, 0])
            let asItStands = try bytes.withUnsafeBytes { try Pixels(rows: $0, width: 1, height: 1, bytesPerRow: 4, layout: layout) }
            #expect([UInt8](asItStands.data) == [stored, 0, 0])
        }
    }

    static let wrongSizes: [(width: Int, height: Int, bytesPerRow: Int)] = [
        (0, 1, 4), (1, 0, 4), (-1, 1, 4), (2, 2, 7), (2, 3, 8), (2, 2, 9), (1 << 17, 1, 1 << 20), (1 << 15, 1 << 15, 1 << 17), (1, 3, .max),
        (1, 2, .min), (.max, .max, .max),
    ]

    @Test(arguments: wrongSizes)
    func refusesSizesThatDoNotFit(width: Int, height: Int, bytesPerRow: Int) async {
        let bytes = [UInt8](repeating: 0, count: 16)
        let error = await failure {
            try bytes.withUnsafeBytes { try Pixels(rows: $0, width: width, height: height, bytesPerRow: bytesPerRow, layout: .rgba8) }
        }
        #expect(error?.code == .picture)
    }

    static let colors: [(YCbCr.Matrix, YCbCr.Range, yCbCr: [UInt8], rgb: [UInt8])] = [
        (.bt601, .full, [0, 128, 128], [0, 0, 0]), (.bt601, .full, [255, 128, 128], [255, 255, 255]), (.bt601, .full, [93, 128, 128], [93, 93, 93]),
        (.bt601, .full, [76, 85, 255], [254, 0, 0]), (.bt601, .full, [150, 44, 21], [0, 255, 1]), (.bt601, .full, [29, 255, 107], [0, 0, 254]),
        (.bt601, .video, [16, 128, 128], [0, 0, 0]), (.bt601, .video, [235, 128, 128], [255, 255, 255]),
        (.bt601, .video, [82, 90, 240], [255, 1, 0]), (.bt709, .video, [63, 102, 240], [255, 1, 0]),
        (.bt709, .full, [54, 99, 255], [254, 0, 0]), (.bt2020, .full, [67, 92, 255], [254, 0, 0]), (.bt709, .video, [0, 128, 128], [0, 0, 0]),
    ]

    @Test(arguments: colors)
    func convertsCameraColours(matrix: YCbCr.Matrix, range: YCbCr.Range, yCbCr: [UInt8], rgb: [UInt8]) throws {
        let pixels = try frame(luma: [yCbCr[0]], 1, chroma: [yCbCr[1], yCbCr[2]], 2, width: 1, height: 1, YCbCr(matrix: matrix, range: range))
        #expect([UInt8](pixels.data) == rgb)
    }

    @Test func everyFourPixelsShareTheirDifferences() throws {
        // 3 by 3, so that the last row and column have differences of their own; both planes have padding.
        let luma: [UInt8] = [10, 20, 30, 0, 40, 50, 60, 0, 70, 80, 90]
        let chroma: [UInt8] = [128, 128, 128, 138, 0, 0, 128, 118, 128, 128]
        let reds: [UInt8] = [10, 20, 44, 40, 50, 74, 56, 66, 90]
        let pixels = try frame(luma: luma, 4, chroma: chroma, 6, width: 3, height: 3, YCbCr(matrix: .bt601, range: .full))
        #expect(stride(from: 0, to: 27, by: 3).map { pixels.data[$0] } == reds)
        let turned = try frame(luma: luma, 4, chroma: chroma, 6, width: 3, height: 3, YCbCr(matrix: .bt601, range: .full), .right)
        #expect(stride(from: 0, to: 27, by: 3).map { turned.data[$0] } == [56, 40, 10, 66, 50, 20, 90, 74, 44])
    }

    @Test func refusesFramesThatAreCutOff() async {
        let color = YCbCr(matrix: .bt601, range: .full)
        for (luma, chroma) in [(8, 8), (9, 7), (0, 8)] {
            let (luma, chroma) = ([UInt8](repeating: 0, count: luma), [UInt8](repeating: 0, count: chroma))
            let error = await failure { try frame(luma: luma, 3, chroma: chroma, 4, width: 3, height: 3, color) }
            #expect(error?.code == .picture)
        }
    }

    @Test func neverShowsAPicture() {
        let pixels = Pixels(Data([201, 202, 203]), width: 1, height: 1, format: .rgb8)
        var dumped = ""
        dump(pixels, to: &dumped)
        for text in ["\(pixels)", String(reflecting: pixels), dumped] {
            #expect(!text.contains("201") && text.contains("rgb8"))
        }
    }

    private func frame(
        luma: [UInt8], _ lumaRow: Int, chroma: [UInt8], _ chromaRow: Int, width: Int, height: Int, _ color: YCbCr, _ orientation: Orientation = .up
    ) throws -> Pixels {
        try luma.withUnsafeBytes { luma in
            try chroma.withUnsafeBytes { chroma in
                try Pixels(
                    luma: luma, lumaBytesPerRow: lumaRow, chroma: chroma, chromaBytesPerRow: chromaRow, width: width, height: height, color: color,
                    orientation: orientation)
            }
        }
    }
}

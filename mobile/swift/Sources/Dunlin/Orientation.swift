/// How a stored picture has to be turned to be upright. The numbers are those of EXIF and of `CGImagePropertyOrientation`.
public enum Orientation: UInt8, Sendable, CaseIterable {
    /// The first row is at the top, the first column at the left.
    case up = 1
    /// As ``up``, mirrored left to right.
    case upMirrored = 2
    /// Turned by 180°.
    case down = 3
    /// As ``down``, mirrored left to right.
    case downMirrored = 4
    /// The first row is at the left, the first column at the top.
    case leftMirrored = 5
    /// The first row is at the right, the first column at the top: what an iPhone's camera gives when it is held upright.
    case right = 6
    /// The first row is at the right, the first column at the bottom.
    case rightMirrored = 7
    /// The first row is at the left, the first column at the bottom.
    case left = 8
}

/// The way through a stored picture that visits its pixels in the order of the upright one.
struct Walk {
    /// Size of the upright picture.
    let width: Int
    let height: Int
    private let first: (column: Int, row: Int)
    /// Where the next pixel to the right, and the next one below, are in the stored picture.
    private let right: (column: Int, row: Int)
    private let below: (column: Int, row: Int)

    init(width: Int, height: Int, orientation: Orientation) {
        let (lastColumn, lastRow) = (width - 1, height - 1)
        let turned: Bool
        switch orientation {
        case .up: (turned, first, right, below) = (false, (0, 0), (1, 0), (0, 1))
        case .upMirrored: (turned, first, right, below) = (false, (lastColumn, 0), (-1, 0), (0, 1))
        case .down: (turned, first, right, below) = (false, (lastColumn, lastRow), (-1, 0), (0, -1))
        case .downMirrored: (turned, first, right, below) = (false, (0, lastRow), (1, 0), (0, -1))
        case .leftMirrored: (turned, first, right, below) = (true, (0, 0), (0, 1), (1, 0))
        case .right: (turned, first, right, below) = (true, (0, lastRow), (0, -1), (1, 0))
        case .rightMirrored: (turned, first, right, below) = (true, (lastColumn, lastRow), (0, -1), (-1, 0))
        case .left: (turned, first, right, below) = (true, (lastColumn, 0), (0, 1), (-1, 0))
        }
        (self.width, self.height) = turned ? (height, width) : (width, height)
    }

    /// Calls `visit` with column and row of each stored pixel.
    @inline(__always)
    func forEach(_ visit: (_ column: Int, _ row: Int) -> Void) {
        for y in 0..<height {
            var column = first.column + y * below.column
            var row = first.row + y * below.row
            for _ in 0..<width {
                visit(column, row)
                column += right.column
                row += right.row
            }
        }
    }
}

import CoreGraphics
import Dunlin
import Foundation
import ImageIO
import PhotosUI
import SwiftUI

/// What the screen shows, and what it can do.
@MainActor
final class ClassifierModel: ObservableObject {
    /// A picture, and what the classifier says of it.
    struct Answer {
        let picture: Picture
        let classes: [Classification.Class]
        let milliseconds: Double
    }

    @Published private(set) var answer: Answer?
    @Published private(set) var kernelSet: String?
    @Published private(set) var message: String?
    @Published private(set) var isBusy = false
    @Published var choice: PhotosPickerItem? {
        didSet { classify(choice) }
    }

    private var classifier: Classifier?
    private var task: Task<Void, Never>?

    /// Classifies a photograph; an earlier one that isn't done yet is given up.
    private func classify(_ item: PhotosPickerItem?) {
        task?.cancel()
        isBusy = item != nil
        guard let item else { return }
        message = nil
        task = Task {
            do {
                answer = try await classified(item)
            } catch {
                // Another photograph was chosen, and this one's end is of no interest.
                if Task.isCancelled { return }
                message = error.localizedDescription
            }
            isBusy = false
        }
    }

    private func classified(_ item: PhotosPickerItem) async throws -> Answer {
        let classifier = try await loaded()
        guard let data = try await item.loadTransferable(type: Data.self) else {
            throw SampleError.noPhotograph
        }
        let picture = try await Picture.decode(data)
        let clock = ContinuousClock()
        let start = clock.now
        let classification = try await classifier.classify(picture.pixels, locale: .current)
        let duration = clock.now - start
        return Answer(picture: picture, classes: classification.classes, milliseconds: duration / .milliseconds(1))
    }

    private func loaded() async throws -> Classifier {
        if let classifier { return classifier }
        guard let file = Bundle.main.url(forResource: "cifar10", withExtension: "dunlin") else {
            throw SampleError.noModel
        }
        let loaded = try await Classifier(contentsOf: file)
        classifier = loaded
        kernelSet = loaded.kernelSet
        return loaded
    }
}

/// A decoded photograph: to look at, and for the classifier.
struct Picture: Sendable {
    let shown: CGImage
    let pixels: Pixels

    /// Decodes a file's bytes at a size that any model is content with. Runs off the main thread.
    nonisolated static func decode(_ data: Data) async throws -> Picture {
        let options: [CFString: Any] = [
            kCGImageSourceCreateThumbnailFromImageAlways: true, kCGImageSourceThumbnailMaxPixelSize: 1024,
            kCGImageSourceCreateThumbnailWithTransform: true,
        ]
        guard let source = CGImageSourceCreateWithData(data as CFData, nil),
            let image = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary)
        else {
            throw SampleError.noPhotograph
        }
        // Upright already: the transform is the file's orientation.
        return Picture(shown: image, pixels: try Pixels(image))
    }
}

enum SampleError: LocalizedError {
    case noModel
    case noPhotograph

    var errorDescription: String? {
        switch self {
        case .noModel: "The app was built without its model."
        case .noPhotograph: "This is no photograph that can be shown."
        }
    }
}

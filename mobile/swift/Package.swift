// swift-tools-version: 6.0
import Foundation
import PackageDescription

// The engine comes in one of two ways. A release has a framework for Apple's platforms beside this file, which mobile/apple/xcframework
// puts there. Without it the engine is a static library for this machine: mobile/swift/bindings builds it and says where
// it lies, and `-Xlinker -L` takes it from there.
let framework = "DunlinFFI.xcframework"
let released = FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/\(framework)")
let engine: Target = released ? .binaryTarget(name: "DunlinFFI", path: framework) : .systemLibrary(name: "DunlinFFI")

// Apple's stores read the privacy manifest from the package's resources. Elsewhere there is nobody to read it.
let manifest = "PrivacyInfo.xcprivacy"

let package = Package(
    name: "Dunlin",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Dunlin", targets: ["Dunlin"])],
    targets: [
        engine,
        .target(name: "DunlinBridge", dependencies: ["DunlinFFI"]),
        .target(
            name: "Dunlin",
            dependencies: ["DunlinBridge"],
            exclude: released ? [] : [manifest],
            resources: released ? [.copy(manifest)] : []
        ),
    ] + (released ? [] : [.testTarget(name: "DunlinTests", dependencies: ["Dunlin"])]),
    swiftLanguageModes: [.v6]
)

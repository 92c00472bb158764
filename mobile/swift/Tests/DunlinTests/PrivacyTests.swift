import Foundation
import Testing

@Suite struct PrivacyTests {
    /// The keys are Apple's: https://developer.apple.com/documentation/bundleresources/privacy-manifest-files
    @Test func theManifestSaysThatNothingIsCollected() throws {
        struct Manifest: Decodable {
            struct Use: Decodable {
                let NSPrivacyAccessedAPIType: String
                let NSPrivacyAccessedAPITypeReasons: [String]
            }
            let NSPrivacyTracking: Bool
            let NSPrivacyTrackingDomains: [String]
            let NSPrivacyCollectedDataTypes: [String]
            let NSPrivacyAccessedAPITypes: [Use]
        }
        let file = repository("mobile/swift/Sources/Dunlin/PrivacyInfo.xcprivacy")
        let manifest = try PropertyListDecoder().decode(Manifest.self, from: Data(contentsOf: file))
        #expect(!manifest.NSPrivacyTracking && manifest.NSPrivacyTrackingDomains.isEmpty && manifest.NSPrivacyCollectedDataTypes.isEmpty)
        #expect(manifest.NSPrivacyAccessedAPITypes.map(\.NSPrivacyAccessedAPIType) == ["NSPrivacyAccessedAPICategoryFileTimestamp"])
        #expect(manifest.NSPrivacyAccessedAPITypes.map(\.NSPrivacyAccessedAPITypeReasons) == [["C617.1", "3B52.1"]])
    }
}

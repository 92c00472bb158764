import SwiftUI

@main
struct SampleApp: App {
    @StateObject private var model = ClassifierModel()

    var body: some Scene {
        WindowGroup { ContentView(model: model) }
    }
}

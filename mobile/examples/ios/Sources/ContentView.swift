import Dunlin
import PhotosUI
import SwiftUI

/// One screen: choose a photograph, see what it is.
struct ContentView: View {
    @ObservedObject var model: ClassifierModel

    var body: some View {
        NavigationStack {
            ScrollView {
                VStack(alignment: .leading, spacing: 16) {
                    picture
                    if let message = model.message {
                        Label(message, systemImage: "exclamationmark.triangle").foregroundStyle(.red)
                    }
                    if let answer = model.answer {
                        ForEach(answer.classes, id: \.index) { entry in ClassRow(entry: entry) }
                        Text(footnote(answer)).font(.footnote).foregroundStyle(.secondary)
                    }
                }
                .padding()
            }
            .navigationTitle("Dunlin")
            .toolbar {
                PhotosPicker("Choose a photograph", selection: $model.choice, matching: .images)
            }
        }
    }

    @ViewBuilder private var picture: some View {
        if let answer = model.answer {
            Image(decorative: answer.picture.shown, scale: 1)
                .resizable()
                .scaledToFit()
                .frame(maxWidth: .infinity, maxHeight: 320)
                .overlay { if model.isBusy { ProgressView() } }
        } else if model.isBusy {
            ProgressView().frame(maxWidth: .infinity, minHeight: 320)
        } else {
            Text("Choose a photograph. It doesn't leave this device.")
                .frame(maxWidth: .infinity, minHeight: 320)
                .foregroundStyle(.secondary)
        }
    }

    private func footnote(_ answer: ClassifierModel.Answer) -> String {
        let time = answer.milliseconds.formatted(.number.precision(.fractionLength(1)))
        return "\(time) ms with \(model.kernelSet ?? "")"
    }
}

/// A class with a bar as long as it is probable.
private struct ClassRow: View {
    let entry: Classification.Class

    var body: some View {
        ProgressView(value: min(max(entry.probability, 0), 1)) {
            HStack {
                Text(name)
                Spacer()
                Text(percent).monospacedDigit()
            }
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel(name)
        .accessibilityValue(percent)
    }

    private var name: String { entry.label ?? "Class \(entry.index)" }
    private var percent: String { Double(entry.probability).formatted(.percent.precision(.fractionLength(1))) }
}

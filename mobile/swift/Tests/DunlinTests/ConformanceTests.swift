import Dunlin
import Foundation
import Testing

@Suite struct ConformanceTests {
    @Test(arguments: Vectors.all.cases)
    func givesWhatItMust(case vector: Vectors.Case) async throws {
        var outcomes = [await outcome(of: vector) { try await Classifier(data: vector.artifact(), options: vector.options) }]
        if vector.change == nil {
            outcomes.append(await outcome(of: vector) { try await Classifier(contentsOf: repository(vector.model), options: vector.options) })
        }
        for outcome in outcomes {
            switch outcome {
            case .success(let found): compare(found, with: vector.expected)
            case .failure(let error as DunlinError): #expect(error.code.rawValue == vector.expected.code, "\(error)")
            case .failure(let error as CocoaError): #expect(vector.expected.code == "fetch" && error.code == .fileReadNoSuchFile)
            case .failure(let error): Issue.record(error)
            }
        }
    }

    @Test(arguments: Vectors.all.models)
    func saysWhatAModelIs(model: Vectors.Model) async throws {
        let classifier = try await Classifier(contentsOf: repository(model.model))
        let locale = model.locale.map(Locale.init(identifier:))
        #expect(try await classifier.labels(locale: locale, head: model.head ?? 0) == model.labels)
        #expect(classifier.inputs.map(\.shape) == model.inputs.map(\.shape))
        #expect(classifier.inputs.map(\.elementType) == model.inputs.map(\.elementType))
        let steps = try await classifier.explain()
        #expect(steps.map(\.name) == model.steps.map(\.name))
        #expect(steps.map(\.shape) == model.steps.map(\.shape))
        // Which kernels there are, and what they read, is the CPU's business.
        #expect(!classifier.kernelSet.isEmpty && steps.allSatisfy { $0.bytes > 0 && $0.kernel.contains("/") })
    }

    @Test func codesAreThoseOfEveryLanguage() {
        #expect(DunlinError.Code.allCases.map(\.rawValue) == Vectors.all.codes)
    }

    @Test func decisionsHaveTheNamesOfEveryLanguage() {
        #expect(Decision.Reason.allCases.map(\.rawValue) == Vectors.all.reasons)
        #expect(Decision.Rule.allCases.map(\.rawValue) == Vectors.all.rules)
        #expect(["answer", "fallback", "abstain"] == Vectors.all.outcomes)
    }

    private func outcome(of vector: Vectors.Case, load: () async throws -> Classifier) async -> Result<Classification, any Error> {
        do {
            let classifier = try await load()
            if vector.dispose == true { classifier.close() }
            let locale = vector.locale.map(Locale.init(identifier:))
            let context = Classifier.Context(vector.context)
            if let picture = vector.picture {
                return .success(try await classifier.classify(picture.pixels(), topK: vector.topK, locale: locale, context: context))
            }
            if let units = vector.text?.units {
                let text = String(decoding: units, as: UTF16.self)
                // Foundation's strings may have lone surrogates.
                let bridged = NSString(characters: units, length: units.count) as String
                let answer = try await classifier.classify(text, topK: vector.topK, locale: locale, context: context)
                #expect(try await classifier.classify(bridged, topK: vector.topK, locale: locale, context: context) == answer)
                return .success(answer)
            }
            let values = try #require(vector.values).floats()
            return .success(try await classifier.classify(values, topK: vector.topK, locale: locale, context: context))
        } catch {
            return .failure(error)
        }
    }

    private func compare(_ found: Classification, with expected: Vectors.Case.Expected) {
        guard let first = expected.first else {
            Issue.record("no error \(expected.code ?? "")")
            return
        }
        #expect(found.evasion == expected.evasion ?? 0)
        compare(Said(found), with: first, within: expected.within)
        let heads = expected.heads ?? []
        #expect(found.heads.map(\.name) == heads.map(\.name))
        for (head, wanted) in zip(found.heads, heads) {
            compare(Said(head), with: wanted, within: expected.within)
        }
    }

    private func compare(_ found: Said, with expected: Vectors.Case.Expected.Head, within: Float?) {
        #expect(found.classes.map(\.index) == expected.classes.map(\.index))
        #expect(found.classes.map(\.label) == expected.classes.map(\.label))
        for entry in found.classes {
            #expect(entry.probability.bitPattern == found.probabilities[entry.index].bitPattern)
        }
        let (decided, all) = (found.decision, found.probabilities)
        #expect(decided.probability.bitPattern == all[decided.index].bitPattern || (decided.probability.isNaN && all[decided.index].isNaN))
        compare(decided, with: expected.decision, within: within)
        guard let within else {
            #expect(hex(found.probabilities) == expected.probabilities)
            #expect(hex(found.logits) == expected.logits)
            return
        }
        #expect(near(found.probabilities, expected.probabilities, within))
        #expect(near(found.logits, expected.logits, within))
    }

    private func compare(_ found: Decision, with expected: Vectors.Case.Expected.Decision, within: Float?) {
        let names =
            switch found.outcome {
            case .answer: ["answer"]
            case .fallback(let reason): ["fallback", reason.rawValue]
            case .abstain(let reason): ["abstain", reason.rawValue]
            }
        #expect(names == [expected.outcome] + (expected.reason.map { [$0] } ?? []))
        #expect(found.outcome.reason?.rawValue == expected.reason)
        #expect(found.rule.rawValue == expected.rule && found.index == expected.index && found.set == expected.set)
        let (numbers, wanted) = ([found.margin, found.energy], [expected.margin, expected.energy])
        for (number, digits) in zip(numbers, wanted) {
            let wanted = digits.map { unhex($0)[0] }
            // Languages may change the bits of what is no number.
            #expect((number?.isNaN == true && wanted?.isNaN == true) || number == wanted || near(number.map { [$0] } ?? [], digits, within ?? 0))
        }
    }

    private func near(_ found: [Float], _ expected: String?, _ within: Float) -> Bool {
        let expected = unhex(expected ?? "")
        return found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= within }
    }
}

/// What a head says, the first one or another.
private struct Said {
    let decision: Decision
    let classes: [Classification.Class]
    let probabilities: [Float]
    let logits: [Float]

    init(_ first: Classification) {
        (decision, classes, probabilities, logits) = (first.decision, first.classes, first.probabilities, first.logits)
    }

    init(_ head: Classification.Head) {
        (decision, classes, probabilities, logits) = (head.decision, head.classes, head.probabilities, head.logits)
    }
}

import DunlinBridge
import Foundation

/// A loaded model that classifies pictures or tensors.
///
/// ```swift
/// let classifier = try await Classifier(contentsOf: Bundle.main.url(forResource: "model", withExtension: "dunlin")!)
/// let answer = try await classifier.classify(Pixels(image))
/// print(answer.classes.first?.label ?? "unknown")
/// ```
///
/// No method blocks its caller: work is done on a queue that belongs to the classifier, one call after the other, and any task may call
/// at any time. A call whose task is cancelled throws `CancellationError` at once; if it hadn't begun it never does, and if it had, its
/// result is dropped. Failures are ``DunlinError``.
///
/// Memory is given back when the last reference goes, or earlier by ``close()``.
public final class Classifier: Sendable {
    /// What a model may ask of the device.
    public struct Options: Sendable, Equatable {
        /// Bytes that the model may take beside its file, for what it computes in; `nil` leaves the engine's own bound.
        public var memoryLimit: Int?

        /// Options with a bound of memory.
        public init(memoryLimit: Int? = nil) {
            self.memoryLimit = memoryLimit
        }
    }

    /// What only the app knows of an input, and what a decision follows from beside the model's scores.
    public struct Context: Sendable, Equatable {
        /// To which cohort of the model's policy the input belongs, such as a language or a kind of device.
        public var cohort: String?
        /// Whether the model is too old to be believed.
        public var isStale: Bool
        /// Whether there is a cloud to ask.
        public var hasFallback: Bool

        /// A context; what isn't said is that of an input like all others, without a cloud to ask.
        public init(cohort: String? = nil, isStale: Bool = false, hasFallback: Bool = false) {
            self.cohort = cohort
            self.isStale = isStale
            self.hasFallback = hasFallback
        }
    }

    /// What one of the model's inputs takes.
    public struct Input: Sendable, Equatable {
        /// Dimensions, outermost first.
        public let shape: [Int]
        /// Element type, such as `f32` or `u8`.
        public let elementType: String
    }

    /// One step of the model, as this device carries it out.
    public struct Step: Sendable, Equatable {
        /// The operator's name.
        public let name: String
        /// The name of the kernel that does it.
        public let kernel: String
        /// Dimensions of the result, outermost first.
        public let shape: [Int]
        /// Element type of the result.
        public let elementType: String
        /// Bytes that the step reads and writes.
        public let bytes: Int
        /// Multiply-accumulate operations; 0 where there is no such work.
        public let macs: Int
    }

    /// The instruction set whose kernels run, such as `neon_dotprod`.
    public let kernelSet: String
    /// What the model takes; a picture is made into it by the engine.
    public let inputs: [Input]

    private let bridge: DunlinBridge.Classifier
    private let worker: Worker

    /// Loads a model's file. The file is mapped, not read, and must stay as it is while the classifier lives: replace it as a
    /// whole, by writing another and renaming that.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/fetch`` when there is no such file or the URL isn't a file's,
    ///   ``DunlinError/Code/artifact``, ``DunlinError/Code/version`` or ``DunlinError/Code/memory`` when it can't be used.
    public convenience init(contentsOf url: URL, options: Options = Options()) async throws {
        guard url.isFileURL else {
            throw DunlinError(.fetch, "only files are loaded: download the model, then give the file or its data")
        }
        let path = url.path
        try await self.init { try DunlinBridge.Classifier.fromFile(path: path, options: LoadOptions(options)) }
    }

    /// Loads a model from its bytes, which are copied; at most 2 GiB.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/artifact``, ``DunlinError/Code/version`` or
    ///   ``DunlinError/Code/memory``.
    public convenience init(data: Data, options: Options = Options()) async throws {
        try await self.init { try DunlinBridge.Classifier.fromBytes(bytes: data.crossing(or: .memory), options: LoadOptions(options)) }
    }

    private init(load: @escaping @Sendable () throws -> DunlinBridge.Classifier) async throws {
        worker = Worker()
        (bridge, kernelSet, inputs) = try await worker.run {
            let bridge = try load()
            return (bridge, try bridge.kernelSet(), try bridge.inputs().map(Input.init))
        }
    }

    /// Classifies a picture. Doesn't block.
    ///
    /// - Parameters:
    ///   - pixels: The picture, of any size.
    ///   - topK: How many of the most probable classes to name at most; as many as the model's policy says without, or 5.
    ///   - locale: The labels' language; the model's default language where it has no labels in this one.
    ///   - context: What only the app knows of the input.
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/picture`` when the pixels are no picture, ``DunlinError/Code/input``
    ///   when the model takes tensors, ``DunlinError/Code/disposed`` after ``close()``. `CancellationError`.
    public func classify(
        _ pixels: Pixels, topK: Int? = nil, locale: Locale? = nil, context: Context = Context()
    ) async throws -> Classification {
        try await classify(topK: topK, locale: locale, context: context) { [bridge] request in
            let (width, height) = try pixels.sides
            let data = try pixels.data.crossing(or: .picture)
            return try bridge.classifyPixels(data: data, width: width, height: height, format: .init(pixels.format), request: request)
        }
    }

    /// Classifies a tensor: the values of the model's only input, of type `f32`, in the order of its shape. Doesn't block.
    ///
    /// - Parameters:
    ///   - values: As many as the input's shape has.
    ///   - topK: How many of the most probable classes to name at most; as many as the model's policy says without, or 5.
    ///   - locale: The labels' language; the model's default language where it has no labels in this one.
    ///   - context: What only the app knows of the input.
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/input`` when the model takes pictures, another number of values, another
    ///   type or several inputs, ``DunlinError/Code/disposed`` after ``close()``. `CancellationError`.
    public func classify(
        _ values: [Float], topK: Int? = nil, locale: Locale? = nil, context: Context = Context()
    ) async throws -> Classification {
        try await classify(topK: topK, locale: locale, context: context) { [bridge] request in
            try bridge.classifyValues(values: values.littleEndian.crossing(or: .input), request: request)
        }
    }

    /// Classifies a text; of one that is longer than the model reads, the beginning. Doesn't block.
    ///
    /// A string has no surrogate without its other half: what makes one of UTF-16 puts U+FFFD in its place, as all languages do here.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - topK: How many of the most probable classes to name at most; as many as the model's policy says without, or 5.
    ///   - locale: The labels' language; the model's default language where it has no labels in this one.
    ///   - context: What only the app knows of the input.
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/input`` when the model takes no text, ``DunlinError/Code/disposed`` after
    ///   ``close()``. `CancellationError`.
    public func classify(
        _ text: String, topK: Int? = nil, locale: Locale? = nil, context: Context = Context()
    ) async throws -> Classification {
        try await classify(topK: topK, locale: locale, context: context) { [bridge] request in
            try bridge.classifyText(text: text.crossing, request: request)
        }
    }

    /// The classes' names in a language, in the model's default one without; empty where the model has none. Doesn't block.
    ///
    /// - Parameters:
    ///   - locale: The language.
    ///   - head: Which of several heads: 0 is the first one, others follow in the order of ``Classification/heads``.
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/disposed`` after ``close()``. `CancellationError`.
    public func labels(locale: Locale? = nil, head: Int = 0) async throws -> [String] {
        let head = UInt32(clamping: head)
        return try await worker.run { [bridge] in try bridge.labels(head: head, locale: locale?.identifier(.bcp47)) }
    }

    /// What carries out each step of the model on this device. Doesn't block.
    ///
    /// - Throws: ``DunlinError`` with the code ``DunlinError/Code/disposed`` after ``close()``. `CancellationError`.
    public func explain() async throws -> [Step] {
        try await worker.run { [bridge] in try bridge.explain().map(Step.init) }
    }

    /// Gives the model's memory back as soon as the calls made before are done. Later calls throw ``DunlinError`` with the code
    /// ``DunlinError/Code/disposed``. Doesn't block; closing twice does no harm.
    public func close() {
        worker.close { [bridge] in bridge.dispose() }
    }

    private func classify(
        topK: Int?, locale: Locale?, context: Context, call: @escaping @Sendable (Request) throws -> DunlinBridge.Classification
    ) async throws -> Classification {
        let request = Request(topK, locale, context)
        return try await worker.run { Classification(try call(request)) }
    }
}

extension LoadOptions {
    fileprivate init(_ options: Classifier.Options) {
        self.init(memoryLimit: options.memoryLimit.map { UInt64(clamping: $0) })
    }
}

extension Data {
    /// These bytes, or an error when they are more than the bridge can take.
    func crossing(or code: DunlinError.Code) throws -> Data {
        guard count <= Int32.max else {
            throw DunlinError(code, "\(count) bytes are more than the 2 GiB that can be given at once")
        }
        return self
    }
}

extension String {
    /// This text, or an error when it is more than the bridge can take.
    var crossing: String {
        get throws {
            guard utf8.count <= Int32.max else {
                throw DunlinError(.input, "\(utf8.count) bytes are more than the 2 GiB that can be given at once")
            }
            return self
        }
    }
}

extension Pixels {
    /// Width and height as the bridge takes them.
    var sides: (UInt32, UInt32) {
        get throws {
            guard let width = UInt32(exactly: width), let height = UInt32(exactly: height) else {
                throw DunlinError(.picture, "there is no picture of \(width)x\(height)")
            }
            return (width, height)
        }
    }
}

extension Request {
    init(_ topK: Int?, _ locale: Locale?, _ context: Classifier.Context) {
        self.init(
            topK: topK.map(UInt32.init(clamping:)), locale: locale?.identifier(.bcp47), cohort: context.cohort, stale: context.isStale,
            fallback: context.hasFallback)
    }
}

extension PixelFormat {
    init(_ format: Pixels.Format) {
        self =
            switch format {
            case .gray8: .gray8
            case .rgb8: .rgb8
            case .rgba8: .rgba8
            }
    }
}

extension Classifier.Input {
    fileprivate init(_ bridged: InputInfo) {
        self.init(shape: bridged.shape.map(Int.init), elementType: bridged.elementType)
    }
}

extension Classifier.Step {
    fileprivate init(_ bridged: StepInfo) {
        self.init(
            name: bridged.name, kernel: bridged.kernel, shape: bridged.shape.map(Int.init), elementType: bridged.elementType,
            bytes: Int(bridged.bytes), macs: Int(bridged.macs))
    }
}

extension Classifier.Step: CustomStringConvertible {
    /// One line: operator, kernel, result, bytes.
    public var description: String {
        "\(name) \(kernel) \(elementType)[\(shape.map(String.init).joined(separator: "x"))] \(bytes) bytes"
    }
}

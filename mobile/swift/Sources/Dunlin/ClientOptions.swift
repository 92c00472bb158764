import DunlinBridge
import Foundation

extension Client {
    /// What a client is made of.
    public struct Options: Sendable {
        /// The client's own folder, which is made where there is none. Only one client may have it open.
        public var folder: URL
        /// The model's name, as its publisher gave it.
        public var model: String
        /// The model that the app ships.
        public var shipped: Shipped
        /// The repository's address, such as `https://models.example.org/repository`.
        public var repository: URL
        /// The root of trust that the app ships: the bytes of a `root.json`.
        public var root: Data
        /// Versions of metadata below which nothing is believed, for a folder that was emptied.
        public var floor = Floor()
        /// The cohorts that the device is in, such as a language.
        public var cohorts: [String] = []
        /// Between two looks for updates, on average.
        public var interval: Duration = .seconds(24 * 60 * 60)
        /// When models are fetched.
        public var fetching = Fetching()
        /// Whom to ask where the model isn't sure; by default there is nobody.
        public var cloud = Cloud()
        /// Whom to tell what can't be traced to anyone; by default nothing is told.
        public var summaries = Summaries()
        /// Bytes that a model may take beside its file, for what it computes in; `nil` leaves the engine's own bound.
        public var memoryLimit: Int?
        /// Sends requests.
        public var transport: any Transport = URLSessionTransport()
        /// Says how the device is doing, whenever that matters, on a thread of the client's that waits for it.
        public var conditions: @Sendable () -> Conditions = { Conditions() }

        /// Options of an app that ships a model and a root of trust; all others have values that may be set.
        public init(folder: URL, model: String, shipped: Shipped, repository: URL, root: Data) {
            (self.folder, self.model, self.shipped, self.repository, self.root) = (folder, model, shipped, repository, root)
        }
    }

    /// The model that an app ships, and its version. No older one is ever taken.
    public struct Shipped: Sendable {
        enum Source: Sendable {
            case file(URL)
            case data(Data)
        }

        let source: Source
        let version: Int

        /// In a file of its own, which is mapped and must stay as it is.
        public init(contentsOf url: URL, version: Int) { (source, self.version) = (.file(url), version) }

        /// From its bytes, of which the client makes a copy.
        public init(data: Data, version: Int) { (source, self.version) = (.data(data), version) }
    }

    /// Least versions of metadata.
    public struct Floor: Sendable, Equatable {
        /// Of `timestamp.json`.
        public var timestamp: Int
        /// Of `snapshot.json`.
        public var snapshot: Int
        /// Of `targets.json`.
        public var targets: Int

        /// Versions that the repository had when the app was built.
        public init(timestamp: Int = 0, snapshot: Int = 0, targets: Int = 0) {
            (self.timestamp, self.snapshot, self.targets) = (timestamp, snapshot, targets)
        }
    }

    /// When models are fetched. Metadata, a few kilobytes, is always.
    public struct Fetching: Sendable, Equatable {
        /// Also over a connection that costs.
        public var metered: Bool
        /// Only while the device is charging.
        public var charging: Bool
        /// The most bytes a day, metadata included. What is longer than that is never fetched.
        public var bytesPerDay: Int

        /// By default over connections that cost nothing, whether or not the device is charging.
        public init(metered: Bool = false, charging: Bool = false, bytesPerDay: Int = 256 << 20) {
            (self.metered, self.charging, self.bytesPerDay) = (metered, charging, bytesPerDay)
        }
    }

    /// Model servers, and what may be sent to them.
    public struct Cloud: Sendable {
        /// Who is asked: the first one that isn't given a rest.
        public var servers: [Server]
        /// How much may leave the device.
        public var consent: Consent
        /// How long one request may take. It goes on beyond a question's deadline, for the upgrade.
        public var timeout: Duration = .seconds(10)
        /// How many questions are sent on one day (UTC) at most.
        public var questionsPerDay = 200
        /// How many bytes of bodies, there and back, go on one day (UTC) at most.
        public var bytesPerDay = 8 << 20
        /// How many hundredths of the questions may be sent a second time because the first answer is late.
        public var hedges = 10
        /// How many of 1,000 answers that aren't in doubt people are to look at, drawn by chance: of what is asked with `review`.
        public var audits = 0
        /// How often a question is sent at most between two starts.
        public var tries = 16
        /// How many questions may wait for an upgrade; with 0 there are none.
        public var outboxItems = 64
        /// How many bytes these may have, all together.
        public var outboxBytes = 2 << 20
        /// How long they may wait.
        public var outboxAge: Duration = .seconds(3 * 24 * 60 * 60)

        /// Servers, and consent to ask them; all else has values that may be set.
        public init(servers: [Server] = [], consent: Consent = .none) { (self.servers, self.consent) = (servers, consent) }
    }

    /// A model server, and the model to ask there.
    public struct Server: Sendable {
        /// The address before `/v2`, such as `https://models.example.org`.
        public var url: URL
        /// The model's name there.
        public var model: String
        /// Its version; the server chooses where none is named.
        public var version: String?
        /// What is sent as a bearer token.
        public var token: String?

        /// A server.
        public init(url: URL, model: String, version: String? = nil, token: String? = nil) {
            (self.url, self.model, self.version, self.token) = (url, model, version, token)
        }
    }

    /// How much may leave the device for the cloud.
    public enum Consent: Sendable, CaseIterable {
        /// Nothing.
        case none
        /// The model's logits.
        case features
        /// The input.
        case input
    }

    /// The server that summaries go to, and whose answers they are about.
    public struct Summaries: Sendable {
        /// The address, without which nothing can be told.
        public var server: URL?
        /// A token of the role `device`, where the server wants one.
        public var token: String?
        /// At most three coarse words, of what the publisher allows.
        public var cohort: [String: String]
        /// What the user agreed to; `nil` for nothing.
        public var privacy: Privacy?

        /// By default nothing is told.
        public init(server: URL? = nil, token: String? = nil, cohort: [String: String] = [:], privacy: Privacy? = nil) {
            (self.server, self.token, self.cohort, self.privacy) = (server, token, cohort, privacy)
        }
    }

    /// How much a day's summary reveals at most: local differential privacy.
    public struct Privacy: Sendable, Equatable {
        /// Epsilon of a day.
        public var epsilon: Double
        /// Among how many metrics it is split, which are drawn anew for each day.
        public var metrics: Int

        /// One metric a day with all of it says most of a fleet.
        public init(epsilon: Double, metrics: Int = 1) { (self.epsilon, self.metrics) = (epsilon, metrics) }
    }

    /// How a device is doing.
    public struct Conditions: Sendable, Equatable {
        /// Whether the connection costs.
        public var metered: Bool
        /// Whether the device is charging.
        public var charging: Bool

        /// By default a device that doesn't say: a connection that costs nothing, and power.
        public init(metered: Bool = false, charging: Bool = true) { (self.metered, self.charging) = (metered, charging) }
    }
}

extension ClientOptions {
    init(_ options: Client.Options) throws {
        self.init(
            folder: try path(of: options.folder),
            model: options.model,
            shipped: try Shipped(options.shipped.source),
            version: UInt32(clamping: options.shipped.version),
            repository: options.repository.absoluteString,
            root: options.root,
            floor: Floor(
                timestamp: UInt64(clamping: options.floor.timestamp), snapshot: UInt64(clamping: options.floor.snapshot),
                targets: UInt64(clamping: options.floor.targets)),
            cohorts: options.cohorts,
            interval: options.interval.milliseconds,
            when: When(
                metered: options.fetching.metered, charging: options.fetching.charging,
                bytesPerDay: UInt64(clamping: options.fetching.bytesPerDay)),
            cloud: Cloud(options.cloud),
            summaries: Summaries(
                server: options.summaries.server?.absoluteString ?? "", token: options.summaries.token, cohort: options.summaries.cohort,
                privacy: options.summaries.privacy.map(Privacy.init)),
            load: LoadOptions(memoryLimit: options.memoryLimit.map { UInt64(clamping: $0) }))
    }
}

extension Shipped {
    fileprivate init(_ source: Client.Shipped.Source) throws {
        self =
            switch source {
            case .file(let url): .file(path: try path(of: url))
            case .data(let data): .bytes(bytes: try data.crossing(or: .memory))
            }
    }
}

extension Cloud {
    fileprivate init(_ cloud: Client.Cloud) {
        self.init(
            servers: cloud.servers.map {
                Server(url: $0.url.absoluteString, model: $0.model, version: $0.version, token: $0.token)
            },
            consent: Consent(cloud.consent),
            timeout: cloud.timeout.milliseconds,
            questionsPerDay: UInt32(clamping: cloud.questionsPerDay),
            bytesPerDay: UInt64(clamping: cloud.bytesPerDay),
            hedges: UInt32(clamping: cloud.hedges),
            audits: UInt32(clamping: cloud.audits),
            tries: UInt32(clamping: cloud.tries),
            outboxItems: UInt32(clamping: cloud.outboxItems),
            outboxBytes: UInt32(clamping: cloud.outboxBytes),
            outboxAge: cloud.outboxAge.milliseconds)
    }
}

extension Consent {
    init(_ consent: Client.Consent) {
        self =
            switch consent {
            case .none: .none
            case .features: .features
            case .input: .input
            }
    }
}

extension Privacy {
    init(_ privacy: Client.Privacy) {
        self.init(epsilon: privacy.epsilon, metrics: UInt32(clamping: privacy.metrics))
    }
}

extension Duration {
    /// Whole milliseconds; nothing is shorter than none.
    var milliseconds: UInt64 {
        let (seconds, rest) = (UInt64(clamping: components.seconds), UInt64(clamping: components.attoseconds / 1_000_000_000_000_000))
        let (product, isTooLong) = seconds.multipliedReportingOverflow(by: 1000)
        return isTooLong ? .max : product + rest
    }
}

private func path(of url: URL) throws -> String {
    guard url.isFileURL else { throw DunlinError(.fetch, "only files are loaded, and folders kept: the address isn't a file's") }
    return url.path
}

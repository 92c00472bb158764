import DunlinBridge

extension Client {
    /// What has happened to a client.
    public enum Event: Sendable, Equatable {
        /// There is a release for this device; it is fetched when the conditions allow it.
        case found(version: Int)
        /// It is in the store, sound and complete; so many bytes were fetched for it.
        case downloaded(version: Int, bytes: Int)
        /// It answers, on trial if its publisher wants that.
        case activated(version: Int)
        /// It has shown itself, and stays.
        case kept(version: Int)
        /// It was taken back, and another answers instead.
        case rolledBack(version: Int, to: Int, reason: RollbackReason)
        /// What was last seen of the repository counts no longer, and nothing newer could be had. The model answers on.
        case stale
        /// A look for updates failed; there will be another.
        case failed(UpdateFault, message: String)
        /// The question is stored, and survives a restart: it ends with an upgrade, or is dropped.
        case waiting(ticket: String)
        /// The cloud's answer came after the local one was given. It comes again after a restart, until ``Client/done(_:)``.
        case upgrade(ticket: String, answer: CloudAnswer)
        /// There will be no upgrade.
        case dropped(ticket: String, why: Why, message: String)
        /// So many stored questions couldn't be read and are gone: the folder was changed by someone else.
        case damaged(items: Int)
        /// This device's answers aren't what they were when the model was calibrated: so many answers diverge from its baseline, in nats, by more than
        /// chance would.
        case diverged(metric: String, answers: Int, divergence: Double, threshold: Double)
    }

    /// What the cloud says of an input.
    public struct CloudAnswer: Sendable, Equatable {
        /// The class; ``Client/labels(locale:head:)`` names it.
        public let index: Int
        /// Probability of each class; empty where the server only names the class.
        public let probabilities: [Float]
    }

    /// Why a model was taken back. The raw values are the same in all languages.
    public enum RollbackReason: String, Sendable, CaseIterable {
        /// It can't be loaded, or doesn't take what the model before takes.
        case load
        /// It doesn't compute here what it should.
        case golden
        /// The program ended while it was started, or again and again while it was tried.
        case crash
        /// It finds other classes than the model before.
        case agreement
        /// It leaves too many inputs to the cloud, or to nobody.
        case fallback
        /// It is too slow.
        case latency
        /// Its publisher took it back.
        case withdrawn
        /// Its bytes are gone from the device; it is fetched again.
        case lost
    }

    /// Why a look for updates failed. The raw values are the same in all languages.
    public enum UpdateFault: String, Sendable, CaseIterable {
        /// No answer.
        case network
        /// No answer in time.
        case timeout
        /// A file is longer than, or isn't, what its metadata says.
        case content
        /// A status other than 200.
        case status
        /// The release is longer than what may be fetched in a day.
        case allowance
        /// There is no room for it.
        case full
        /// The store can't be written.
        case store
        /// The repository's metadata can't be trusted.
        case metadata
    }

    /// Why there is no answer of the cloud. The raw values are the same in all languages.
    public enum Why: String, Sendable, CaseIterable {
        /// The user hasn't agreed to send so much, or no longer.
        case consent
        /// The day's budget of questions or bytes is used up.
        case budget
        /// Too many questions at once.
        case busy
        /// The question can't be asked: it is too long.
        case unaskable
        /// There is no server, or all are given a rest.
        case resting
        /// The time is over.
        case deadline
        /// No connection, or it broke, at each try.
        case network
        /// The server refuses.
        case refused
        /// The server can't now.
        case unavailable
        /// What the server answers is no answer of a model.
        case unreadable
        /// The server's answer can't be true.
        case untrue
        /// It waited too long.
        case age
    }
}

extension Client.Event {
    /// As apps see it; `nil` for what belongs to a question that is waited for.
    init?(_ bridged: ClientEvent) {
        switch bridged {
        case .found(let version): self = .found(version: Int(version))
        case .downloaded(let version, let bytes): self = .downloaded(version: Int(version), bytes: Int(clamping: bytes))
        case .activated(let version): self = .activated(version: Int(version))
        case .kept(let version): self = .kept(version: Int(version))
        case .rolledBack(let version, let to, let reason):
            self = .rolledBack(version: Int(version), to: Int(to), reason: Client.RollbackReason(reason))
        case .stale: self = .stale
        case .failed(let fault, let message): self = .failed(Client.UpdateFault(fault), message: message)
        case .waiting(let ticket): self = .waiting(ticket: ticket)
        case .upgrade(let ticket, let answer): self = .upgrade(ticket: ticket, answer: Client.CloudAnswer(answer))
        case .dropped(let ticket, let why, let message): self = .dropped(ticket: ticket, why: Client.Why(why), message: message)
        case .damaged(let items): self = .damaged(items: Int(items))
        case .diverged(let metric, let answers, let divergence, let threshold):
            self = .diverged(metric: metric, answers: Int(clamping: answers), divergence: divergence, threshold: threshold)
        case .answered, .local: return nil
        }
    }
}

extension Client.CloudAnswer {
    init(_ bridged: CloudAnswer) {
        self.init(index: Int(bridged.index), probabilities: [Float](littleEndian: bridged.probabilities))
    }
}

extension Client.RollbackReason {
    fileprivate init(_ bridged: RollbackReason) {
        self =
            switch bridged {
            case .load: .load
            case .golden: .golden
            case .crash: .crash
            case .agreement: .agreement
            case .fallback: .fallback
            case .latency: .latency
            case .withdrawn: .withdrawn
            case .lost: .lost
            }
    }
}

extension Client.UpdateFault {
    fileprivate init(_ bridged: UpdateFault) {
        self =
            switch bridged {
            case .network: .network
            case .timeout: .timeout
            case .content: .content
            case .status: .status
            case .allowance: .allowance
            case .full: .full
            case .store: .store
            case .metadata: .metadata
            }
    }
}

extension Client.Why {
    init(_ bridged: Why) {
        self =
            switch bridged {
            case .consent: .consent
            case .budget: .budget
            case .busy: .busy
            case .unaskable: .unaskable
            case .resting: .resting
            case .deadline: .deadline
            case .network: .network
            case .refused: .refused
            case .unavailable: .unavailable
            case .unreadable: .unreadable
            case .untrue: .untrue
            case .age: .age
            }
    }
}

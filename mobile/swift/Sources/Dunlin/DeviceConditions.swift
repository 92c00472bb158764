#if canImport(Network)
import Foundation
import Network

#if os(iOS)
import UIKit
#endif

/// How this device is doing, for ``Client/Options/conditions``: whether its connection costs or is to be spared, and, on iOS, whether it is charging.
///
/// ```swift
/// let device = DeviceConditions()
/// options.conditions = { device.current }
/// let client = try await Client(options)
/// device.onChange { [weak client] in try? client?.conditionsChanged() }
/// ```
public final class DeviceConditions: Sendable {
    private let monitor = NWPathMonitor()
    private let state = Locked(State())

    private struct State {
        // The worst, until the system has said something.
        var conditions = Client.Conditions(metered: true, charging: false)
        var told: (@Sendable () -> Void)?
    }

    /// Begins to watch.
    public init() {
        monitor.pathUpdateHandler = { [weak self] path in
            self?.update { $0.metered = path.isExpensive || path.isConstrained }
        }
        monitor.start(queue: DispatchQueue(label: "dunlin.conditions"))
        #if os(iOS)
        Task { @MainActor in watchPower() }
        #else
        // The system has its own way to let such work wait for power.
        update { $0.charging = true }
        #endif
    }

    deinit { monitor.cancel() }

    /// What is known now.
    public var current: Client.Conditions { state.withLock { $0.conditions } }

    /// Calls when something changes, from any thread.
    public func onChange(_ told: @escaping @Sendable () -> Void) {
        state.withLock { $0.told = told }
    }

    private func update(_ change: (inout Client.Conditions) -> Void) {
        let told = state.withLock { state in
            change(&state.conditions)
            return state.told
        }
        told?()
    }

    #if os(iOS)
    @MainActor private func watchPower() {
        UIDevice.current.isBatteryMonitoringEnabled = true
        let read: @MainActor @Sendable () -> Void = { [weak self] in
            let state = UIDevice.current.batteryState
            self?.update { $0.charging = state == .charging || state == .full }
        }
        read()
        NotificationCenter.default.addObserver(forName: UIDevice.batteryStateDidChangeNotification, object: nil, queue: .main) { _ in
            MainActor.assumeIsolated(read)
        }
    }
    #endif
}
#endif

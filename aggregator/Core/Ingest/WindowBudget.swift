internal import Synchronization

/// The memory for batches on their way, shared out as windows.
///
/// An agent gets the largest window while there is plenty, then ever smaller ones; what it holds counts until its
/// connection has ended and its last batch is stored. So memory stays bounded however many agents there are and
/// whatever the database does.
final class WindowBudget: Sendable {
    /// A window that was granted; given back when nothing refers to it.
    final class Grant: Sendable {
        /// Bytes for WELCOME.
        let window: UInt32
        private let agent: String
        private let budget: WindowBudget

        fileprivate init(_ window: UInt32, _ agent: String, _ budget: WindowBudget) {
            (self.window, self.agent, self.budget) = (window, agent, budget)
        }

        deinit { budget.giveBack(window, agent) }
    }

    private struct State {
        var free: Int
        var grants: [String: Int] = [:]
    }

    private let largest: UInt32
    private let perAgent: Int
    private let state: Mutex<State>
    /// Too little to stall an agent that has a batch every 100 ms.
    static let smallest: UInt32 = 1 << 20

    init(bytes: Int, largest: UInt32, perAgent: Int) {
        self.largest = largest
        self.perAgent = perAgent
        state = Mutex(State(free: bytes))
    }

    /// A window for an agent; nil while batches of so many connections of its wait that another could only add to them.
    func grant(to agent: String) -> Grant? {
        state.withLock { state in
            guard state.grants[agent, default: 0] < perAgent else { return nil }
            // An aggregator tolerates twice the window, so that is what it may have to hold.
            let share = UInt32(clamping: state.free / 16)
            let window = min(largest, max(min(Self.smallest, largest), share))
            state.free -= 2 * Int(window)
            state.grants[agent, default: 0] += 1
            return Grant(window, agent, self)
        }
    }

    private func giveBack(_ window: UInt32, _ agent: String) {
        state.withLock { state in
            state.free += 2 * Int(window)
            let left = state.grants[agent, default: 1] - 1
            state.grants[agent] = left == 0 ? nil : left
        }
    }
}

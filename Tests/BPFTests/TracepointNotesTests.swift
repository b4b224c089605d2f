import Foundation
import Testing
import Tracepoints

@testable import BPF

@Suite("The tracepoint notes of a binary")
struct TracepointNotesTests {
    static func product(_ name: String) -> String { productFolder().appending(path: name).path() }

    static func productFolder() -> URL {
        var folder = URL(filePath: #filePath)
        while folder.pathComponents.count > 1,
            !FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path())
        {
            folder.deleteLastPathComponent()
        }
        return folder.appending(path: ".build/debug")
    }

    @Test("of today's Core: all twenty captured, the addrman pair without semaphore")
    func current() throws {
        let notes = try TracepointNotes(path: Self.product("tracepoint-replay"))
        for tracepoint in Tracepoint.allCases {
            guard
                case .supported(let sites, let arguments, let semaphore, let layout) = notes.support(
                    tracepoint)
            else {
                Issue.record("\(tracepoint.name) is not supported")
                continue
            }
            #expect(sites == 1)
            #expect(arguments == tracepoint.arguments.count)
            #expect(semaphore == !tracepoint.isPatchOnly)
            #expect(layout == [])
        }
    }

    @Test("of a node before v29: replaced has seven arguments, nothing has a semaphore")
    func older() throws {
        let notes = try TracepointNotes(path: Self.product("tracepoint-replay-v27"))
        guard case .supported(_, 7, false, let layout) = notes.support(.mempoolReplaced) else {
            Issue.record("mempool:replaced with seven arguments is not told apart")
            return
        }
        #expect(layout == .optionalAbsent)
    }

    @Test("say what is wrong with a file that is no ELF binary, or not there")
    func unreadable() {
        #expect(throws: BPFError.self) { try TracepointNotes(path: #filePath) }
        #expect(throws: BPFError.self) { try TracepointNotes(path: "/nonexistent/bitcoind") }
    }

    @Test("tell µs of v23 and v24 by the absence of the mempool's tracepoints")
    func durations() {
        let block = ProbeSite(
            provider: "validation", name: "block_connected", address: 1, semaphore: 0,
            operands: ["8@%rdi", "-4@%esi", "8@%rdx", "-4@%ecx", "8@%r8", "8@%r9"])
        let added = ProbeSite(
            provider: "mempool", name: "added", address: 2, semaphore: 0,
            operands: ["8@%rdi", "8@%rsi", "-8@%rdx"])
        let old = TracepointNotes(sites: [block])
        let new = TracepointNotes(sites: [block, added])
        if case .supported(_, _, _, let layout) = old.support(.blockConnected) {
            #expect(layout == .durationInMicroseconds)
        } else {
            Issue.record("not supported")
        }
        if case .supported(_, _, _, let layout) = new.support(.blockConnected) {
            #expect(layout == [])
        } else {
            Issue.record("not supported")
        }
    }

    @Test("refuse a layout nobody knows, and an operand libbpf cannot read")
    func unknown() {
        let short = ProbeSite(
            provider: "mempool", name: "added", address: 2, semaphore: 0, operands: ["8@%rdi"])
        let scaled = ProbeSite(
            provider: "mempool", name: "rejected", address: 2, semaphore: 0,
            operands: ["8@8(%rax,%rbx,4)", "8@%rsi"])
        let notes = TracepointNotes(sites: [short, scaled])
        for tracepoint in [Tracepoint.mempoolAdded, .mempoolRejected] {
            guard case .unknownLayout = notes.support(tracepoint) else {
                Issue.record("\(tracepoint.name) was accepted")
                continue
            }
        }
        guard case .missing = notes.support(.inboundMessage) else {
            Issue.record("a tracepoint that is not there was found")
            return
        }
    }
}

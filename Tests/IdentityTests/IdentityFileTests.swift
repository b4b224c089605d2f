import Foundation
import Testing

@testable import Identity

@Suite("Files of keys")
struct IdentityFileTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "identity-\(UUID())").path()

    @Test("are private from their first byte, and whole")
    func writing() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try IdentityFile.makeFolder(folder + "/deep/down")
        let path = folder + "/deep/down/key"
        for content in ["first", String(repeating: "second", count: 20_000)] {
            try IdentityFile.write(content, to: path, .secret)
            #expect(try IdentityFile.read(path, .secret) == content)
        }
        let modes = try ["", "/key"].map {
            try FileManager.default.attributesOfItem(atPath: folder + "/deep/down" + $0)[.posixPermissions]
                as? Int
        }
        #expect(modes == [0o700, 0o600])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/deep/down") == ["key"])
    }

    @Test("are refused when others can get at them")
    func laxness() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try IdentityFile.makeFolder(folder)
        let path = folder + "/key"
        try IdentityFile.write("secret-words", to: path, .secret)
        for mode in [0o604, 0o602, 0o601, 0o620, 0o660, 0o777] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let error = #expect(throws: IdentityError.self) { try IdentityFile.read(path, .secret) }
            #expect(error?.description.contains("chmod 600 \(path)") == true)
            #expect(error?.description.contains("secret-words") == false)
            #expect(try IdentityFile.read(path, .open) == "secret-words")
        }
    }

    @Test("of root may be readable by a group, like PostgreSQL's")
    func rule() {
        #expect(IdentityFile.laxness(mode: 0o600, owner: 1000) == nil)
        #expect(IdentityFile.laxness(mode: 0o400, owner: 1000) == nil)
        #expect(IdentityFile.laxness(mode: 0o640, owner: 0) == nil)
        #expect(IdentityFile.laxness(mode: 0o640, owner: 1000) != nil)
        #expect(IdentityFile.laxness(mode: 0o660, owner: 0) != nil)
        #expect(IdentityFile.laxness(mode: 0o644, owner: 0) != nil)
    }

    @Test("that are none are told apart")
    func others() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try IdentityFile.makeFolder(folder)
        #expect(throws: IdentityError.self) { try IdentityFile.read(folder, .open) }
        #expect(throws: IdentityError.self) { try IdentityFile.read(folder + "/none", .open) }
        #expect(throws: IdentityError.self) { try IdentityFile.write("x", to: folder + "/none/x", .open) }
    }

    @Test("change their stamp when they are replaced by others of the same size")
    func stamp() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try IdentityFile.makeFolder(folder)
        let path = folder + "/list"
        let missing = IdentityFileStamp(path)
        try IdentityFile.write("one", to: path, .open)
        let first = IdentityFileStamp(path)
        #expect(first != missing && first == IdentityFileStamp(path))
        try IdentityFile.write("two", to: path, .open)
        #expect(first != IdentityFileStamp(path))
    }
}

internal import Foundation
internal import Identity

extension Enrolment {
    /// Writes files into a new folder of mode 0700; each as secret as a key. Never over a key that is there.
    static func writeBundle(_ folder: String, _ files: [(name: String, content: String)]) throws {
        try IdentityFile.makeFolder(folder)
        for file in files {
            try IdentityFile.write(file.content, to: folder + "/" + file.name, .secret)
        }
    }

    /// Refuses a folder that holds a key already, before a certificate is made in vain.
    public static func checkBundle(_ folder: String) throws {
        guard FileManager.default.fileExists(atPath: folder + "/agent.key") else { return }
        throw AggregatorError(
            "\(folder) holds an agent's key already", hint: "choose another folder with --output")
    }
}

import Foundation
import PackagePlugin

/// Compiles the capture programs with the toolchain's clang and puts the object into a Swift file.
@main
struct CompileBPF: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let sources = context.package.directoryURL.appending(path: "agent/bpf")
        let program = sources.appending(path: "capture.bpf.c")
        let output = context.pluginWorkDirectoryURL.appending(path: "CompiledCaptureProgram.swift")
        let clang = try context.tool(named: "clang").url
        return [
            .buildCommand(
                displayName: "Compiling the BPF capture programs",
                executable: try context.tool(named: "compile-bpf").url,
                arguments: [
                    clang.path(), clang.deletingLastPathComponent().appending(path: "llvm-objcopy").path(),
                    program.path(), output.path(),
                ],
                inputFiles: [program] + ["peers.bpf.h", "record.h"].map { sources.appending(path: $0) },
                outputFiles: [output])
        ]
    }
}

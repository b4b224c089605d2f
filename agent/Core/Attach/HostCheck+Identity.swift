internal import Identity
internal import X509

// The agent's key and certificate, and the authority that it trusts.
extension HostCheck {
    mutating func identity(_ user: SystemUser?) {
        guard let tls = settings.tls else {
            plaintext()
            return
        }
        for (place, isKey) in [(tls.authority, false), (tls.certificate, false), (tls.key, true)] {
            guard case .file(let path) = place else { continue }
            readable(path, by: user, isKey: isKey)
        }
        let identity: UplinkIdentity
        do throws(AgentError) { identity = try UplinkIdentity(tls) } catch {
            lack("\(error.doing): \(error.reason)", error.remedy ?? "enroll this agent again")
            return
        }
        let certificate = identity.certificate
        let whose = "certificate \(certificate.serialText) of \(certificate.holder)"
        let again = "`peerscope-aggregator enroll` makes another for this agent and these nodes"
        guard identity.verifier.hasSigned(certificate) else {
            lack(
                "the \(whose) is not signed by the authority in tls_ca",
                "give the three files of one `enroll`")
            return
        }
        if let objection = identity.objection(agent: settings.agent, nodes: settings.nodes.map(\.name)) {
            lack(objection, again)
            return
        }
        let until = "valid until \(certificate.expiryText)"
        if identity.isEnding() {
            note("\(whose), \(until): it ends soon", again)
        } else {
            approve("\(whose), \(until)")
        }
    }

    private mutating func plaintext() {
        do throws(AgentError) {
            let address = try UplinkAddress(settings.aggregator)
            if HostAddress.isLoopback(address.host) {
                note("no certificate: plaintext to an aggregator on this host")
            } else if settings.isInsecure {
                note(
                    "INSECURE: events go to \(settings.aggregator) in plaintext; they can be read and forged on the way",
                    "enroll this agent with `peerscope-aggregator enroll`")
            } else {
                lack(
                    "a certificate for the aggregator at \(settings.aggregator)",
                    "enroll this agent with `peerscope-aggregator enroll`, and set tls_ca, tls_certificate and tls_key"
                )
            }
        } catch { lack("\(error.doing): \(error.reason)", error.remedy ?? "write host:port") }
    }

    /// Whether `run` will be able to read the file, which may be started by root or as its user.
    private mutating func readable(_ path: String, by user: SystemUser?, isKey: Bool) {
        guard let user, let obstacle = FileAccess.obstacle(to: path, for: user) else { return }
        let remedy =
            obstacle != path
            ? "chmod o+x \(obstacle), or move the file"
            : isKey
                ? "chown \(user.name) \(path), or let root start `run`, and again after each `enroll`"
                : "chmod o+r \(path)"
        note(
            "user \(user.name) cannot read \(path)"
                + (obstacle == path ? "" : ", since \(obstacle) is closed"), remedy)
    }
}

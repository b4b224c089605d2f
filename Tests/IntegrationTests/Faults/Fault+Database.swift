import CollectorTesting
import Foundation

extension Fault {
    /// PostgreSQL, and the aggregators' connections to it.
    static func database() -> [Fault] {
        func database(
            _ name: String, lasting: ClosedRange<Double> = 0.5...2,
            _ inject: @escaping (FaultRig, PrivatePostgres) throws -> Void,
            heal: @escaping (FaultRig, PrivatePostgres) throws -> Void = { _, _ in }
        ) -> Fault {
            // An aggregator that is started needs its database.
            Fault(
                name, [.database, .aggregators], lasting: lasting,
                inject: { rig, _ in try inject(rig, rig.postgres) },
                heal: { try heal($0, $0.postgres) })
        }
        func link(_ name: String, _ inject: @escaping (FaultProxy) -> Void) -> Fault {
            database(
                name, { rig, _ in for one in rig.aggregators { inject(one.database) } },
                heal: { rig, _ in for one in rig.aggregators { one.database.behaviour = .init() } })
        }
        let backends =
            "FROM pg_stat_activity WHERE usename = 'peerscope' AND pid <> pg_backend_pid()"
        func refusing(_ code: String) -> String {
            """
            CREATE OR REPLACE FUNCTION peerscope.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF random() < 0.7 THEN RAISE EXCEPTION 'refused' USING ERRCODE = '\(code)'; END IF;
            RETURN NEW; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON peerscope.stream FOR EACH ROW
            EXECUTE FUNCTION peerscope.refuse()
            """
        }
        let accept = "DROP TRIGGER IF EXISTS refuse ON peerscope.stream"
        return [
            database("PostgreSQL is restarted", { try $1.stop("fast") }, heal: { try $1.start() }),
            database("PostgreSQL is stopped at once", { try $1.stop("immediate") }, heal: { try $1.start() }),
            database(
                "PostgreSQL is killed",
                { _, server in if let pid = server.postmaster { kill(pid, SIGKILL) } },
                heal: { try $1.start() }),
            database(
                "a PostgreSQL backend is killed",
                { _, server in
                    let pid = pid_t(try server.sql("SELECT pid \(backends) LIMIT 1"))
                    if let pid { kill(pid, SIGKILL) }
                }, heal: { try $1.ensureRunning() }),
            database(
                "PostgreSQL is stopped for a while", lasting: 1...3, { $1.signalAll(SIGSTOP) },
                heal: { $1.signalAll(SIGCONT) }),
            database(
                "PostgreSQL has no connection left",
                {
                    try $1.sql("ALTER ROLE peerscope CONNECTION LIMIT 0")
                    try $1.sql("SELECT pg_terminate_backend(pid) \(backends)")
                }, heal: { try $1.sql("ALTER ROLE peerscope CONNECTION LIMIT -1") }),
            database(
                "PostgreSQL's disk is full", lasting: 1...2, { try $1.disk.fill() },
                heal: { _, server in
                    server.disk.makeRoom()
                    try server.ensureRunning()
                }),
            database(
                "transactions cannot be serialized", { try $1.sql(refusing("40001")) },
                heal: { try $1.sql(accept) }),
            database(
                "transactions deadlock", { try $1.sql(refusing("40P01")) }, heal: { try $1.sql(accept) }),
            database(
                "PostgreSQL is read-only",
                {
                    try $1.sql("ALTER SYSTEM SET default_transaction_read_only = on")
                    try $1.sql("SELECT pg_reload_conf()")
                },
                heal: {
                    try $1.sql("ALTER SYSTEM RESET default_transaction_read_only")
                    try $1.sql("SELECT pg_reload_conf()")
                }),
            database(
                "somebody holds a lock", { rig, _ in try rig.hold("BEGIN; LOCK TABLE peerscope.stream") },
                heal: { rig, _ in rig.endSessions() }),
            database(
                "connections to PostgreSQL are terminated",
                { _, server in
                    for _ in 0..<4 {
                        try server.sql("SELECT pg_terminate_backend(pid) \(backends)")
                        usleep(250_000)
                    }
                }),
            database(
                "statements are cancelled",
                { _, server in
                    for _ in 0..<20 {
                        try server.sql("SELECT pg_cancel_backend(pid) \(backends) AND state <> 'idle'")
                        usleep(30_000)
                    }
                }),
            database(
                "rows of one table are refused",
                { _, server in
                    try server.sql(
                        """
                        ALTER TABLE peerscope.mempool_added ADD CONSTRAINT refused CHECK (fee < 0) NOT VALID
                        """)
                },
                heal: { try $1.sql("ALTER TABLE peerscope.mempool_added DROP CONSTRAINT refused") }),
            link("connections to PostgreSQL are cut") { $0.cut(reset: true) },
            link("nothing passes to PostgreSQL") { $0.behaviour = .init { $0.isStalled = true } },
            link("PostgreSQL is slow to answer") { $0.behaviour = .init { $0.delay = 60 } },
            link("new connections to PostgreSQL are refused") { proxy in
                proxy.behaviour.refuses = true
                proxy.cut()
            },
        ]
    }
}

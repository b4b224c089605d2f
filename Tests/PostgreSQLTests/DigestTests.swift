import Foundation
import PostgreSQL
import Testing

extension DatabaseTests {
    @Suite("The digest")
    struct DigestTests {
        /// A database whose digest has the parts `count`, which notes each day it computes, and whatever `more` adds.
        private func database(more: String = "") throws -> Connection {
            let connection = try Connection(freshDatabase())
            try Migrator(schema: SchemaTests.directory).migrate(connection)
            try connection.execute(
                """
                DELETE FROM peerscope.digest_part;
                CREATE TABLE public.computed (day date, at timestamptz DEFAULT clock_timestamp());
                CREATE FUNCTION peerscope.digest_count(day date) RETURNS void LANGUAGE sql
                    AS $$ INSERT INTO public.computed VALUES (day) $$;
                INSERT INTO peerscope.digest_part VALUES ('count', 1, 'a test''s');
                INSERT INTO peerscope.node (node_id, name) VALUES (1, 'alice');
                \(more)
                """)
            return connection
        }

        private func days(_ connection: Connection) throws -> [String] {
            try connection.execute("SELECT day FROM public.computed ORDER BY day").rows.map { $0[0] ?? "" }
        }

        @Test("it computes the dirty days and leaves them clean")
        func clean() throws {
            let connection = try database()
            try connection.execute(
                "SELECT peerscope.ensure_day('2026-06-02'); INSERT INTO peerscope.dirty_day VALUES (1, '2026-06-02')"
            )
            try connection.execute("CALL peerscope.digest()")
            #expect(try days(connection) == ["2026-06-02"])
            try connection.execute("CALL peerscope.digest()")
            #expect(try days(connection) == ["2026-06-02"])
            #expect(try connection.execute("SELECT count(*) FROM peerscope.dirty_day").scalar == "0")
        }

        @Test("late rows of a day are also computed into the days beside it that were computed before")
        func neighbours() throws {
            let connection = try database(
                more: """
                    INSERT INTO peerscope.stream (node_id, stream_id, first_seq, durable_seq, last_event_at)
                    VALUES (1, 1, 1, 1, '2026-06-03 12:00Z');
                    INSERT INTO peerscope.dirty_day VALUES (1, '2026-06-01'), (1, '2026-06-02'), (1, '2026-06-03');
                    """)
            try connection.execute("CALL peerscope.digest()")
            try connection.execute("TRUNCATE public.computed")
            try connection.execute("INSERT INTO peerscope.dirty_day VALUES (1, '2026-06-02')")
            try connection.execute("CALL peerscope.digest()")
            #expect(try days(connection) == ["2026-06-01", "2026-06-02", "2026-06-03"])
        }

        @Test("rows that come while it computes keep their day dirty")
        func meanwhile() throws {
            let connection = try database(
                more: """
                    CREATE FUNCTION peerscope.digest_late(day date) RETURNS void LANGUAGE sql
                        AS $$ UPDATE peerscope.dirty_day SET generation = generation + 1 $$;
                    INSERT INTO peerscope.digest_part VALUES ('late', 2, 'a writer that is faster');
                    INSERT INTO peerscope.dirty_day VALUES (1, '2026-06-02');
                    """)
            try connection.execute("CALL peerscope.digest()")
            #expect(
                try connection.execute("SELECT day, generation FROM peerscope.dirty_day").rows == [
                    ["2026-06-02", "2"]
                ])
        }

        @Test("a part that fails is noted, spoils no other, and is tried again")
        func failing() throws {
            let connection = try database(
                more: """
                    CREATE FUNCTION peerscope.digest_broken(day date) RETURNS void LANGUAGE plpgsql
                        AS $$ BEGIN PERFORM 1 / 0; END $$;
                    INSERT INTO peerscope.digest_part VALUES ('broken', 0, 'fails');
                    INSERT INTO peerscope.dirty_day VALUES (1, '2026-06-02');
                    """)
            try connection.execute("CALL peerscope.digest()")
            let noted = "SELECT part, error FROM peerscope.digest_state ORDER BY part"
            #expect(
                try connection.execute(noted).rows == [
                    ["broken", "22012: division by zero"], ["count", nil],
                ])
            #expect(try connection.execute("SELECT count(*) FROM peerscope.dirty_day").scalar == "1")
            try connection.execute(
                """
                CREATE OR REPLACE FUNCTION peerscope.digest_broken(day date) RETURNS void LANGUAGE sql
                    AS $$ SELECT $$
                """)
            try connection.execute("CALL peerscope.digest()")
            #expect(try connection.execute(noted).rows == [["broken", nil], ["count", nil]])
            #expect(try connection.execute("SELECT count(*) FROM peerscope.dirty_day").scalar == "0")
        }

        @Test("while a session computes, another returns at once, or does the rest if it wants to be sure")
        func oneAtATime() throws {
            let connection = try database(
                more: """
                    CREATE FUNCTION peerscope.digest_slow(day date) RETURNS void LANGUAGE sql
                        AS $$ SELECT pg_advisory_xact_lock(42) $$;
                    INSERT INTO peerscope.digest_part VALUES ('slow', 0, 'takes as long as the test wants');
                    INSERT INTO peerscope.dirty_day VALUES (1, '2026-06-02');
                    SELECT pg_advisory_lock(42);
                    """)
            let name = try #require(try connection.execute("SELECT current_database()").scalar)
            let conninfo = WithServer.conninfo + " dbname=\(name)"
            let ended = DispatchSemaphore(value: 0)
            // Not a task: it blocks its thread.
            Thread {
                _ = try? Connection(conninfo).execute("CALL peerscope.digest()")
                ended.signal()
            }.start()
            let deadline = Date(timeIntervalSinceNow: 30)
            let waiting =
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted"
            while try connection.execute(waiting).scalar == "0", Date() < deadline {
                Thread.sleep(forTimeInterval: 0.01)
            }
            try Connection(conninfo).execute("CALL peerscope.digest()")
            #expect(try days(connection).isEmpty)
            try connection.execute("SELECT pg_advisory_unlock(42)")
            try connection.execute("CALL peerscope.digest(true)")
            #expect(try days(connection) == ["2026-06-02"])
            #expect(ended.wait(timeout: .now() + 30) == .success)
        }
    }
}

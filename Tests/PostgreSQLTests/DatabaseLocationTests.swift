import PostgreSQL
import Testing

@Suite("Where the database is")
struct DatabaseLocationTests {
    @Test("embedded:DIR, URIs and keyword strings are understood")
    func parses() throws {
        #expect(try DatabaseLocation("embedded:.peerscope/db") == .embedded(directory: ".peerscope/db"))
        #expect(try DatabaseLocation("postgres://h/d") == .server(conninfo: "postgres://h/d"))
        #expect(try DatabaseLocation("postgresql://h/d") == .server(conninfo: "postgresql://h/d"))
        #expect(try DatabaseLocation("host=/run dbname = p") == .server(conninfo: "host=/run dbname = p"))
    }

    @Test(
        "anything else is refused with the forms that are possible",
        arguments: ["", "embedded:", "/var/db", "a b"])
    func refuses(text: String) {
        let fault = fault { _ = try DatabaseLocation(text) }
        #expect(fault?.hint?.contains("embedded:DIR") == true)
    }

    @Test("the command line goes before the environment")
    func precedence() throws {
        let environment = [DatabaseLocation.variable: "embedded:b"]
        #expect(
            try DatabaseLocation.from(argument: "embedded:a", environment: environment)
                == .embedded(directory: "a"))
        #expect(
            try DatabaseLocation.from(argument: nil, environment: environment) == .embedded(directory: "b"))
        #expect(try DatabaseLocation.from(argument: nil, environment: [:]) == nil)
    }

    @Test(
        "no form of a password is shown",
        arguments: [
            "postgres://u:S3CRET@h:5432/d", "postgres://u:S3@CRET@h/d", "postgres://u:S3/CRET@h/d",
            "postgres://h/d?user=u&password=S3CRET", "postgres://h/d?PASSWORD=S3CRET&sslmode=require",
            "host=h password=S3CRET dbname=d", "host=h password = 'S3 CRET\\' x' dbname=d",
            "host=h sslpassword=S3CRET", "password='S3CRET",
        ])
    func redacts(conninfo: String) {
        let shown = DatabaseLocation.redacted(conninfo)
        #expect(!shown.contains("S3") && !shown.contains("CRET"), "\(shown)")
        #expect(shown.contains("***"))
    }

    @Test("it is known whether a password is there")
    func carries() {
        for with in [
            "postgres://u:p@h/d", "postgres://h/d?password=x", "host=h password=x", "sslpassword = ''",
        ] {
            #expect(DatabaseLocation.carriesPassword(with), "\(with)")
        }
        for without in ["postgres://u@h/d", "host=h user=u", "passfile=/x host=h", "embedded:/srv/db"] {
            #expect(!DatabaseLocation.carriesPassword(without), "\(without)")
        }
    }

    @Test("what is no secret stays readable")
    func keeps() {
        #expect(
            DatabaseLocation.redacted("postgres://u:p@h:5432/d?sslmode=require")
                == "postgres://u:***@h:5432/d?sslmode=require")
        #expect(DatabaseLocation.redacted("postgres://u@h/d") == "postgres://u@h/d")
        #expect(
            DatabaseLocation.redacted("host=h  password=x  dbname='a b'")
                == "host=h password=*** dbname='a b'")
    }
}

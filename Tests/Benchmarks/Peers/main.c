/* What a user would take instead of Peerscope, to compare with: JSON lines over TCP, and a collector that stores them in the
 * same table, either with an INSERT for each event or with COPY in text.
 *
 *   peerscope-peers send HOST PORT COUNT           events like those of `peerscope-load spool`, as JSON lines
 *   peerscope-peers insert CONNINFO TABLE PORT     a prepared INSERT for each event, which is its own transaction
 *   peerscope-peers copy CONNINFO TABLE PORT       COPY … FROM STDIN in text, committed every 100 ms
 *
 * A collector takes one connection, ends when that ends, and prints how many rows it has committed. Both are as quick as we
 * know to write them: C, one pass over each line, no allocation for an event. Neither acknowledges anything: what is on its
 * way when they die is lost, which Peerscope pays for and they do not. */
#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 1 << 16, BUFFER = 1 << 20, COLUMNS = 14, COMMIT_MS = 100 };

static _Noreturn void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static struct sockaddr_in address_of(const char *host, const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("%s is no IPv4 address", host);
    return address;
}

/* The node's side. */

static int send_events(const char *host, const char *port, long count) {
    struct sockaddr_in address = address_of(host, port);
    int socket_ = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(socket_, (struct sockaddr *)&address, sizeof(address))) fail("cannot connect: %s", strerror(errno));
    FILE *out = fdopen(socket_, "w");
    setvbuf(out, NULL, _IOFBF, BUFFER);
    int64_t began = nanoseconds(CLOCK_REALTIME) / 1000;
    for (long number = 0; number < count; number++) {
        fprintf(out,
                "{\"node_id\":1,\"run_id\":1,\"ts\":%lld,\"clk\":1,\"seq\":%ld,\"peer_id\":%ld,\"inbound\":true,\"msg_type\":\"notfound\","
                "\"size\":37,\"captured\":37,\"decode_status\":\"ok\",\"conn_type\":\"inbound\",\"addr\":\"198.51.100.%ld:8333\",\"tid\":7,"
                "\"payload\":\"0105000000%016llx000000000000000000000000000000000000000000000000\"}\n",
                (long long)(began + number), number + 1, number % 125, number % 125,
                (unsigned long long)number * 0x9E3779B97F4A7C15ull);
    }
    if (fclose(out)) fail("cannot send: %s", strerror(errno));
    return 0;
}

/* The collector's side. */

static const char *const names[COLUMNS] = {"node_id",  "run_id", "ts",       "clk",           "seq",       "peer_id", "inbound",
                                           "msg_type", "size",   "captured", "decode_status", "conn_type", "addr",    "tid"};

/* The values of one line, in the order of `names`, as text that ends in NUL; they lie in the line. The payload is not kept:
 * Peerscope does not keep that of a `notfound` either. */
static void parse(char *line, char *values[COLUMNS]) {
    memset(values, 0, COLUMNS * sizeof(*values));
    char *at = line;
    if (*at++ != '{') fail("not an object: %s", line);
    int next = 0;
    while (*at == '"') {
        char *name = ++at;
        at = strchr(at, '"');
        if (!at || at[1] != ':') fail("no name: %s", line);
        *at = 0;
        at += 2;
        char *value = at;
        if (*at == '"') {
            value = ++at;
            while (*at && *at != '"') at += *at == '\\' ? 2 : 1;
            *at++ = 0;
        } else {
            while (*at && *at != ',' && *at != '}') at++;
        }
        char more = *at;
        *at++ = 0;
        /* Names come in the same order nearly always. */
        for (int tried = 0; tried < COLUMNS; tried++, next = (next + 1) % COLUMNS) {
            if (strcmp(name, names[next])) continue;
            values[next] = value;
            next = (next + 1) % COLUMNS;
            break;
        }
        if (more != ',') return;
    }
}

/* Microseconds since 1970 as PostgreSQL reads them. */
static void timestamp(const char *micros, char text[40]) {
    long long value = atoll(micros);
    time_t seconds = value / 1000000;
    static time_t last = -1;
    static char day[24];
    if (seconds != last) {
        struct tm parts;
        gmtime_r(&seconds, &parts);
        strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &parts);
        last = seconds;
    }
    snprintf(text, 40, "%s.%06lldZ", day, value % 1000000);
}

static void check(PGconn *database, PGresult *result, ExecStatusType wanted) {
    if (PQresultStatus(result) != wanted) fail("%s", PQerrorMessage(database));
    PQclear(result);
}

static long insert_events(PGconn *database, const char *table, FILE *in) {
    char statement[1024];
    snprintf(statement, sizeof(statement),
             "INSERT INTO %s (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, size, captured, decode_status, conn_type, addr, tid) "
             "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
             table);
    check(database, PQprepare(database, "event", statement, COLUMNS, NULL), PGRES_COMMAND_OK);
    static char line[LINE];
    char *values[COLUMNS], ts[40];
    long rows = 0;
    while (fgets(line, sizeof(line), in)) {
        parse(line, values);
        timestamp(values[2], ts);
        values[2] = ts;
        check(database, PQexecPrepared(database, "event", COLUMNS, (const char *const *)values, NULL, NULL, 0), PGRES_COMMAND_OK);
        rows++;
    }
    return rows;
}

static void put_all(PGconn *database, const char *bytes, int count) {
    if (PQputCopyData(database, bytes, count) != 1) fail("%s", PQerrorMessage(database));
}

static void finish_copy(PGconn *database) {
    if (PQputCopyEnd(database, NULL) != 1) fail("%s", PQerrorMessage(database));
    check(database, PQgetResult(database), PGRES_COMMAND_OK);
    PQclear(PQgetResult(database));
}

static long copy_events(PGconn *database, const char *table, FILE *in) {
    char statement[1024];
    snprintf(statement, sizeof(statement),
             "COPY %s (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, size, captured, decode_status, conn_type, addr, tid) "
             "FROM STDIN",
             table);
    static char line[LINE], out[BUFFER + LINE];
    char *values[COLUMNS], ts[40];
    long rows = 0;
    int used = 0;
    int64_t began = 0;
    bool is_open = false;
    while (fgets(line, sizeof(line), in)) {
        if (!is_open) {
            check(database, PQexec(database, statement), PGRES_COPY_IN);
            is_open = true;
            began = nanoseconds(CLOCK_MONOTONIC);
        }
        parse(line, values);
        timestamp(values[2], ts);
        values[2] = ts;
        for (int column = 0; column < COLUMNS; column++) {
            if (column) out[used++] = '\t';
            if (!values[column]) {
                out[used++] = '\\';
                out[used++] = 'N';
                continue;
            }
            for (const char *from = values[column]; *from; from++) {
                if (*from == '\\') out[used++] = '\\';
                out[used++] = *from;
            }
        }
        out[used++] = '\n';
        rows++;
        bool is_due = rows % 256 == 0 && nanoseconds(CLOCK_MONOTONIC) - began > COMMIT_MS * INT64_C(1000000);
        if (used > BUFFER / 2 || is_due) {
            put_all(database, out, used);
            used = 0;
        }
        if (is_due) {
            finish_copy(database);
            is_open = false;
        }
    }
    if (is_open) {
        put_all(database, out, used);
        finish_copy(database);
    }
    return rows;
}

static int collect(bool is_copy, const char *conninfo, const char *table, const char *port) {
    PGconn *database = PQconnectdb(conninfo);
    if (PQstatus(database) != CONNECTION_OK) fail("%s", PQerrorMessage(database));
    struct sockaddr_in address = address_of("127.0.0.1", port);
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1)) fail("cannot listen: %s", strerror(errno));
    puts("listening");
    fflush(stdout);
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) fail("cannot accept: %s", strerror(errno));
    FILE *in = fdopen(connection, "r");
    setvbuf(in, NULL, _IOFBF, BUFFER);
    int64_t began = nanoseconds(CLOCK_MONOTONIC);
    long rows = is_copy ? copy_events(database, table, in) : insert_events(database, table, in);
    printf("{\"rows\":%ld,\"seconds\":%.6f}\n", rows, (nanoseconds(CLOCK_MONOTONIC) - began) / 1e9);
    PQfinish(database);
    return 0;
}

int main(int count, char **arguments) {
    if (count == 5 && !strcmp(arguments[1], "send")) return send_events(arguments[2], arguments[3], atol(arguments[4]));
    if (count == 5 && !strcmp(arguments[1], "insert")) return collect(false, arguments[2], arguments[3], arguments[4]);
    if (count == 5 && !strcmp(arguments[1], "copy")) return collect(true, arguments[2], arguments[3], arguments[4]);
    fputs("usage: peerscope-peers send HOST PORT COUNT | insert CONNINFO TABLE PORT | copy CONNINFO TABLE PORT\n", stderr);
    return 64;
}

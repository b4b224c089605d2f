"""The processes that are measured: stand-in nodes, attacher, streamer, aggregator and a private PostgreSQL."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    pass


class Effort:
    """How long measuring may take: `smoke` shows that everything runs, `short` is `make bench`, `full` is FULL=1."""

    def __init__(self, name):
        self.name = name
        self.smoke, self.full = name == "smoke", name == "full"

    def pick(self, smoke, short, full):
        return {"smoke": smoke, "short": short, "full": full}[self.name]


def busy_processors(seconds=1.0):
    """How many processors are busy while this program waits: whoever else the machine works for, thieves included."""

    def busy():
        user, nice, system, idle, waiting, *more = (int(word) for word in open("/proc/stat").readline().split()[1:9])
        return user + nice + system + sum(more)

    before, began = busy(), time.monotonic()
    time.sleep(seconds)
    return (busy() - before) / TICKS / (time.monotonic() - began)


def free_port():
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """A child process with its output in a file."""

    def __init__(self, command, log, env=None):
        self.command, self.log = command, log
        self.output = open(log, "wb")
        self.child = subprocess.Popen(command, stdout=self.output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                      env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.child.pid

    def text(self):
        return open(self.log, errors="replace").read()

    def await_text(self, wanted, seconds=60):
        until = time.monotonic() + seconds
        while wanted not in self.text():
            if self.child.poll() is not None or time.monotonic() > until:
                raise Failure(f"{' '.join(self.command)}: no \"{wanted}\" in\n{self.text()[-2000:]}")
            time.sleep(0.05)

    def wait(self, seconds=600):
        code = self.child.wait(timeout=seconds)
        if code != 0:
            raise Failure(f"{' '.join(self.command)}: status {code}\n{self.text()[-2000:]}")

    def end(self, number=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(number)
            try:
                self.child.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.output.close()

    def cpu_seconds(self):
        """(user, system)."""
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(")", 1)[1].split()
        return int(fields[11]) / TICKS, int(fields[12]) / TICKS

    def peak_bytes(self):
        """The most memory that was ever resident."""
        return next(int(line.split()[1]) * 1024 for line in open(f"/proc/{self.pid}/status") if line.startswith("VmHWM"))

    def resident_bytes(self, without="bpf-map"):
        """Resident memory, without mappings whose name holds `without`: the ring belongs to the kernel."""
        total, name = 0, ""
        for line in open(f"/proc/{self.pid}/smaps"):
            if "-" in line.split()[0] and not line.split()[0].endswith(":"):
                name = line
            elif line.startswith("Rss:") and without not in name:
                total += int(line.split()[1]) * 1024
        return total


class Workshop:
    """Where everything happens: programs, folders, and what has to be cleaned up."""

    def __init__(self, binaries, schema):
        self.binaries, self.schema = binaries, schema
        self.folder = tempfile.mkdtemp(prefix="peerscope-bench-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.running, self.pins, self.databases, self.count = [], [], [], 0

    def program(self, name):
        return os.path.join(self.binaries, name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, command, log, env=None):
        self.count += 1
        program = Program(command, self.path(f"{self.count:03}-{log}.log"), env)
        self.running.append(program)
        return program

    def run(self, command, log, seconds=600):
        program = self.start(command, log)
        program.wait(seconds)
        self.running.remove(program)
        return program.text()

    def stop(self, *programs):
        for program in programs:
            program.end()
            if program in self.running:
                self.running.remove(program)

    def close(self):
        for program in reversed(self.running):
            program.end()
        for database in self.databases:
            database.close()
        for pins in self.pins:
            shutil.rmtree(pins, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- Captures of one event ----------------------------------------------------------------------------------

    def one_event(self, size, node="bench"):
        """A capture of one inbound message with a payload of `size` bytes."""
        path = self.path(f"{node}-{size}.jsonl")
        kind = "notfound" if size == 37 else "unknown1261"
        payload = (b"\x01" + b"\x05\0\0\0" + bytes(range(256)) * (size // 256 + 1))[:size]
        with open(path, "w") as out:
            out.write(json.dumps({"node": node, "pid": 1, "mono_ns": 1000, "probe": "net:inbound_message",
                                  "args": [7, "198.51.100.7:8333", "inbound", kind, size, payload.hex()]}) + "\n")
        return path

    def standin(self, name="tracepoint-replay"):
        """A stand-in node that is a binary of its own."""
        path = self.path(name)
        if not os.path.exists(path):
            shutil.copy(self.program("tracepoint-replay"), path)
        return path

    def fire(self, standin, capture, node, count, rate=0, pid_file=None, log="fire", more=()):
        """Fires `count` events, `rate` a second (0: as many as possible).

        With a pid file the process stays for a moment, so that the attacher tells its verdict: what a process that is not
        known has done is counted and dropped.
        """
        summary = self.path(f"summary-{self.count}.json")
        command = [standin, capture, "--node", node, "--rate", str(rate), "--count", str(count), "--summary", summary]
        if pid_file:
            command += ["--pid-file", pid_file, "--linger", "0.5"]
        program = self.start(command + list(more), log)
        program.summary = summary
        return program

    def fired(self, program, seconds=600):
        program.wait(seconds)
        self.running.remove(program)
        return json.load(open(program.summary))

    # --- Agent --------------------------------------------------------------------------------------------------

    def agent(self, name, aggregator, nodes, standin="/bin/true", more=""):
        """Enrolls an agent and writes its configuration; `nodes` are found by pid file."""
        folder = self.path(name)
        os.makedirs(folder + "/state", exist_ok=True)
        user = "nobody"
        owner = pwd.getpwnam(user).pw_uid
        os.chown(folder + "/state", owner, -1)
        enrolled = subprocess.run(
            [self.program("peerscope-aggregator"), "enroll", "--agent", name, "--data-dir", self.path("aggregator"),
             "--advertise", aggregator, *(f"name={node},binary={standin},pid_file={folder}/{node}.pid" for node in nodes)],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if enrolled.returncode:
            raise Failure(f"enrolling {name}:\n{enrolled.stderr}")
        config = folder + "/agent.yaml"
        with open(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(f"{enrolled.stdout}\nstate: {folder}/state\nuser: {user}\n{more}")
        self.pins.append(f"/sys/fs/bpf/peerscope/{name}")
        return config

    def pid_file(self, config, node):
        return os.path.join(os.path.dirname(config), f"{node}.pid")

    def attach(self, config):
        attacher = self.start([self.program("peerscope-agent"), "attach", "--config", config], "attach")
        attacher.await_text("ready:")
        return attacher

    def stream(self, config):
        streamer = self.start([self.program("peerscope-agent"), "run", "--config", config], "run")
        streamer.await_text("source: eBPF")
        return streamer

    # --- Aggregator and database --------------------------------------------------------------------------------

    def database(self, name):
        """A PostgreSQL as `embedded:` runs it, with the schema."""
        database = Database(self, name)
        self.databases.append(database)
        return database

    def aggregator(self, database, *more, listen="127.0.0.1:0"):
        """An aggregator that speaks TLS only, as on a network, on a Database or what else --database takes."""
        aggregator = self.start(
            [self.program("peerscope-aggregator"), "run", "--schema", self.schema, "--database", getattr(database, "location", database), "--listen", listen,
             "--plaintext", "never", "--data-dir", self.path("aggregator"), *more], "aggregator")
        aggregator.await_text("listening on")
        line = next(line for line in aggregator.text().splitlines() if "listening on" in line)
        aggregator.address = line.split("listening on")[1].strip()
        return aggregator


class Database:
    """An embedded PostgreSQL that notes when each transaction committed, and stays up until it is closed."""

    def __init__(self, shop, name):
        self.shop, self.folder = shop, shop.path(name)
        self.location = f"embedded:{self.folder}"
        shop.run([shop.program("peerscope-aggregator"), "migrate", "--schema", shop.schema, "--database", self.location], "migrate")
        with open(self.folder + "/data/postgresql.conf", "a") as settings:
            settings.write("track_commit_timestamp = on\n")
        # The server runs for as long as somebody uses it.
        self.holder = Program(
            [shop.program("peerscope"), "sql", "--database", self.location, "-X", "-q", "-c", "SELECT 'held'",
             "-c", "SELECT pg_sleep(100000)"], shop.path(f"{name}-held.log"))
        self.holder.await_text("held")
        pid_file = open(self.folder + "/data/postmaster.pid").read().splitlines()
        self.conninfo = f"host={pid_file[4]} port={pid_file[3]} user=peerscope dbname=peerscope"

    def psql(self, *arguments, conninfo=None, seconds=600):
        done = subprocess.run(
            ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo or self.conninfo, *arguments],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=seconds)
        if done.returncode:
            raise Failure(f"{' '.join(arguments)}\n{done.stderr}")
        return done.stdout.strip()

    def sql(self, query):
        return self.psql("-c", query)

    def number(self, query):
        return float(self.sql(query) or 0)

    def create(self, name):
        """Another database of the same server, with the schema; its conninfo."""
        self.sql(f"CREATE DATABASE {name}")
        conninfo = self.conninfo.replace("dbname=peerscope", f"dbname={name}")
        self.shop.run([self.shop.program("peerscope-aggregator"), "migrate", "--schema", self.shop.schema, "--database", conninfo], "migrate")
        return conninfo

    def cpu_seconds(self):
        """Of the server and all its processes, those that have ended too."""
        postmaster = int(open(self.folder + "/data/postmaster.pid").readline())
        total = 0
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                try:
                    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
                except OSError:
                    continue  # It has just ended.
                if int(pid) == postmaster:
                    total += sum(int(field) for field in fields[11:15])
                elif int(fields[1]) == postmaster:
                    total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def accounts(self):
        """(hits, stored, lost) of all streams."""
        line = self.sql(
            "SELECT coalesce(sum(hits), 0), coalesce(sum(stored), 0), coalesce(sum(lost_ring + lost_unreadable + lost_user + lost_spool "
            "+ lost_quarantine), 0) FROM peerscope.stream_tracepoint WHERE tracepoint LIKE 'net:%'")
        return tuple(int(word) for word in line.split("|"))

    def await_hits(self, hits, seconds=120):
        """Waits until so many hits are accounted for, as stored or as lost; what they are."""
        until = time.monotonic() + seconds
        while True:
            seen, stored, lost = self.accounts()
            if seen >= hits and stored + lost >= seen:
                return seen, stored, lost
            if time.monotonic() > until:
                raise Failure(f"{hits} events were fired, but {seen} seen, {stored} stored and {lost} lost")
            time.sleep(0.2)

    def close(self):
        if self.holder:
            self.holder.end()
            self.holder = None

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
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

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
        self.running, self.pins, self.count = [], [], 0

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

    def fire(self, standin, capture, node, count, rate=0, pid_file=None, log="fire"):
        """Fires `count` events, `rate` a second (0: as many as possible)."""
        summary = self.path(f"summary-{self.count}.json")
        command = [standin, capture, "--node", node, "--rate", str(rate), "--count", str(count), "--summary", summary]
        if pid_file:
            command += ["--pid-file", pid_file]
        program = self.start(command, log)
        program.summary = summary
        return program

    def fired(self, program, seconds=600):
        program.wait(seconds)
        self.running.remove(program)
        return json.load(open(program.summary))

    # --- Agent --------------------------------------------------------------------------------------------------

    def agent(self, name, aggregator, nodes, standin=None, more=""):
        """Writes an agent's configuration; `nodes` are found by pid file."""
        folder = self.path(name)
        os.makedirs(folder + "/state", exist_ok=True)
        user = "nobody"
        os.chown(folder + "/state", pwd.getpwnam(user).pw_uid, -1)
        config = folder + "/agent.yaml"
        with open(config, "w") as out:
            out.write(f"agent: {name}\naggregator: {aggregator}\nstate: {folder}/state\nuser: {user}\n{more}nodes:\n")
            for node in nodes:
                out.write(f"  - name: {node}\n    binary: {standin or '/bin/true'}\n    pid_file: {folder}/{node}.pid\n")
        self.pins.append(f"/sys/fs/bpf/peerscope/{name}")
        return config

    def attach(self, config):
        attacher = self.start([self.program("peerscope-agent"), "attach", "--config", config], "attach")
        attacher.await_text("ready:")
        return attacher

    def stream(self, config):
        streamer = self.start([self.program("peerscope-agent"), "run", "--config", config], "run")
        streamer.await_text("source: eBPF")
        return streamer

    # --- Aggregator and database --------------------------------------------------------------------------------

    def database(self, name, fsync=True):
        """A database with the schema; PostgreSQL as `embedded:` runs it."""
        return f"embedded:{self.path(name)}"

    def aggregator(self, database, *more):
        aggregator = self.start(
            [self.program("peerscope-aggregator"), "run", "--schema", self.schema, "--database", database,
             *(() if "--listen" in more else ("--listen", "127.0.0.1:0")), "--data-dir", self.path("aggregator"), *more], "aggregator")
        aggregator.await_text("listening on")
        line = next(line for line in aggregator.text().splitlines() if "listening on" in line)
        aggregator.address = line.split("listening on")[1].strip()
        return aggregator

    def sql(self, database, query):
        done = subprocess.run(
            [self.program("peerscope"), "sql", "--database", database, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", query],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise Failure(f"{query}\n{done.stderr}")
        return done.stdout.strip()

"""What the agent costs its host: processor, memory, bytes on the wire and in the spool; and how many events it carries."""

import json
import os
import subprocess
import time

from .fleet import Failure, free_port
from .results import Figure, median, spread

PAYLOAD = 37


def measure(shop, results, effort):
    limit = json.loads(shop.run([shop.program("peerscope-load"), "seal", *effort.pick(["--rounds", "1", "--milliseconds", "5"], [], [])], "seal"))
    steady(shop, results, effort, limit)


class Watch:
    """Memory and processor time of a process, from now on."""

    def __init__(self, program):
        self.program, self.resident = program, []
        self.user, self.system = program.cpu_seconds()

    def look(self):
        self.resident.append(self.program.resident_bytes())

    def during(self, other):
        """Looks twice a second until `other` has ended."""
        while other.child.poll() is None:
            self.look()
            time.sleep(0.5)
        self.look()

    def spent(self):
        user, system = self.program.cpu_seconds()
        return user - self.user, system - self.system


def steady(shop, results, effort, limit):
    """100 000 events a second, with the aggregator and without."""
    rate, seconds, rounds = effort.pick((10_000, 1, 1), (100_000, 4, 3), (100_000, 20, 3))
    standin, port = shop.standin(), free_port()
    database = shop.database("agent")
    aggregator = shop.aggregator(database, listen=f"127.0.0.1:{port}")
    config = shop.agent("bench-agent", aggregator.address, ["bench"], standin)
    attacher, streamer = shop.attach(config), shop.stream(config)
    capture, pid_file = shop.one_event(PAYLOAD), shop.pid_file(config, "bench")

    def fire(count):
        return shop.fire(standin, capture, "bench", count, rate, pid_file)

    fired = shop.fired(fire(rate // 5))["fired"]
    before = database.await_hits(fired)[1]
    user, system, resident = [], [], []
    for _ in range(rounds):
        watch, sent = Watch(streamer), bytes_sent(aggregator.address)
        fire_program = fire(rate * seconds)
        watch.during(fire_program)
        fired += shop.fired(fire_program)["fired"]
        hits, stored, lost = database.await_hits(fired)
        kept, before = stored - before, stored
        spent = watch.spent()
        user.append(spent[0] / kept * 1e9)
        system.append(spent[1] / kept * 1e9)
        resident += watch.resident
        wire = (bytes_sent(aggregator.address) - sent) / kept
    floor = limit["memcpy_ns"] + limit["tls_ns"]
    ratio = median(user) / floor
    at = f"at {rate:,} events/s".replace(",", " ")
    results.add(
        Figure(f"agent, user-space CPU per event {at}", median(user), "ns", spread(user), floor, "memcpy + TLS", ratio,
               "≤ 1 000 ns", median(user) <= 1000,
               f"memcpy takes {limit['memcpy_ns']:.2f} ns, TLS {limit['tls_ns']:.2f} ns; kernel time besides: {median(system):.0f} ns; "
               f"{lost} of {fired} events were lost, and declared"),
        Figure("agent, user-space CPU per event, against its limit", median(user), "ns", spread(user), floor, "memcpy + TLS", ratio, "≤ 3 ×", ratio <= 3),
        Figure("bytes on the wire per event, 37-byte payload", wire, "B", None, PAYLOAD, "payload", wire / PAYLOAD, "≤ payload + 24 B",
               wire <= PAYLOAD + 24, "TCP payload, TLS included"),
        memory(f"agent memory {at}, aggregator there", resident, seconds * rounds))

    # Nobody to send to: everything stays in the spool.
    shop.stop(aggregator)
    away = effort.pick(1, 12, 60)
    spool = folder_bytes(os.path.dirname(config) + "/state")
    watch = Watch(streamer)
    fire_program = fire(rate * away)
    watch.during(fire_program)
    fired += shop.fired(fire_program)["fired"]
    time.sleep(0.5)
    spooled = folder_bytes(os.path.dirname(config) + "/state") - spool
    # And then everything arrives.
    aggregator = shop.aggregator(database, listen=f"127.0.0.1:{port}")
    hits, stored, lost = database.await_hits(fired)
    per_event = spooled / (stored - before)
    results.add(
        memory(f"agent memory {at}, aggregator away", watch.resident, away),
        Figure("bytes in the spool per event, 37-byte payload", per_event, "B", None, PAYLOAD, "payload", per_event / PAYLOAD,
               "≤ payload + 24 B", per_event <= PAYLOAD + 24))
    shop.stop(streamer, attacher, aggregator)
    database.close()
    if hits != fired:
        raise Failure(f"{fired} events were fired, but {hits} seen, {stored} stored and {lost} lost")


def memory(name, resident, seconds):
    """The most, and whether it grew from the second to the last quarter."""
    quarter = max(1, len(resident) // 4)
    early, late = median(resident[quarter:2 * quarter] or resident), median(resident[-quarter:])
    most = max(resident) / 2**20
    grown = (late - early) / 2**20
    return Figure(name, most, "MiB", (min(resident) / 2**20, most), 40, "budget", most / 40, "≤ 40 MiB, constant", most <= 40 and grown < 4,
                  f"without the ring, over {seconds} s; from its second to its last quarter it grew by {grown:.1f} MiB")


def bytes_sent(address):
    """What has been sent on connections to `address` that are still there."""
    total = 0
    lines = subprocess.run(["ss", "-tinH", "dst", address], capture_output=True, text=True, check=True).stdout
    for word in lines.split():
        if word.startswith("bytes_sent:"):
            total += int(word.split(":")[1])
    return total


def folder_bytes(folder):
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.path.getsize(os.path.join(path, name))
            except FileNotFoundError:
                pass  # A segment that was acknowledged meanwhile.
    return total

#!/usr/bin/env python3
"""Runs real Bitcoin Core nodes on regtest: connected, mining, paying, gossiping addresses.

    regtest.py [--seconds N] [--oracle FILE] NAME=BITCOIND=DATADIR ...

Each node is started, the network is busy for N seconds, then what every node's RPC says is written to FILE
(height, tip, mempool, and the bytes per message type of every peer), and the nodes are stopped. Standard
library only. Everything listens on 127.0.0.1.
"""
import argparse
import base64
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

MAGIC = bytes.fromhex("fabfb5da")


class Node:
    def __init__(self, spec, index):
        self.name, self.binary, self.datadir = spec.split("=", 2)
        self.port, self.rpc_port = free_port(), free_port()
        self.index = index
        self.process = None

    def start(self, peers):
        shutil.rmtree(self.datadir, ignore_errors=True)
        os.makedirs(self.datadir)
        log = open(os.path.join(self.datadir, "stdout.log"), "w")
        self.process = subprocess.Popen(
            [self.binary, "-regtest", f"-datadir={self.datadir}", f"-port={self.port}", f"-rpcport={self.rpc_port}",
             f"-bind=127.0.0.1:{self.port}", "-listenonion=0", "-dnsseed=0", "-fixedseeds=0", "-discover=0",
             "-peerbloomfilters=0", "-fallbackfee=0.0001", "-debug=net", "-server=1", "-printtoconsole=0",
             "-whitelist=noban@127.0.0.1", f"-v2transport={self.index % 2}"],
            stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.rpc("getblockchaininfo")
                break
            except (OSError, RuntimeError, http.client.HTTPException):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"error: {self.binary} did not start for node {self.name}; see {self.datadir}")
                time.sleep(0.1)
        for peer in peers:
            self.rpc("addnode", f"127.0.0.1:{peer.port}", "add")

    def rpc(self, method, *parameters):
        with open(os.path.join(self.datadir, "regtest", ".cookie")) as cookie:
            secret = base64.b64encode(cookie.read().encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.rpc_port, timeout=30)
        connection.request("POST", "/wallet/w" if method in WALLET else "/",
                           json.dumps({"method": method, "params": parameters, "id": 1}),
                           {"Authorization": "Basic " + secret})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if answer.get("error"):
            raise RuntimeError(f"{self.name}: {method}: {answer['error']['message']}")
        return answer["result"]


WALLET = {"getnewaddress", "sendtoaddress", "getbalance", "bumpfee"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gossiper(threading.Thread):
    """A peer that tells one node about routable addresses, as a newcomer's neighbours would."""

    def __init__(self, node, seconds, seed):
        super().__init__(daemon=True)
        self.node, self.until, self.random = node, time.monotonic() + seconds, random.Random(seed)

    def send(self, link, kind, payload=b""):
        checksum = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
        link.sendall(MAGIC + kind.encode().ljust(12, b"\0") + struct.pack("<I", len(payload)) + checksum + payload)

    def run(self):
        try:
            link = socket.create_connection(("127.0.0.1", self.node.port), 10)
            now = int(time.time())
            self.send(link, "version", struct.pack("<iQq26s26sQB", 70016, 0, now, b"\0" * 26, b"\0" * 26,
                                                   self.random.getrandbits(64), 15) + b"/demo-gossiper/" + b"\0" * 5)
            time.sleep(0.5)
            self.send(link, "sendaddrv2")
            self.send(link, "verack")
            threading.Thread(target=self.drain, args=(link,), daemon=True).start()
            while time.monotonic() < self.until:
                entries = b""
                count = self.random.randint(1, 3)
                for _ in range(count):
                    address = bytes([self.random.choice([5, 23, 45, 78, 91, 151, 178, 203])]) + self.random.randbytes(3)
                    entries += struct.pack("<I", int(time.time()) - self.random.randint(0, 200))
                    entries += b"\x01\x01\x04" + address + struct.pack(">H", 8333)
                self.send(link, "addrv2", bytes([count]) + entries)
                time.sleep(self.random.uniform(3, 8))
            link.close()
        except OSError as error:
            print(f"gossiper of {self.node.name}: {error}", flush=True)

    def drain(self, link):
        """Reads and answers pings."""
        buffer = b""
        try:
            while True:
                part = link.recv(65536)
                if not part:
                    return
                buffer += part
                while len(buffer) >= 24:
                    length = struct.unpack("<I", buffer[16:20])[0]
                    if len(buffer) < 24 + length:
                        break
                    if buffer[4:16].rstrip(b"\0") == b"ping":
                        self.send(link, "pong", buffer[24:24 + length])
                    buffer = buffer[24 + length:]
        except OSError:
            return


def busy(nodes, seconds):
    """Blocks everywhere, payments between wallets, a fee bump, a reorganisation."""
    end = time.monotonic() + seconds
    dice = random.Random(1)
    for node in nodes:
        node.rpc("createwallet", "w")
    addresses = [node.rpc("getnewaddress") for node in nodes]
    nodes[0].rpc("generatetoaddress", 101, addresses[0])
    for node, address in zip(nodes[1:], addresses[1:]):
        nodes[0].rpc("sendtoaddress", address, 5)
    nodes[0].rpc("generatetoaddress", 1, addresses[0])
    gossipers = [Gossiper(node, seconds, index) for index, node in enumerate(nodes)]
    for gossiper in gossipers:
        gossiper.start()
    split = False
    while time.monotonic() < end:
        node = dice.choice(nodes)
        address = dice.choice(addresses)
        try:
            if dice.random() < 0.25:
                node.rpc("generatetoaddress", 1, address)
            else:
                node.rpc("sendtoaddress", address, 0.001)
            if not split and time.monotonic() > end - seconds / 2:
                split = True
                tip = nodes[-1].rpc("getbestblockhash")
                nodes[-1].rpc("generatetoaddress", 1, addresses[-1])
                time.sleep(0.5)
                for other in nodes:
                    other.rpc("invalidateblock", nodes[-1].rpc("getbestblockhash")) if other is nodes[-1] else None
                nodes[-1].rpc("generatetoaddress", 2, addresses[0])
                print("reorganisation above", tip, flush=True)
        except (RuntimeError, OSError) as error:
            print(error, flush=True)
        time.sleep(dice.uniform(0.1, 0.6))
    for gossiper in gossipers:
        gossiper.join(15)


def oracle(nodes):
    """What each node says of itself and of its peers, in the form of the captures' oracle files."""
    said = {}
    for index, node in enumerate(nodes, 1):
        chain, network = node.rpc("getblockchaininfo"), node.rpc("getnetworkinfo")
        peers = []
        for peer in node.rpc("getpeerinfo"):
            peers.append({key: peer[key] for key in (
                "id", "addr", "connection_type", "network", "bytessent_per_msg", "bytesrecv_per_msg", "subver",
                "transport_protocol_type") if key in peer})
        said[str(index)] = {"node": node.name, "height": chain["blocks"], "tip": chain["bestblockhash"],
                            "mempool": node.rpc("getmempoolinfo")["size"], "version": network["subversion"],
                            "peers": peers}
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--oracle")
    parser.add_argument("--settle", type=float, default=3, help="seconds between start and first activity")
    parser.add_argument("nodes", nargs="+", metavar="NAME=BITCOIND=DATADIR")
    arguments = parser.parse_args()
    nodes = [Node(spec, index) for index, spec in enumerate(arguments.nodes)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for index, node in enumerate(nodes):
            node.start(nodes[max(0, index - 2):index])
        time.sleep(arguments.settle)
        busy(nodes, arguments.seconds)
        time.sleep(2)
        if arguments.oracle:
            # Quiet the network first, so that counters and events speak of the same instant.
            for node in nodes:
                node.rpc("setnetworkactive", True)
            with open(arguments.oracle, "w") as file:
                json.dump(oracle(nodes), file, indent=1)
    finally:
        for node in nodes:
            if node.process and node.process.poll() is None:
                node.process.terminate()
        for node in nodes:
            if node.process:
                try:
                    node.process.wait(60)
                except subprocess.TimeoutExpired:
                    node.process.kill()


if __name__ == "__main__":
    main()

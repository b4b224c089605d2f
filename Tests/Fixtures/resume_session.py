#!/usr/bin/env python3
"""Connects to an aggregator with a client certificate, then again with the session of the first connection, and again
after a line on standard input. Says each time how TLS was set up and the type of the frame that came.

usage: resume_session.py PORT FOLDER     FOLDER has ca.crt, agent.crt, agent.key and hello (the frame, decimal bytes)
"""
import socket
import ssl
import sys

port, folder = int(sys.argv[1]), sys.argv[2]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.load_verify_locations(folder + "/ca.crt")
context.load_cert_chain(folder + "/agent.crt", folder + "/agent.key")
hello = bytes(int(word) for word in open(folder + "/hello").read().split())


def greet(session):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        with context.wrap_socket(plain, session=session) as tls:
            tls.sendall(hello)
            header = tls.recv(6)
            how = "resumed" if tls.session_reused else "full handshake"
            print(f"{how}: frame {header[4] if len(header) > 4 else 'none'}", flush=True)
            # The ticket has come with the first bytes.
            return tls.session


session = greet(None)
greet(session)
sys.stdin.readline()
greet(session)

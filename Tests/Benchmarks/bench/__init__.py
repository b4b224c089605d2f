"""Measures what Peerscope costs a node and what an aggregator carries; `make bench` runs it."""

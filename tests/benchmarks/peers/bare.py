"""A client that does nothing."""

from tests.benchmarks.peers import Peer, run

if __name__ == "__main__":
    run(Peer())

"""How fast the bot is, against the same work done with as little code as possible.

`make bench`, or `python -m tests.benchmarks [names…]`: a line each `name ours peer ratio`, and
`build/bench.json`. Everything runs over the playground's real wire on loopback; ours and the
peer take turns or work side by side, so that a busy machine slows both.
"""

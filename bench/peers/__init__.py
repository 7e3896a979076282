"""Other stream processors on the same broker and messages, measured in turn with ours: `python -m bench.peers`."""

"""What each peer runs: alone in its own process and environment, so nothing here imports anything of ours.

Each takes one argument, JSON with `bootstrap`, `source`, `sink`, `group` and `options`; reads crime reports, writes
`{"report_id": ..., "score": ...}` under the same key, and ends when its standard input closes. The score is the same
trivial one in all of them: a parsed field or two, so that what is compared is the machinery and not the model.
"""

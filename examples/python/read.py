"""Show priorities as they come, each once: python read.py [BROKERS]. Needs confluent-kafka, nothing of ours."""

import json
import sys
from collections import OrderedDict

from confluent_kafka import Consumer

settings = {
    "bootstrap.servers": sys.argv[1] if len(sys.argv) > 1 else "localhost:9092",
    "group.id": "board-in-python",
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",  # what an aborted transaction left behind is nobody's priority
}
seen: OrderedDict[bytes, None] = OrderedDict()  # ce_id of the newest 100,000 decisions
newest: dict[tuple[str, str], int] = {}  # a real board forgets closed reports

consumer = Consumer(settings)
consumer.subscribe(["priorities"])
while True:
    message = consumer.poll(1.0)
    if message is None:
        continue
    if message.error():
        print(message.error(), file=sys.stderr)
        continue
    ce_id = dict(message.headers())["ce_id"]
    p = json.loads(message.value())
    report = (p["agency_id"], p["report_id"])
    if ce_id in seen or 0 < p["revision"] < newest.get(report, 0):
        continue
    seen[ce_id] = None
    if len(seen) > 100_000:
        seen.popitem(last=False)
    newest[report] = max(p["revision"], newest.get(report, 0))
    who = "a person must look" if p["needs_human_triage"] else f"severity {p['severity']}"
    print(p["priority"], p["report_id"], who, [reason["text"] for reason in p["reasons"]], flush=True)

"""File the report in a JSON file: python send.py REPORT [BROKERS].

Needs confluent-kafka and jsonschema[format], nothing of ours.
"""

import json
import sys
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from jsonschema import Draft202012Validator, FormatChecker

SCHEMA = Path(__file__).parents[2] / "schemas" / "generated" / "CrimeReport.schema.json"

report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
contract = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), format_checker=FormatChecker())
for error in contract.iter_errors(report):
    sys.exit(f"breaks the contract at {error.json_path}: {error.message}")

settings = {
    "bootstrap.servers": sys.argv[2] if len(sys.argv) > 2 else "localhost:9092",
    "partitioner": "murmur2_random",  # Java's: all clients then put a report's revisions on one partition
    "enable.idempotence": True,
}


def delivered(error: KafkaException | None, _: object) -> None:
    if error:
        sys.exit(f"not delivered, file it again: {error}")


producer = Producer(settings)
key = f"{report['agency_id']}/{report['report_id']}"
producer.produce("crime-reports", json.dumps(report), key, callback=delivered)
if producer.flush(10):
    sys.exit("not delivered within 10 s, file it again: the broker cannot be reached")
print("filed", report["report_id"])

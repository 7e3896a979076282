"""FastStream on its Confluent client, acknowledging what was handled after its results are confirmed: at least once.

Options: `batch` for up to 500 messages at a time, of 10 ms at most, instead of one.
"""

# mypy: ignore-errors
# It runs in an environment of its own, beside trivial.py: its imports are not to be found from here.

import asyncio
import json
import logging

from confluent_kafka import Message
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker, KafkaMessage
from trivial import end_with_parent, score, settings


def _scored(message: Message) -> bytes:
    return json.dumps(score(json.loads(message.value() or b""))).encode()


async def _serve() -> None:
    given = settings()
    broker = KafkaBroker(given["bootstrap"], log_level=logging.DEBUG)
    publisher = broker.publisher(given["sink"])
    common = {
        "group_id": given["group"],
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "ack_policy": AckPolicy.ACK,
    }

    async def single(message: KafkaMessage) -> None:
        raw = message.raw_message
        await publisher.publish(_scored(raw), key=raw.key())

    async def batch(messages: KafkaMessage) -> None:
        # Not publish_batch, which has no keys. They are handed to the client in order, and confirmed together.
        await asyncio.gather(*(publisher.publish(_scored(raw), key=raw.key()) for raw in messages.raw_message))

    if given["options"].get("batch"):
        broker.subscriber(given["source"], batch=True, max_records=500, polling_interval=0.01, **common)(batch)
    else:
        broker.subscriber(given["source"], **common)(single)
    app = FastStream(broker)
    end_with_parent(app.exit)
    await app.run()


if __name__ == "__main__":
    asyncio.run(_serve())

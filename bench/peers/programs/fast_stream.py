"""FastStream on its Confluent client, acknowledging each message after it was handled: at least once."""

# mypy: ignore-errors
# It runs in an environment of its own, beside trivial.py: its imports are not to be found from here.

import asyncio
import json
import logging

from confluent_kafka import Message
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker, KafkaMessage
from trivial import end_with_parent, score, settings


async def _serve() -> None:
    given = settings()
    broker = KafkaBroker(given["bootstrap"], log_level=logging.DEBUG)
    publisher = broker.publisher(given["sink"])

    @broker.subscriber(
        given["source"],
        group_id=given["group"],
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        ack_policy=AckPolicy.ACK,
    )
    async def handle(message: KafkaMessage) -> None:
        raw = message.raw_message
        assert isinstance(raw, Message)
        await publisher.publish(json.dumps(score(json.loads(message.body))).encode(), key=raw.key())

    app = FastStream(broker)
    end_with_parent(app.exit)
    await app.run()


if __name__ == "__main__":
    asyncio.run(_serve())

"""Quix Streams, a data frame from topic to topic. Options: guarantee, and `tuned` for its best setting found."""

# mypy: ignore-errors
# It runs in an environment of its own, beside trivial.py: its imports are not to be found from here.

import tempfile

from quixstreams import Application
from trivial import end_with_parent, score, settings

TUNED = {"retry.backoff.ms": 1, "retry.backoff.max.ms": 2, "linger.ms": 1, "socket.nagle.disable": True}
"""What our own transactional producer has: see transport/settings.py for each one's reason."""


def main() -> None:
    """Run until standard input closes."""
    given = settings()
    tuned = given["options"].get("tuned", False)
    app = Application(
        broker_address=given["bootstrap"],
        consumer_group=given["group"],
        auto_offset_reset="earliest",
        processing_guarantee=given["options"]["guarantee"],
        auto_create_topics=False,
        state_dir=tempfile.mkdtemp(prefix="severity-quix-"),  # not the folder from which the bench was called
        loglevel="WARNING",
        **({"commit_interval": 0.001, "producer_extra_config": TUNED} if tuned else {}),
    )
    source = app.topic(given["source"], value_deserializer="json", key_deserializer="bytes")
    sink = app.topic(given["sink"], value_serializer="json", key_serializer="bytes")
    app.dataframe(source).apply(score).to_topic(sink)
    end_with_parent(app.stop)
    app.run()


if __name__ == "__main__":
    main()

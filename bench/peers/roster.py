"""Who is measured, with what settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from schemas import topics

Engine = Literal["none", "kafka-streams", "quixstreams", "faststream", "arroyo", "loop", "scorer"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One of those compared. `options` go to its program as they are."""

    name: str
    title: str
    guarantee: Literal["-", "exactly once", "at least once"]
    engine: Engine
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The topic that it reads: of its own, so that the others are idle meanwhile."""
        return topics.CRIME_REPORTS if self.engine == "scorer" else f"{self.name}-in"

    @property
    def sink(self) -> str:
        """The topic that it writes."""
        if self.engine == "none":
            return self.source
        return topics.PRIORITIES if self.engine == "scorer" else f"{self.name}-out"


OURS: Final = "scored_eos"
STREAMS_DEFAULT: Final = "streams_default"
STREAMS_TUNED: Final = ("streams_5ms", "streams_1ms")

ROSTER: Final = (
    Peer("direct", "no worker: produce to consume", "-", "none"),
    Peer(OURS, "ours: the scorer as deployed, whole job", "exactly once", "scorer"),
    Peer("pass_eos", "ours: trivial score", "exactly once", "loop", {"delivery": "exactly-once"}),
    Peer(STREAMS_DEFAULT, "Kafka Streams, default (commit 100 ms)", "exactly once", "kafka-streams"),
    Peer("streams_5ms", "Kafka Streams, commit 5 ms", "exactly once", "kafka-streams", {"commit.interval.ms": "5"}),
    Peer("streams_1ms", "Kafka Streams, commit 1 ms", "exactly once", "kafka-streams", {"commit.interval.ms": "1"}),
    Peer("quix_default", "Quix Streams, default (commit 5 s)", "exactly once", "quixstreams",
         {"guarantee": "exactly-once"}),
    Peer("quix_tuned", "Quix Streams, commit 1 ms, our producer's settings", "exactly once", "quixstreams",
         {"guarantee": "exactly-once", "tuned": True}),
    Peer("pass_alo", "ours: trivial score", "at least once", "loop", {"delivery": "at-least-once"}),
    Peer("quix_alo", "Quix Streams", "at least once", "quixstreams", {"guarantee": "at-least-once"}),
    Peer("faststream", "FastStream, a message at a time", "at least once", "faststream"),
    Peer("faststream_batch", "FastStream, batches of 10 ms", "at least once", "faststream", {"batch": True}),
    Peer("arroyo", "arroyo", "at least once", "arroyo"),
)  # fmt: skip

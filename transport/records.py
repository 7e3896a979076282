"""What goes through the loop: records in, outgoing messages and dead letters out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

Headers = Sequence[tuple[str, bytes]]
Partition = tuple[str, int]
"""(topic, partition)"""

DEAD_LETTERS: Final = ".dlq"
"""Ends the name of the topic that holds another topic's dead letters."""

ERROR_PREFIX: Final = "severity.error."
FIRST_FAILURE: Final = f"{ERROR_PREFIX}first_failure"
LEFT_OUT: Final = f"{ERROR_PREFIX}left_out"

SHORT_KEY: Final = 1024
"""Bytes of a key that even a bare dead letter keeps."""


class Record(NamedTuple):
    """One message as it was read. A tuple, since hundreds of thousands a second are made."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int
    """Milliseconds since 1970 as the broker has them; -1 where it has none."""


class Outgoing(NamedTuple):
    """One message to be written."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class DeadLetter(NamedTuple):
    """A record that could not be used, and why: `reason` is a code for counters, `detail` is for people."""

    record: Record
    reason: str
    detail: str

    def outgoing(self, now: datetime, *, bare: bool = False) -> Outgoing:
        """The record as it was, in `<topic>.dlq`, with the reason in headers.

        A letter that was sent again by an operator and failed again keeps the time of its first failure. `bare` leaves
        body, headers and a long key out, for a letter that its topic refuses as too large: the place in the headers
        still says where the record is.
        """
        record = self.record
        first = next((content for name, content in record.headers if name == FIRST_FAILURE), now.isoformat().encode())
        reason = [
            (f"{ERROR_PREFIX}reason", self.reason.encode()),
            (f"{ERROR_PREFIX}detail", self.detail.encode()),
            (f"{ERROR_PREFIX}topic", record.topic.encode()),
            (f"{ERROR_PREFIX}partition", str(record.partition).encode()),
            (f"{ERROR_PREFIX}offset", str(record.offset).encode()),
            (FIRST_FAILURE, first),
        ]
        topic = f"{record.topic}{DEAD_LETTERS}"
        if bare:
            key = record.key if len(record.key or b"") <= SHORT_KEY else None
            left_out = f"too large for this topic; its body has {len(record.value or b'')} bytes".encode()
            return Outgoing(topic, key, None, [*reason, (LEFT_OUT, left_out)])
        original = [header for header in record.headers if not header[0].startswith(ERROR_PREFIX)]
        return Outgoing(topic, record.key, record.value, original + reason)


class Batch(NamedTuple):
    """What a handler made of the records it was given."""

    outputs: Sequence[Outgoing] = ()
    dead_letters: Sequence[DeadLetter] = ()


def next_offsets(records: Iterable[Record]) -> Mapping[Partition, int]:
    """Where to go on after `records`, which are in order within each partition."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}

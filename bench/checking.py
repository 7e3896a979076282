"""An independent checker: compares what readers find with what was sent. Nothing of the loop's is used for it.

Every record that was sent is looked up in its own topic, for its place. Every priority and every dead letter names the
place that it answers, so each can be held against the very record that it is about.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NamedTuple

from bench.topic_reading import read_topics
from schemas import topics
from transport.records import Partition, Record

Expected = Literal["priority", "dead letter", "both", "dropped"]
"""What must come of a record: `both` for an unreadable report whose identity is known, `dropped` for a repeated or
superseded revision."""

Place = tuple[str, int, int]
"""(topic, partition, offset)"""

EXAMPLES: Final = 20
PREFIX: Final = "severity.error."


class Sent(NamedTuple):
    """One record that was sent: a digest of its key and value, and what must come of it."""

    digest: bytes
    expected: Expected


def sent(key: bytes | None, value: bytes | None, expected: Expected = "priority") -> Sent:
    """What to remember of a record that is sent."""
    return Sent(_digest(key, value), expected)


@dataclass(slots=True)
class Verdict:
    """What was found, in records; `examples` are the first few faults in words."""

    sent: int = 0
    priorities: int = 0
    dead_letters: int = 0
    lost: int = 0
    """Sent, to be answered by a priority, and none found."""
    doubled: int = 0
    """Priorities beyond the first for one record, or for one `ce_id`."""
    out_of_order: int = 0
    """Priorities of a report that come after one of a later revision, or in another partition."""
    wrong: int = 0
    """Priorities for nothing that was sent or that should have had none, with another identity, revision or topic than
    their record, or with another score than an equal report had by the same release."""
    letters_lost: int = 0
    letters_doubled: int = 0
    letters_wrong: int = 0
    """Dead letters of nothing that was sent or that should have had none, or not holding what was sent."""
    unfiled: int = 0
    """Sent, and not in its own topic: the sender's or the broker's fault."""
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """No fault at all."""
        return not self.faults

    @property
    def faults(self) -> dict[str, int]:
        """Kinds of fault that there were, with their counts."""
        counts = asdict(self)
        kinds = counts.keys() - {"sent", "priorities", "dead_letters", "examples"}
        return {kind: counts[kind] for kind in sorted(kinds) if counts[kind]}

    def blame(self, kind: str, what: str, count: int = 1) -> None:
        """Count a fault."""
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{kind}: {what}")


def check(
    bootstrap_servers: str,
    record: Iterable[Sent],
    *,
    reports: Sequence[str] = (topics.CRIME_REPORTS,),
    start: Mapping[Partition, int] | None = None,
) -> Verdict:
    """Read the topics `reports`, their dead letters and both topics of priorities to their ends, and judge.

    Args:
        record: all that was sent to `reports` since `start`.
        start: offsets of `priorities` and `priorities-exercise` to begin at, where others use them, too; then only
            priorities whose source is one of `reports` are looked at.

    Raises:
        OutOfReach: a topic cannot be read to its end, an open transaction being in the way.
    """
    sources = list(read_topics(bootstrap_servers, reports))
    letters = list(read_topics(bootstrap_servers, [topics.dead_letters(topic) for topic in reports]))
    priorities = read_topics(bootstrap_servers, [topics.PRIORITIES, topics.PRIORITIES_EXERCISE], start)
    return judge(record, sources, priorities, letters)


def judge(
    record: Iterable[Sent], sources: Iterable[Record], priorities: Iterable[Record], letters: Iterable[Record]
) -> Verdict:
    """Compare; `sources`, `priorities` and `letters` as they were read, in order within each partition."""
    verdict = Verdict()
    filed = _filed(record, sources, verdict)
    _judge_priorities(filed, priorities, verdict)
    _judge_letters(filed, letters, verdict)
    return verdict


class _Filed(NamedTuple):
    """One record in its place."""

    record: Record
    expected: Expected


def _filed(record: Iterable[Sent], sources: Iterable[Record], verdict: Verdict) -> dict[Place, _Filed]:
    """What was sent, by the place where it is. Equal ones are told apart by their order, which Kafka keeps by key."""
    waiting: dict[bytes, list[Record]] = defaultdict(list)
    for source in sources:
        waiting[_digest(source.key, source.value)].append(source)
    filed: dict[Place, _Filed] = {}
    for each in record:
        verdict.sent += 1
        if found := waiting.get(each.digest):
            source = found.pop(0)
            filed[source.topic, source.partition, source.offset] = _Filed(source, each.expected)
        else:
            verdict.blame("unfiled", f"a record with digest {each.digest.hex()}")
    return filed


def _judge_priorities(filed: Mapping[Place, _Filed], priorities: Iterable[Record], verdict: Verdict) -> None:
    own = {place[0] for place in filed}
    answers: Counter[Place] = Counter()
    names: set[str] = set()
    latest: dict[bytes, tuple[int, int]] = {}
    scores: dict[tuple[bytes, str], tuple[Any, ...]] = {}
    for found in priorities:
        body = json.loads(found.value or b"null")
        place = _place(body["source"])
        if place[0] not in own:
            continue
        verdict.priorities += 1
        where = f"{found.topic}/{found.partition}/{found.offset} for {place}"
        name = dict(found.headers)["ce_id"].decode()
        answers[place] += 1
        if answers[place] > 1 or name in names:
            verdict.blame("doubled", f"{where}, {name}")
        names.add(name)
        if fault := _wrong(found, body, filed.get(place)):
            verdict.blame("wrong", f"{where}: {fault}")
            continue
        partition, revision = latest.get(found.key or b"", (found.partition, 0))
        if found.partition != partition or (0 < body["revision"] <= revision and answers[place] == 1):
            verdict.blame("out_of_order", f"{where}: revision {body['revision']} after {revision}")
        latest[found.key or b""] = (found.partition, max(revision, body["revision"]))
        if body["decided_by"] == "model":
            facts = (_facts(filed[place].record), body["model"]["digest"])
            score = (body["model_severity"], body["probabilities"], body["baseline"])
            if scores.setdefault(facts, score) != score:
                verdict.blame("wrong", f"{where}: an equal report was scored otherwise by the same release")
    for place, each in filed.items():
        if each.expected in ("priority", "both") and not answers[place]:
            verdict.blame("lost", f"{place}, key {each.record.key!r}")


def _wrong(found: Record, body: Mapping[str, Any], source: _Filed | None) -> str | None:
    """What is wrong with a priority as the answer to the record at its source."""
    if source is None:
        return "nothing was sent there"
    if source.expected in ("dead letter", "dropped"):
        return f"of this one only: {source.expected}"
    identity = f"{body['agency_id']}/{body['report_id']}".encode()
    if found.key != identity:
        return f"its key is {found.key!r} and its body says {identity!r}"
    if source.expected == "both":
        return None  # what of such a record can be read is not this checker's to say
    report = _report(source.record)
    if identity != f"{report['agency_id']}/{report['report_id']}".encode():
        return f"the record there is {source.record.key!r}"
    if body["revision"] != report.get("revision", 1):
        return f"its revision is {body['revision']}, the record's {report.get('revision', 1)}"
    drill = report.get("status", "Actual") != "Actual"
    if found.topic != (topics.PRIORITIES_EXERCISE if drill else topics.PRIORITIES):
        return "a drill among real ones, or a real one among drills"
    return None


def _judge_letters(filed: Mapping[Place, _Filed], letters: Iterable[Record], verdict: Verdict) -> None:
    found: Counter[Place] = Counter()
    for letter in letters:
        said = {name.removeprefix(PREFIX): content for name, content in letter.headers if name.startswith(PREFIX)}
        place = _place({name: said[name].decode() for name in ("topic", "partition", "offset")})
        verdict.dead_letters += 1
        found[place] += 1
        where = f"{letter.topic}/{letter.partition}/{letter.offset} for {place}"
        source = filed.get(place)
        if found[place] > 1:
            verdict.blame("letters_doubled", where)
        if source is None or source.expected in ("priority", "dropped"):
            verdict.blame("letters_wrong", f"{where}: {said['reason'].decode()} of what should have had none")
        elif "left_out" not in said and (letter.key, letter.value) != (source.record.key, source.record.value):
            verdict.blame("letters_wrong", f"{where}: not what was sent")
    for place, each in filed.items():
        if each.expected in ("dead letter", "both") and not found[place]:
            verdict.blame("letters_lost", f"{place}, key {each.record.key!r}")


def _place(said: Mapping[str, Any]) -> Place:
    return said["topic"], int(said["partition"]), int(said["offset"])


def _report(record: Record) -> dict[str, Any]:
    """A readable report's body, also of a structured CloudEvent."""
    body: dict[str, Any] = json.loads(record.value or b"null")
    return body["data"] if "specversion" in body else body


def _facts(report: Record) -> bytes:
    """A digest of a report but for its number and revision."""
    body = _report(report)
    said = {name: content for name, content in body.items() if name not in ("report_id", "revision")}
    return _digest(None, json.dumps(said, sort_keys=True).encode())


def _digest(key: bytes | None, value: bytes | None) -> bytes:
    parts = hashlib.blake2b(digest_size=12)
    for part in (key, value):
        parts.update(b"-" if part is None else b"%d:" % len(part))
        parts.update(part or b"")
    return parts.digest()

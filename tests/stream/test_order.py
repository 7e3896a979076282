"""Order of revisions and the mark of an agency: the scorer as a process on a real Kafka, killed in the middle."""

import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from cli.topics import topic_specs
from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from schemas.priority import Priority
from stream.agencies import MARKED
from tests.stream.releases import Trainer
from tests.stream.running import Running, read_until, scorer, scrape, scrape_until
from tests.stream.standin import NOW
from transport.reader import Reader
from transport.records import Record
from transport.sender import Sender
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(sys.platform == "win32", reason="a process on Windows cannot be killed by a signal"),
]
REPORTS = 200


@dataclass
class City:
    """Reports' topic, group and model of its own: the broker may be shared. Rules alone, which start fastest."""

    settings: KafkaSettings
    name: str
    keys: Path
    responder: Reader

    @property
    def topic(self) -> str:
        """Where reports are filed; it names no agency."""
        return f"{self.name}-reports"

    def scorer(self, **more: object) -> AbstractContextManager[Running]:
        own = {"topics": self.topic, "group_id": self.name, "model_name": self.name, "model_wait_seconds": 0}
        return scorer(self.settings, self.keys, **own, **more)

    def file(self, agency: str, numbers: range, revision: int = 1) -> None:
        with Sender(self.settings) as sender:
            for number in numbers:
                report = CrimeReport.model_validate(
                    {"agency_id": f"{self.name}-{agency}", "report_id": str(number), "revision": revision,
                     "reported_at": NOW, "incident_type": "ROBBERY"}
                )  # fmt: skip
                sender.send(self.topic, *encode(report, source="cad/test", time=NOW))

    def file_rubbish(self, agency: str, numbers: range) -> None:
        with Sender(self.settings) as sender:
            for number in numbers:
                sender.send(self.topic, f"{self.name}-{agency}/{number}".encode(), b"\xff")

    def hear(self, count: int) -> list[Priority]:
        """The next priorities of this city: `count`, and those that come with them."""

        def ours(records: list[Record]) -> list[Record]:
            return [record for record in records if (record.key or b"").startswith(self.name.encode())]

        heard = ours(read_until(self.responder, lambda records: len(ours(records)) >= count))
        assert len(heard) >= count
        return [decode(Priority, record.key, record.value, record.headers) for record in heard]


@pytest.fixture
def city(kafka: str, trainer: Trainer) -> Iterator[City]:
    settings, name = KafkaSettings(bootstrap_servers=kafka), f"t{uuid.uuid4().hex}"
    create_topics(settings, topic_specs())
    with Reader(settings, [topics.PRIORITIES], "end") as responder:
        read_until(responder, lambda _: responder.caught_up)
        city = City(settings, name, trainer.trusted, responder)
        create_topics(settings, [TopicSpec(city.topic, 4), TopicSpec(topics.dead_letters(city.topic), 1)])
        yield city


def test_no_lower_revision_follows_a_higher_one_though_the_scorer_is_killed_and_each_says_what_it_replaces(
    city: City,
) -> None:
    heard: list[Priority] = []
    city.file("a", range(REPORTS), 2)
    for round_ in range(1, 3):
        with city.scorer() as running:
            running.ready()
            city.file("a", range(REPORTS), 2 * round_ - 1)  # old
            city.file("a", range(REPORTS), 2 * round_)  # repeated
            city.file("a", range(REPORTS), 2 * round_ + 2)
            heard += city.hear(REPORTS // 2)
            running.process.kill()
    with city.scorer() as running:
        address = running.ready()
        city.file("a", range(REPORTS), 1)
        city.file("b", range(1))
        while not any(priority.agency_id.endswith("-b") for priority in heard):
            heard += city.hear(1)
        heard += city.hear(0)
        dropped = 'severity_revisions_dropped_total{reason="superseded"}'
        assert scrape_until(address, dropped, lambda count: count >= REPORTS)[dropped] >= REPORTS
        assert running.end() == 0
    seen: dict[str, list[Priority]] = defaultdict(list)
    for priority in heard:
        if priority.agency_id.endswith("-a"):
            seen[priority.report_id].append(priority)
    assert len(seen) == REPORTS
    for told in seen.values():
        assert [one.revision for one in told] == [2, 4, 6]
        assert told[0].previous is None
        for before, after in pairwise(told):
            assert after.previous is not None
            assert after.previous.model_dump() == before.model_dump(include={*type(after.previous).model_fields})


def test_a_revision_that_overtook_a_backlog_is_the_last_though_more_is_scored_meanwhile_than_is_remembered(
    city: City,
) -> None:
    waiting, corrected = 10_000, range(8_000, 8_080)
    city.settings = city.settings.model_copy(update={"fresh_first": 500, "max_batch": 20})
    city.file("a", range(waiting))
    with city.scorer(remembered_reports=100) as running:
        running.ready()
        city.file("a", corrected, 2)
        heard: dict[str, list[int]] = defaultdict(list)
        while len(heard) < waiting:
            for priority in city.hear(1):
                heard[priority.report_id].append(priority.revision)
        assert running.end() == 0
    assert all(revisions == sorted(revisions) for revisions in heard.values())
    overtaken = [number for number in corrected if heard[str(number)] == [2]]
    assert len(overtaken) > len(corrected) / 2


def test_an_agency_turned_bad_is_marked_over_a_kill_while_others_are_scored_and_the_mark_ends_by_itself(
    city: City,
) -> None:
    with city.scorer() as running:
        address = running.ready()
        city.file_rubbish("bad", range(1000, 1030))
        city.hear(30)
        city.file("bad", range(10))
        city.file("good", range(10))
        heard = city.hear(20)
        mark, unscored = f'severity_agency_marked{{agency="{city.name}-bad"}}', "severity_agency_triage_total"
        seen = scrape_until(address, unscored, lambda count: count >= 10)
        assert (seen[mark], seen[unscored]) == (1, 10)
        running.process.kill()
    with city.scorer() as running:
        address = running.ready()
        city.file("bad", range(10, 20))
        city.file("good", range(10, 20))
        heard += city.hear(20)
        assert scrape(address)[mark] == 1
        city.file("bad", range(20, 150))
        heard += city.hear(130)
        city.file("bad", range(150, 160))
        better = city.hear(10)
        assert not [name for name in scrape(address) if name.startswith("severity_agency_marked{")]
        assert running.end() == 0
    told = {(one.agency_id.removeprefix(f"{city.name}-"), int(one.report_id)): one for one in heard}
    for number in range(20):
        assert told["good", number].severity is not None
        assert told["bad", number].severity is None
        assert told["bad", number].needs_human_triage
        assert told["bad", number].reasons[0].code == MARKED
    assert [one.severity is None for one in better] == [False] * 10
    assert [line for line in running.lines if "no longer marked" in line]

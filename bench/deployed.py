"""What the benches measure, as deployed: a fitted model, its signed releases, a broker (the scorer: `bench.worker`)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from cad.cities import cities
from cad.filings import read_filings
from cad.simulated import SimulatedCity
from cli.topics import topic_specs
from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import encode
from severity.artefact.keys import load_private, new_pair
from severity.artefact.manifest import Draft
from severity.artefact.writing import Signed, write
from severity.conformal import PredictionSets
from severity.levels import LevelTable
from severity.model import SeverityModel
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka
from transport.sender import Sender
from transport.settings import KafkaSettings

SIMULATED: Final = 20_000
"""Reports of the simulated city that the model is fitted to."""

GOLDEN: Final = 50


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model and the reports that it was fitted to, which are also the load."""

    model: SeverityModel
    prediction_sets: PredictionSets
    reports: list[CrimeReport]
    source: str


def fit(lapd: Path | None) -> Fitted:
    """Fit to LAPD's file, or to the simulated city."""
    levels = LevelTable.load()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    cases = (
        list(read_filings(cities()["lapd"], lapd, levels))
        if lapd
        else list(islice(SimulatedCity(1, start, levels=levels), SIMULATED))
    )
    known = [(case.report, case.outcome.level) for case in cases if case.outcome.level is not None]
    reports, y = [report for report, _ in known], np.array([level for _, level in known])
    model = SeverityModel().fit(reports, y)
    newest = slice(len(reports) * 9 // 10, None)
    sets = PredictionSets().fit(model.predict_proba(reports[newest]), y[newest])
    return Fitted(model, sets, reports, f"{len(reports)} reports of {lapd.name if lapd else 'the simulated city'}")


def releases(fitted: Fitted, folder: Path, count: int) -> list[Signed]:
    """The model as `count` releases, all alike but for their number."""
    private, _ = new_pair(folder / "keys")
    now = datetime.now(UTC)
    signer = load_private(private)
    made = []
    for number in range(1, count + 1):
        draft = Draft(
            name="severity", release=number, role="champion", created_at=now, expires_at=now + timedelta(days=1),
            window_from=None, window_to=None, rows=len(fitted.reports), information="report", levels="0" * 64,
            policy_version="1", parent=None, marks={}, metrics={}, verdict="bench",
        )  # fmt: skip
        golden = fitted.reports[:GOLDEN]
        made.append(write(folder / "releases", draft, fitted.model, fitted.prediction_sets, golden, signer))
    return made


def promote(kafka: KafkaSettings, signed: Signed) -> None:
    """Announce a release as champion."""
    with Sender(kafka) as sender:
        event = signed.announcement("champion")
        sender.send(topics.MODEL_VERSIONS, *encode(event, source="bench", time=datetime.now(UTC)))


@contextmanager
def broker(embedded: bool) -> Iterator[tuple[KafkaSettings, str]]:
    """A broker of our own, and what it is."""
    with ExitStack() as stack:
        if not embedded:
            try:
                real = stack.enter_context(LocalKafka(topics=topic_specs()))
            except NoBroker as error:
                print(f"no real Kafka ({error}); the embedded broker instead", file=sys.stderr)
            else:
                yield KafkaSettings(bootstrap_servers=real.bootstrap_servers), "Apache Kafka, exactly once"
                return
        named = [f"--topic={topic.name}:{topic.partitions}" for topic in topics.all_topics()]
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "transport.embedded", "--with-parent", *named],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert process.stdout is not None
        servers = json.loads(process.stdout.readline())["bootstrap_servers"]
        settings = KafkaSettings(bootstrap_servers=servers, embedded=True, delivery="at-least-once")
        yield settings, "embedded broker, at least once"

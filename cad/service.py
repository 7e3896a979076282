"""The CAD producer: plays a city onto Kafka, and its records system and graders too."""

import json
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from threading import Event
from typing import Any, Final

from prometheus_client import CollectorRegistry

from cad.cities import cities
from cad.city import Case
from cad.filings import Account, CityFileError, Filings, read_filings
from cad.metrics import CadMetrics
from cad.outcomes import RecordsOffice, Regime
from cad.replay import Replay
from cad.settings import SIMULATED, CadSettings
from cad.simulated import SimulatedCity
from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport
from schemas.envelope import ContractError, decode, encode
from schemas.solved_case import SolvedCase
from schemas.topics import AUDIT_REQUESTS, CRIME_REPORTS, SOLVED_CASES
from severity.levels import LevelTable
from telemetry.ending import ended_by_signals
from telemetry.health import Health
from telemetry.server import serve
from transport.errors import TransportError
from transport.reader import Reader
from transport.sender import Sender

NAP: Final = 0.05
"""Longest wait, in seconds, between two looks at the clock and at a wish to stop."""

REQUESTS: Final = 500
"""Most audit requests that are read at once."""


class UnknownCityError(ValueError):
    """The settings name a city that is neither simulated nor replayable."""


def run(settings: CadSettings, stop: Event | None = None) -> int:
    """Play the city until it is over or told to stop (`stop`, SIGTERM, Ctrl-C); 0 when everything was delivered.

    Tells what happens as JSON lines on standard error: `city`, `ready`, `progress`, `filed` once the last report and
    correction are acknowledged, `stopped`; or `failed`, with how many records no broker has acknowledged.
    """
    stop = stop or Event()
    now = datetime.now(UTC)
    try:
        cases, note, filings = _cases(settings, now)
    except (UnknownCityError, CityFileError, OSError) as error:
        _tell("failed", reason="no-city", detail=str(error))
        return 1
    office = RecordsOffice(settings.outcomes, settings.delays)
    replay = Replay(cases, settings.pace, office, most=settings.reports)
    _tell("city", city=settings.city, note=note, pace=str(settings.pace), outcomes=settings.outcomes)
    _tell("outcomes", note=str(settings.delays))
    sender = Sender(settings.kafka, stop.is_set)

    def failed(reason: str, detail: str) -> None:
        _tell("failed", reason=reason, detail=detail, undelivered=sender.undelivered, **_counts(replay))

    def cut_off() -> None:
        failed("cut-off", "it did not end in time: a broker that does not answer?")

    try:
        with ended_by_signals(stop, cut_off), ExitStack() as stack:
            outbox = _Outbox(stack.enter_context(sender), _show(settings, stack))
            requests = None
            if settings.outcomes is not Regime.SOLVED:
                requests = stack.enter_context(Reader(settings.kafka, [AUDIT_REQUESTS], start="end"))
            _play(settings, replay, outbox, requests, stop, filings)
            outbox.flush()
    except TransportError as error:
        failed(error.reason, error.detail)
        return 1
    except OSError as error:
        _tell("failed", reason="no-port", detail=str(error))
        return 1
    _tell("stopped", **_counts(replay), unanswered=dict(office.unanswered))
    return 0


def _cases(settings: CadSettings, now: datetime) -> tuple[Iterable[Case], str, Filings | None]:
    if settings.data is None:
        begin = settings.begin(now)
        city = SimulatedCity(
            settings.seed,
            begin,
            per_day=settings.per_day,
            drift_after=settings.drift_after,
            prefix=settings.prefix(now),
        )
        return city, f"simulated, seed {settings.seed}, from {begin.isoformat()}", None
    known = cities()
    if settings.city not in known:
        raise UnknownCityError(f"no city {settings.city!r}: choose {SIMULATED}, {', '.join(known)}")
    filings = read_filings(known[settings.city], settings.data, LevelTable.load())
    return filings, known[settings.city].note, filings


def _play(
    settings: CadSettings,
    replay: Replay,
    outbox: "_Outbox",
    requests: Reader | None,
    stop: Event,
    filings: Filings | None,
) -> None:
    _tell("ready", service="cad")
    started = time.monotonic()
    progress = settings.progress_seconds
    told = False
    while not stop.is_set():
        now = time.monotonic() - started
        if settings.seconds is not None and now >= settings.seconds:
            replay.stop_filing()
        for event in replay.due(now):
            outbox.send(event)
        if replay.filed and not told:
            told = True
            outbox.flush()
            _tell("filed", **_counts(replay), **_file(filings.account if filings else None))
        if told and replay.over and not settings.stay:
            return
        if progress is not None and now >= progress:
            progress += settings.progress_seconds or 0
            _tell("progress", seconds=round(now, 1), **_counts(replay))
        wait = replay.wait(time.monotonic() - started)
        nap = NAP if wait is None else min(wait, NAP)
        if requests is None:
            stop.wait(nap)
        else:
            for record in requests.read(REQUESTS, nap):
                _answer(replay, record.key, record.value, record.headers, time.monotonic() - started)


class _Outbox:
    """Sends the city's events, and counts them."""

    def __init__(self, sender: Sender, metrics: CadMetrics) -> None:
        self._sender = sender
        self._metrics = metrics

    def send(self, event: CrimeReport | SolvedCase) -> None:
        """Queue one event."""
        topic = SOLVED_CASES if isinstance(event, SolvedCase) else CRIME_REPORTS
        self._sender.send(topic, *encode(event, source=f"/cad/{event.agency_id}", time=datetime.now(UTC)))
        self._metrics.sent.labels(topic).inc()

    def flush(self) -> None:
        """Return when all queued events are delivered, raise when one was not."""
        self._sender.flush()


def _show(settings: CadSettings, stack: ExitStack) -> CadMetrics:
    """The metrics, served until the stack unwinds where there is to be a port."""
    registry = CollectorRegistry()
    metrics = CadMetrics(registry)
    if settings.metrics_port is not None:
        port = serve(registry, Health("cad"), settings.metrics_host, settings.metrics_port, settings.metrics_access)
        _tell("metrics", address=f"{stack.enter_context(port)}/metrics")
    return metrics


def _answer(
    replay: Replay, key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...], now: float
) -> None:
    try:
        replay.ask(decode(AuditRequest, key, value, headers), now)
    except ContractError as error:
        _tell("unreadable-request", reason=error.reason, detail=error.detail)


def _counts(replay: Replay) -> dict[str, int]:
    """`reports` and `revisions`: records on `crime-reports`, without drills; `revisions` counts corrections too."""
    counts = replay.counts
    return {
        "reports": counts["reports"],
        "revisions": counts["reports"] + counts["corrections"],
        "drills": counts["drills"],
        "outcomes": counts["outcomes"],
        "audit_answers": counts["audit_answers"],
    }


def _file(account: Account | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {
        "rows": account.rows,
        "skipped": account.by_reason(),
        "problems": [f"line {p.line}, {p.report_id or 'no number'}: {p.reason}: {p.detail}" for p in account.problems],
    }


def _tell(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), file=sys.stderr, flush=True)

"""Who may do what on the cluster: the least that each role needs.

A role is a principal of its own, `scorer`, `trainer`, `responder`, `operator`; `cad` and `records`, or `cad-<agency>`
and `records-<agency>` where agencies share a cluster. Prometheus has none. `redriver` is for `severity dlq redrive`,
which writes what else only agencies may: it is allowed when that is asked for, and taken away again. Making topics,
users and ACLs is the administrator's, and no service runs as that.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from schemas import topics
from transport.acls import Grant, Kind, Operation
from transport.dead_letters import IDENTITY

SCORER_GROUP: Final = "severity-scorer"
TRAINER_GROUP: Final = "severity-trainer"
"""As the services' groups and transactional ids begin by default."""

AGENCY_ROLES: Final = ("cad", "records")
REDRIVER: Final = "redriver"
ROLES: Final = (*AGENCY_ROLES, "scorer", "trainer", "responder", "operator", REDRIVER)

READ: Final = ("READ",)
WRITE: Final = ("WRITE",)
BOTH: Final = ("READ", "WRITE")


def grants(
    agencies: Sequence[str] = (), names: Mapping[str, str] | None = None, *, redrive: bool = False
) -> list[Grant]:
    """All of them; agencies: those that share the cluster. names: by role, a principal that is called otherwise.

    redrive: with those of `redriver`.
    """
    reports, outcomes = (topics.of_agencies(topic, agencies) for topic in (topics.CRIME_REPORTS, topics.SOLVED_CASES))
    owners = [f"-{agency}" for agency in agencies] or [""]
    return [
        grant._replace(principal=(names or {}).get(grant.principal, grant.principal))
        for grant in chain(
            *(_writers(owner, report, case) for owner, report, case in zip(owners, reports, outcomes, strict=True)),
            _scorer(reports),
            _trainer(reports, outcomes),
            _responder(),
            _redriver([*reports, *outcomes]) if redrive else (),
            _operator(topic.name for topic in topics.all_topics(agencies=agencies)),
        )
    ]


def _topics(principal: str, names: Sequence[str], operations: Sequence[Operation]) -> Iterator[Grant]:
    return (Grant(principal, Kind.TOPIC, name, operation) for name in names for operation in operations)


def _groups(principal: str, group: str, *, prefixed: bool = False) -> Iterator[Grant]:
    """Its group, and what `transport.reader` calls itself: it joins none, and the client asks for it all the same."""
    yield Grant(principal, Kind.GROUP, group, "READ", prefixed)
    if not prefixed:
        yield Grant(principal, Kind.GROUP, f"{group}-reader", "READ")


def _transactions(principal: str, prefix: str) -> Iterator[Grant]:
    for operation in ("WRITE", "DESCRIBE"):
        yield Grant(principal, Kind.TRANSACTIONAL_ID, prefix, operation, prefixed=True)


def _writers(owner: str, reports: str, outcomes: str) -> Iterator[Grant]:
    yield from _topics(f"cad{owner}", [reports], WRITE)
    yield from _topics(f"records{owner}", [outcomes], WRITE)
    yield from _topics(f"records{owner}", [topics.AUDIT_REQUESTS], READ)
    yield from _groups(f"records{owner}", f"records{owner}")


def _scorer(reports: Sequence[str]) -> Iterator[Grant]:
    yield from _topics("scorer", [*reports, topics.MODEL_VERSIONS], READ)
    yield from _topics("scorer", [topics.PRIORITIES, topics.PRIORITIES_EXERCISE, topics.MODEL_STATUS], BOTH)
    yield from _topics("scorer", [*map(topics.dead_letters, reports)], WRITE)
    yield from _groups("scorer", SCORER_GROUP)
    yield from _transactions("scorer", SCORER_GROUP)


def _trainer(reports: Sequence[str], outcomes: Sequence[str]) -> Iterator[Grant]:
    yield from _topics("trainer", [*reports, *outcomes, topics.PRIORITIES, topics.MODEL_STATUS], READ)
    yield from _topics("trainer", [topics.MODEL_VERSIONS], BOTH)
    yield from _topics("trainer", [topics.AUDIT_REQUESTS, *map(topics.dead_letters, outcomes)], WRITE)
    yield from _groups("trainer", TRAINER_GROUP, prefixed=True)  # its office has one for each model's name
    yield from _transactions("trainer", TRAINER_GROUP)


def _responder() -> Iterator[Grant]:
    yield from _topics("responder", [topics.PRIORITIES, topics.PRIORITIES_EXERCISE], READ)
    yield from _groups("responder", "responder")


def _redriver(inbound: Sequence[str]) -> Iterator[Grant]:
    yield from _topics(REDRIVER, inbound, WRITE)
    yield from _topics(REDRIVER, [*map(topics.dead_letters, inbound)], BOTH)
    yield from _groups(REDRIVER, REDRIVER)
    yield from _transactions(REDRIVER, IDENTITY)


def _operator(names: Iterator[str]) -> Iterator[Grant]:
    yield from _topics("operator", [*names], ("READ", "DESCRIBE_CONFIGS"))
    yield from _groups("operator", "operator")
    yield Grant("operator", Kind.GROUP, "severity", "DESCRIBE", prefixed=True)
    for operation in ("DESCRIBE", "DESCRIBE_CONFIGS"):
        yield Grant("operator", Kind.CLUSTER, "kafka-cluster", operation)

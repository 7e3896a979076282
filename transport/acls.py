"""ACLs on a cluster: what is allowed, brought in line with what should be."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from transport.clients import LOGGER
from transport.errors import NoBroker
from transport.retry import error_of
from transport.settings import KafkaSettings, admin_properties
from transport.topics import SECONDS

Operation = Literal["READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"]

ANYWHERE: Final = "*"


class Kind(StrEnum):
    """What a grant is about."""

    TOPIC = "TOPIC"
    GROUP = "GROUP"
    TRANSACTIONAL_ID = "TRANSACTIONAL_ID"
    CLUSTER = "BROKER"  # as the client calls it


class Grant(NamedTuple):
    """`principal`, without Kafka's `User:`, may do `operation`; prefixed: on all names that begin with `name`.

    kind: a `Kind`; of what others allowed it may be one that we never grant.
    """

    principal: str
    kind: str
    name: str
    operation: str
    prefixed: bool = False

    def __str__(self) -> str:
        kind = "cluster" if self.kind == Kind.CLUSTER else self.kind.replace("_", " ").lower()
        return f"{self.principal}: {self.operation} {kind} {self.name}{'…' if self.prefixed else ''}"


class Found(NamedTuple):
    """What a cluster allows: of what should be, the grants `missing`; beyond it, those that are `surplus`."""

    missing: list[Grant]
    surplus: list[Grant]


def compare(settings: KafkaSettings, wanted: Iterable[Grant], principals: Collection[str] = ()) -> Found:
    """What the cluster allows as against `wanted`; surplus is what everybody, their principals or others of
    `principals` may besides.

    Raises `NoBroker` when the broker does not tell.
    """
    should = set(wanted)
    concerned = {grant.principal for grant in should} | {*principals, ANYWHERE}
    with _admin(settings) as admin:
        nothing: Any = None  # which the client takes for whatever it is, and declares as text
        anything = AclBindingFilter(
            ResourceType.ANY,
            nothing,
            ResourcePatternType.ANY,
            nothing,
            nothing,
            AclOperation.ANY,
            AclPermissionType.ALLOW,
        )
        there = {_grant(binding) for binding in _told(admin.describe_acls(anything, request_timeout=SECONDS))}
    return Found(sorted(should - there), sorted(one for one in there - should if one.principal in concerned))


def allow(settings: KafkaSettings, grants: Iterable[Grant]) -> None:
    """Allow each, and wait until the broker that is asked knows it. Raises `NoBroker` when it refuses one."""
    new = list(grants)
    with _admin(settings) as admin:
        for future in _each(admin.create_acls, [_binding(grant) for grant in new]):
            _told(future)
    deadline = time.monotonic() + SECONDS
    while new and compare(settings, new).missing:
        if time.monotonic() > deadline:
            raise NoBroker("acls", f"the broker took the ACLs and does not know them after {SECONDS:.0f} s")
        time.sleep(0.05)


def revoke(settings: KafkaSettings, grants: Iterable[Grant]) -> None:
    """Allow each no longer. Raises `NoBroker` when the broker refuses one."""
    with _admin(settings) as admin:
        for future in _each(admin.delete_acls, [_filter(grant) for grant in grants]):
            _told(future)


@contextmanager
def _admin(settings: KafkaSettings) -> Iterator[AdminClient]:
    with AdminClient(admin_properties(settings), logger=LOGGER) as admin:
        yield admin


def _each(call: Callable[..., dict[Any, Future[Any]]], those: list[Any]) -> Iterable[Future[Any]]:
    return call(those, request_timeout=SECONDS).values() if those else ()


def _told(future: Future[Any]) -> Any:
    try:
        return future.result()
    except KafkaException as exception:
        raise NoBroker("acls", f"the broker refuses: {error_of(exception).name()}") from exception


def _binding(grant: Grant) -> AclBinding:
    return AclBinding(*_parts(grant))


def _filter(grant: Grant) -> AclBindingFilter:
    return AclBindingFilter(*_parts(grant))


def _parts(grant: Grant) -> tuple[Any, ...]:
    pattern = ResourcePatternType.PREFIXED if grant.prefixed else ResourcePatternType.LITERAL
    operation = AclOperation[grant.operation]
    principal = f"User:{grant.principal}"
    return ResourceType[grant.kind], grant.name, pattern, principal, "*", operation, AclPermissionType.ALLOW


def _grant(binding: Any) -> Grant:  # its enumerations are declared as what the constructor takes, too
    return Grant(
        binding.principal.removeprefix("User:"),
        binding.restype.name,
        binding.name,
        binding.operation.name,
        binding.resource_pattern_type is ResourcePatternType.PREFIXED,
    )

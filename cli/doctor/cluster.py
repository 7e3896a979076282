"""The cluster's part of the doctor's round: brokers, topics, ACLs, groups and clock."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from cli.doctor.finding import Findings
from cli.grants import grants
from cli.topics import topic_specs
from schemas import topics
from transport import acls
from transport.errors import NoBroker
from transport.inspection import Inspection
from transport.settings import TRANSACTION_SECONDS, KafkaSettings
from transport.topics import TopicSpec

WEEK_MS: Final = 7 * 86_400_000
MOST_SKEW_SECONDS: Final = 5.0
SESSION_MS: Final = 6000

APPLY: Final = "severity topics apply"
ADMIN: Final = "run it as a principal that may look, such as the operator of `severity acls apply`"


def examine(settings: KafkaSettings, agencies: Sequence[str], group: str, findings: Findings, *, write: bool) -> None:
    """All that can be asked of the cluster; only the first question when nobody answers."""
    with Inspection(settings) as cluster:
        try:
            brokers = cluster.brokers()
        except NoBroker as error:
            return findings.fail(
                "broker",
                error.detail,
                "start it (`severity kafka up` for a try), or set SEVERITY_KAFKA__BOOTSTRAP_SERVERS",
            )
        if len(brokers) < 3:
            do = "have three where it matters: one alone can forget a transaction when it crashes (docs/delivery.md)"
            findings.warn("broker", f"{len(brokers)} at {settings.bootstrap_servers}", do)
        else:
            findings.ok("broker", f"{len(brokers)} at {settings.bootstrap_servers}")
        with findings.looking("broker settings", ADMIN, "warn"):
            _broker(cluster, brokers, findings)
        wanted = topic_specs(agencies=agencies)
        names = {spec.name for spec in wanted}
        with findings.looking("topics", ADMIN, "warn"):
            found = cluster.topics(names.__contains__)
            for spec in wanted:
                _topic(spec, found.get(spec.name), len(brokers), findings)
        with findings.looking("group", ADMIN, "warn"):
            _group(cluster, group, findings)
        _acls(settings, agencies, findings)
        if write:
            with findings.looking("clock", "run it as a principal that may write to model-status", "warn"):
                _clock(cluster.clock(topics.MODEL_STATUS), findings)
        else:
            findings.ok("clock", "not compared with the broker's: --write does it, by a record that nobody can read")


def _broker(cluster: Inspection, brokers: Sequence[int], findings: Findings) -> None:
    config = cluster.broker_config(brokers[0])
    limits = (
        (
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            1000,
            f"set it to 1000: until then a dead scorer's transaction hides what follows it, beyond its"
            f" {TRANSACTION_SECONDS:g} s",
        ),
        (
            "group.min.session.timeout.ms",
            SESSION_MS,
            f"set it to {SESSION_MS} or less, or no scorer can join",
        ),
    )
    for name, most, do in limits:
        value = config.get(name)
        if value is None:
            findings.warn(name, "the broker does not tell", ADMIN)
        elif int(value) > most:
            findings.warn(name, f"{value}, at most {most}", do)
        else:
            findings.ok(name, value)
    if config.get("auto.create.topics.enable") == "true":
        do = "set it to false: a topic made by chance has one partition and keeps its writers' time stamps"
        findings.warn("auto.create.topics.enable", "true", do)


def _topic(spec: TopicSpec, found: TopicSpec | None, brokers: int, findings: Findings) -> None:
    check = f"topic {spec.name}"
    if found is None:
        return findings.fail(check, "is not there", APPLY)
    wrong = []
    single = spec.partitions == 1 and spec.config.get("cleanup.policy") == "compact"
    if single and found.partitions != 1:
        wrong.append((f"{found.partitions} partitions, not 1", "delete it and make it anew: its order is what counts"))
    for name, value in {"cleanup.policy": "delete", **spec.config}.items():
        if found.config.get(name) != value:
            wrong.append((f"{name}={found.config.get(name)}, not {value}", f"kafka-configs.sh --alter: {name}={value}"))
    if wrong:
        return findings.fail(check, "; ".join(told for told, _ in wrong), "; ".join(do for _, do in wrong))
    retention = int(found.config.get("retention.ms", WEEK_MS))
    if "compact" not in spec.config.values() and 0 <= retention < WEEK_MS:
        do = "keep a week at least (retention.ms=604800000): what is deleted unread is lost"
        return findings.warn(check, f"is kept for {retention / 3_600_000:.0f} hours", do)
    if found.replication < min(3, brokers):
        do = "kafka-reassign-partitions.sh: a copy on each of three brokers"
        return findings.warn(check, f"{found.replication} copies on {brokers} brokers", do)
    findings.ok(check, f"{found.partitions} partitions, {found.replication} copies")


def _group(cluster: Inspection, group: str, findings: Findings) -> None:
    members = cluster.members(group)
    if not members:
        return findings.warn(f"group {group}", "no scorer runs", "severity scorer")
    slots = Counter(member.client_id for member in members)
    if twice := sorted(name for name, count in slots.items() if count > 1):
        do = "give each its own SEVERITY_KAFKA__SLOT: of two with one, each fences the other"
        return findings.fail(f"group {group}", f"more than one scorer calls itself {', '.join(twice)}", do)
    idle = sum(member.partitions == 0 for member in members)
    told = f"{len(members)} scorers, {sum(member.partitions for member in members)} partitions"
    if idle:
        return findings.warn(f"group {group}", f"{told}; {idle} have none", "more partitions, or fewer scorers")
    findings.ok(f"group {group}", told)


def _acls(settings: KafkaSettings, agencies: Sequence[str], findings: Findings) -> None:
    try:
        found = acls.compare(settings, grants(agencies))
    except NoBroker as error:
        if "SECURITY_DISABLED" in error.detail:
            do = "where others reach the cluster: authorizer.class.name, users, `severity acls apply`"
            return findings.warn("ACLs", "none: whoever reaches the cluster may read and write everything", do)
        return findings.warn("ACLs", f"cannot be read: {error.detail}", ADMIN)
    if found.missing:
        names = ", ".join(sorted({grant.principal for grant in found.missing}))
        return findings.warn("ACLs", f"{len(found.missing)} are missing, of {names}", "severity acls apply")
    if found.surplus:
        return findings.warn("ACLs", f"{len(found.surplus)} beyond what is needed", "severity acls apply --revoke")
    findings.ok("ACLs", "as `severity acls show` has them")


def _clock(ahead: float, findings: Findings) -> None:
    told = f"this clock is {abs(ahead):.1f} s {'behind' if ahead > 0 else 'ahead of'} the broker's"
    if abs(ahead) > MOST_SKEW_SECONDS:
        do = "synchronise both (chrony): ages, latencies and the times that people read are wrong by as much"
        return findings.fail("clock", told, do)
    findings.ok("clock", told)

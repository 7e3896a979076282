"""What a producer tells Prometheus. Its target is what says that a CAD system is up, also when nothing is scored."""

from prometheus_client import CollectorRegistry, Counter

from schemas.topics import CRIME_REPORTS, SOLVED_CASES


class CadMetrics:
    """The producer's metrics in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter(
            "severity_cad_sent", "Events handed to the Kafka client, by topic.", ["topic"], registry=registry
        )
        for topic in (CRIME_REPORTS, SOLVED_CASES):
            self.sent.labels(topic)

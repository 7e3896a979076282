"""What `/livez` and `/readyz` answer, and the metric `severity_ready`: the same questions, asked when somebody wants to
know."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Question = Callable[[], str | None]
"""None while all is well, else what is not and what that means. Quick, and safe on any thread."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one page: whether all is well, and by question what is not (None: nothing)."""

    well: bool
    found: Mapping[str, str | None]


def ask(questions: Mapping[str, Question]) -> Answer:
    """Put each question; one that fails is answered by that."""
    found = {name: _put(question) for name, question in questions.items()}
    return Answer(not any(found.values()), found)


def _put(question: Question) -> str | None:
    try:
        return question()
    except Exception as error:  # whatever it was: health is asked when things go wrong
        return f"cannot be told: {type(error).__name__}"


@dataclass(frozen=True, slots=True, eq=False)  # a registry wants its hash
class Health(Collector):
    """What a service is asked. `live`: is it of use to let it go on; where not, start it anew. `ready`: does it do its
    work now; where not, its `live` may well be true, and time or a person must mend what it says."""

    service: str
    live: Mapping[str, Question] = field(default_factory=dict)
    ready: Mapping[str, Question] = field(default_factory=dict)

    def collect(self) -> Iterator[Metric]:
        """`severity_ready` by question, asked at each scrape."""
        family = GaugeMetricFamily(
            "severity_ready", "1 where the service is ready, by what it takes; /readyz says why not.", labels=["check"]
        )
        for name, wrong in ask(self.ready).found.items():
            family.add_metric([name], float(wrong is None))
        yield family

    def describe(self) -> Iterator[Metric]:
        """Its name alone, so that nothing is asked when it is registered."""
        yield GaugeMetricFamily("severity_ready", "")

"""What a query may ask for: the series that the services declare and the rules record, and what each query does ask."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import promql_parser
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cli.metrics import registries
from telemetry.catalogue import described

DEPLOY = Path(__file__).parents[2] / "deploy"
TARGET = frozenset({"job", "instance"})
"""Labels that Prometheus puts on whatever it scrapes."""

OF_PROMETHEUS = {"up": TARGET, "ALERTS": TARGET | {"alertname", "alertstate", "severity"}}


def rules() -> list[dict[str, Any]]:
    """Every rule, of all files."""
    files = sorted((DEPLOY / "prometheus").glob("*.rules.yml"))
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def labels_by_series() -> dict[str, frozenset[str]]:
    """Series that there can be → labels that they have; a recorded one has those that its rule leaves or sets."""
    found = dict(OF_PROMETHEUS)
    for registry in registries().values():
        for metric in described(registry):
            for series in metric.series:
                more = {"le"} if series.endswith("_bucket") else set()
                found[series] = found.get(series, frozenset()) | TARGET | {*metric.labels} | more
    recorded = [rule for rule in rules() if "record" in rule]
    everything = frozenset(label for labels in found.values() for label in labels)
    return found | {rule["record"]: everything | {"window", "topic", "level"} for rule in recorded}


def asked(query: str) -> Iterator[tuple[str, frozenset[str]]]:
    """(series, labels that it is chosen by) of each selector in a query. Raises ValueError where it is no PromQL."""
    found: list[tuple[str, frozenset[str]]] = []

    def visit(expression: object) -> None:
        if isinstance(expression, promql_parser.VectorSelector):
            names = [matcher.name for matcher in expression.matchers.matchers]
            found.append((expression.name or "", frozenset(names)))
        elif isinstance(expression, promql_parser.MatrixSelector):
            visit(expression.vector_selector)

    promql_parser.walk(promql_parser.parse(query), visit)
    return iter(found)


def unknown(query: str, known: Mapping[str, frozenset[str]]) -> list[str]:
    """What a query asks for that nobody exports."""
    return [
        f"{series} by {', '.join(sorted(by - known.get(series, frozenset()))) or 'its name'}"
        for series, by in asked(query)
        if not by <= known.get(series, frozenset()) or series not in known
    ]


def undeclared(service: str, scraped: str) -> list[str]:
    """Differences between what a running service exports and what it declares."""
    declared = {metric.name: set(metric.labels) for metric in described(registries()[service])}
    found = [f"{name} is not exported" for name in declared if f"# TYPE {name}" not in scraped]
    for family in text_string_to_metric_families(scraped):
        if family.name.removesuffix("_created") in declared and family.name not in declared:
            continue  # prometheus_client's own, of each counter and histogram: when it began
        labels = {frozenset(sample.labels) - {"le"} for sample in family.samples}
        if family.name not in declared or not labels <= {frozenset(declared[family.name])}:
            found.append(f"{family.name} is not declared with {labels}")
    return found

"""`severity metrics`: everything that the services tell Prometheus, as the reference page of the documentation."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from telemetry.catalogue import Described

app = typer.Typer(help="What the services tell Prometheus.", no_args_is_help=True)

ABOUT: Final = {
    "scorer": "Port `SEVERITY_SCORER__METRICS_PORT` (9464).",
    "trainer": "Port `SEVERITY_TRAINER__METRICS_PORT` (9465).",
    "cad": "The simulated city or a replay; only where `SEVERITY_CAD__METRICS_PORT` is set.",
}

HEAD: Final = """\
# Metrics

Rendered from the services' own declarations by `severity metrics page docs/metrics.md`; CI fails when it is stale.
Each service answers on `/metrics`. A histogram's series end in `_bucket`, `_count` and `_sum`. No label holds what a
report says. Recording rules and alerts over them are in `deploy/prometheus`; what to do about an alert is in the
[runbook](runbook/index.md).
"""


@app.command("page")
def write(file: Annotated[Path, typer.Argument(help="Where to write, replaced if it exists.", dir_okay=False)]) -> None:
    """Write the metrics of every service as a page for people: name, kind, labels and what each says."""
    file.write_text(page(), encoding="utf-8", newline="\n")
    typer.echo(file)


def registries() -> "Mapping[str, CollectorRegistry]":
    """By service, the registry with all that it declares."""
    from prometheus_client import CollectorRegistry

    from cad.metrics import CadMetrics
    from stream.metrics import ScorerMetrics
    from telemetry.health import Health
    from trainer.metrics import ServiceMetrics, TrainerMetrics

    scorer, trainer, cad = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    ScorerMetrics(scorer).look_up(model_age=float, model_expires=float, degraded=float, oldest_unscored=float)
    ServiceMetrics(trainer, {})
    TrainerMetrics(trainer)
    CadMetrics(cad)
    for service, registry in (found := {"scorer": scorer, "trainer": trainer, "cad": cad}).items():
        registry.register(Health(service))
    return found


def page() -> str:
    """The reference page, in Markdown."""
    from telemetry.catalogue import described

    parts = [HEAD]
    for service, registry in registries().items():
        parts += [f"\n## {service}\n{ABOUT[service]}\n\n", *_table(described(registry))]
    return "".join(parts)


def _table(metrics: "Iterator[Described]") -> Iterator[str]:
    yield "| metric | kind | labels | what it says |\n|---|---|---|---|\n"
    for one in sorted(metrics, key=lambda metric: (metric.name.startswith("process_"), metric.name)):
        name = one.series[0] if one.kind == "counter" else one.name
        labels = ", ".join(f"`{label}`" for label in one.labels)
        yield f"| `{name}` | {one.kind} | {labels} | {one.sentence} |\n"

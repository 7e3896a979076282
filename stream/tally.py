"""What happened in one batch."""

from collections import Counter
from dataclasses import dataclass, field

from stream.ledger import Lesson
from stream.revisions import Dropped


@dataclass(slots=True)
class Tally:
    """What happened in one batch, for the metrics, and what is to be remembered of it once it is committed."""

    records: int
    priorities: Counter[tuple[int | None, str]] = field(default_factory=Counter)
    """By severity level (None: not scored) and `decided_by`."""
    drills: int = 0
    human_triage: int = 0
    unknown_fields: int = 0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    """Keys decode, order, rules, features, forest, reasons, encode; see `severity.laps`."""
    dropped: Counter[Dropped] = field(default_factory=Counter)
    """Revisions that were not published, by reason."""
    replaced: int = 0
    """Priorities that replace one of a lower revision."""
    not_trusted: int = 0
    """Readable reports that went to a person since their agency is marked."""
    doubted: Counter[str] = field(default_factory=Counter)
    """Readable reports that go to a person for what they say of themselves, by the reason's code."""
    lesson: Lesson = field(default_factory=Lesson)

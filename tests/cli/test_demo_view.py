"""What the demo shows."""

from io import StringIO

import pytest
from rich.console import Console

from cli.demo.tally import Tally
from cli.demo.view import screen
from schemas.priority import Reason
from severity.levels import LevelTable
from tests.cli.test_demo_tally import priority


@pytest.mark.parametrize("width", [40, 140])
def test_what_a_report_brings_along_is_shown_as_text_and_nothing_else(width: int) -> None:
    tally = Tally(LevelTable.load())
    reason = Reason(code="initial-priority-unknown", text="[/red] \x1b[2J is not on this scale")
    tally.priority(priority(1, 3).model_copy(update={"report_id": "[/red]", "reasons": (reason,)}), 0)
    out = StringIO()
    console = Console(file=out, width=width, height=30, force_terminal=True)
    console.print(screen(tally, "title", None, 0.5, "1 s left", console.size))
    assert "\x1b[2J" not in out.getvalue()
    assert "[/red]" in out.getvalue() or width == 40

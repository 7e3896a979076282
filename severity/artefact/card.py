"""The model card: what a release is, was made from and is not for (Mitchell et al. 2019), from its manifest alone."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from severity.artefact.manifest import Draft

USE: Final = "It ranks crime reports by severity for a dispatcher who looks at them."

LIMITS_OF_USE: Final = (
    "It may raise a priority; below the floor of the rules only a person may go.",
    "Its labels are the harm days of the offence that a case turned out to be; what such a table misjudges, it learns.",
    "Labels of solved cases are no fair sample of all reports: figures named all_ stand for all reports.",
    "It knows what one agency's reports looked like in the window below, and grows old after it.",
)

NOT_FOR: Final = (
    "to decide whether anybody is sent",
    "to say anything about a person, a place's inhabitants, or guilt",
    "to foretell crime, or to direct patrols",
    "to judge an officer, a caller or a district",
)

INPUTS: Final = (
    "what the first scored revision of a report says; never the final offence, never a trait of a person or group"
)


class Card(BaseModel):
    """The card as data; `facts` are the manifest's own words, of which the text is made, too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: str = USE
    not_for: tuple[str, ...] = NOT_FOR
    limits: tuple[str, ...] = LIMITS_OF_USE
    inputs: str = INPUTS
    facts: Draft

    def markdown(self) -> str:
        """The card for people."""
        facts = self.facts
        lines = [f"# {facts.name}, release {facts.release}", "", self.use, "", "## Made from", ""]
        lines += [f"- {line}" for line in _made_from(facts)]
        lines += ["", "## Figures", "", *([_sentence(facts.judged_on), ""] if facts.judged_on else [])]
        lines += ["| figure | value |", "|---|---|"]
        lines += [f"| {_cell(name)} | {value:.4g} |" for name, value in facts.metrics.items()]
        lines += ["", "## Limits", "", *(f"- {line}" for line in self.limits)]
        lines += ["", "## Not for", "", *(f"- {line}" for line in self.not_for)]
        return "\n".join(lines) + "\n"


def _made_from(facts: Draft) -> list[str]:
    window = (
        f", filed {facts.window_from:%Y-%m-%d} to {facts.window_to:%Y-%m-%d}"
        if facts.window_from and facts.window_to
        else ""
    )
    lines = [
        f"Made {facts.created_at:%Y-%m-%d %H:%M} UTC from {facts.rows} labelled reports{window};"
        f" to be replaced by {facts.expires_at:%Y-%m-%d}.",
        f"Inputs ({facts.information}): {INPUTS}.",
        f"Verdict of the gate: {_cell(facts.verdict)}",
    ]
    for what, counts in (("basis", facts.by_basis), ("level", facts.by_level), ("reason left out", facts.left_out)):
        if counts:
            lines.append(f"Labels by {what}: " + ", ".join(f"{_cell(name)} {count}" for name, count in counts.items()))
    if decision := facts.decision:
        words = {"promote": "Promoted", "rollback": "Put back"}[decision.kind]
        lines.append(
            f"{words} by {_cell(decision.by)} on {decision.at:%Y-%m-%d %H:%M} UTC, carrying the model of"
            f" {decision.restores[:12]}: {_cell(decision.reason)}"
        )
    lines.append(f"Policy {_cell(facts.policy_version)}; level tables {facts.levels[:12]}; before it: "
                 f"{facts.parent[:12] if facts.parent else 'none'}.")  # fmt: skip
    return lines


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(text: str) -> str:
    """Text of others in one line that cannot end a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")

"""The model card: what a release is, was made from and is not for, in words (Mitchell et al. 2019)."""

from collections import Counter

from severity.manifest import Draft
from trainer.training_set import TrainingSet


def card(draft: Draft, labelled: TrainingSet, share: float) -> str:
    """Markdown. `share`: part of the labelled reports, the newest, that the figures stand on."""
    bases = ", ".join(f"{n} {basis}" for basis, n in Counter(labelled.basis.tolist()).most_common())
    left_out = ", ".join(f"{n} {reason}" for reason, n in sorted(labelled.left_out.items())) or "none"
    levels = ", ".join(f"{n} of level {level}" for level, n in sorted(Counter(labelled.levels.tolist()).items()))
    figures = "\n".join(f"| {name} | {value:.4g} |" for name, value in draft.metrics.items())
    return f"""# {draft.name}, release {draft.release}

Made {draft.created_at:%Y-%m-%d %H:%M} UTC from {draft.rows} labelled reports filed {draft.window_from:%Y-%m-%d} to \
{draft.window_to:%Y-%m-%d}.

- Labels by basis: {bases}. By level: {levels}. Outcomes left out: {left_out}.
- Inputs: what the first scored revision of a report says ({draft.information}); never the final offence, never a trait
  of a person or group.
- Verdict of the gate: {draft.verdict}.

## Figures
They are those of a twin that was fitted to the older {1 - share:.0%} and judged on the newest {share:.0%}; the model
that is published was then fitted to all of it. The prediction sets were calibrated on the twin's doubts about that same
part.
Labels of solved cases are no fair sample: only the `audited_` figures stand for all reports.

| figure | value |
|---|---|
{figures}

## Not for
It ranks reports for a dispatcher who looks at them. It may raise a priority; below the floor of the rules only a person
may go. It says nothing about a person, a place's inhabitants, guilt, or what will happen.
"""

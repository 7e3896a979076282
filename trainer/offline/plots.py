"""Two pictures of a model's figures: which levels it takes for which, and whether its probabilities keep their word."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from severity.encoders import LEVELS
from severity.metrics import wilson
from trainer.offline.baselines import Floats, Ints

INK: Final = "#22303c"
FAINT: Final = "#8a97a3"
BLUE: Final = "#1f6f9f"
RED: Final = "#b23a48"
BINS: Final = 10
DPI: Final = 160
WORDS: Final = ("1\nleast", "2", "3", "4", "5\nworst")


def draw_confusion(confusion: npt.ArrayLike, title: str, path: Path) -> None:
    """Write a (5, 5) confusion matrix, rows the true level, as PNG: counts, shaded by the share of the row."""
    counts = np.asarray(confusion, dtype=np.int64)
    support = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(support, 1)
    figure = Figure(figsize=(8.2, 7.2), layout="constrained")
    axes = figure.add_subplot()
    shades = LinearSegmentedColormap.from_list("levels", ["#ffffff", "#cfe3ef", BLUE, "#0d3b57"])
    image = axes.imshow(shares, cmap=shades, vmin=0, vmax=1)
    for true, decided in np.ndindex(counts.shape):
        share = shares[true, decided]
        ink = "white" if share > 0.45 else INK
        axes.text(decided, true - 0.08, f"{counts[true, decided]:,}", ha="center", va="center", color=ink, fontsize=13)
        axes.text(decided, true + 0.2, f"{share:.0%}", ha="center", va="center", color=ink, fontsize=9, alpha=0.8)
    axes.set_xticks(range(LEVELS), WORDS)
    axes.set_yticks(range(LEVELS), [f"{level + 1}\n({n:,})" for level, n in enumerate(support[:, 0])])
    axes.set_xlabel("decided level", color=INK, labelpad=8)
    axes.set_ylabel("true level (reports)", color=INK, labelpad=8)
    axes.tick_params(length=0, colors=INK)
    axes.set_xticks(np.arange(1, LEVELS) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, LEVELS) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=lambda share, _: f"{share:.0%}")
    bar.set_label("share of the true level", color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, colors=INK)
    _title(figure, "What each level was taken for", title)
    figure.savefig(path, dpi=DPI)


def draw_reliability(levels: Ints, probabilities: Floats, title: str, path: Path) -> None:
    """Write as PNG how often what (n, 5) probabilities say comes true: of the likeliest level, and of level 5."""
    figure = Figure(figsize=(10.4, 5.6), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, height_ratios=[4, 1])
    likeliest = probabilities.max(axis=1), probabilities.argmax(axis=1) + 1 == levels
    worst = probabilities[:, -1], levels == LEVELS
    _reliability(grid[0, 0], grid[1, 0], *likeliest, BLUE, "of the most likely level", "it was right")
    _reliability(grid[0, 1], grid[1, 1], *worst, RED, "of level 5, the worst", "it was level 5")
    _title(figure, "Do the probabilities keep their word?", title)
    figure.savefig(path, dpi=DPI)


def _reliability(
    axes: Axes, below: Axes, said: Floats, true: npt.NDArray[np.bool_], colour: str, of: str, came: str
) -> None:
    bins = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    total = np.bincount(bins, minlength=BINS)
    hits = np.bincount(bins, true, minlength=BINS).astype(np.int64)
    full = total > 0
    mean = np.bincount(bins, said, minlength=BINS)[full] / total[full]
    share = hits[full] / total[full]
    ends = np.array([wilson(int(k), int(n)) for k, n in zip(hits[full], total[full], strict=True)])
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (4, 4)))
    axes.text(0.99, 0.84, "as said", color=FAINT, ha="right", va="top", fontsize=9)
    errors = np.clip([share - ends[:, 0], ends[:, 1] - share], 0, None)
    axes.errorbar(mean, share, errors, color=colour, marker="o", markersize=5, linewidth=1.8, elinewidth=1, capsize=2.5)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.01, 1.02)
    axes.set_ylabel(f"how often {came}", color=INK)
    axes.set_title(of, color=colour, fontsize=11, loc="left")
    below.bar((np.arange(BINS) + 0.5) / BINS, total, width=0.9 / BINS, color=colour, alpha=0.35)
    below.set_ylabel("reports", color=INK)
    below.set_xlabel(f"probability {of}", color=INK)
    for part in (axes, below):
        part.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        part.spines[["top", "right"]].set_visible(False)
        part.spines[["left", "bottom"]].set_color(FAINT)
        part.tick_params(colors=INK, length=3)
        part.grid(axis="y", color="#e6eaee", linewidth=0.8)
        part.set_axisbelow(True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _title(figure: Figure, text: str, below: str) -> None:
    figure.suptitle(f"{text}\n\n", color=INK, fontsize=14, fontweight="bold", x=0.02, ha="left")
    inches = figure.get_figheight()
    figure.text(0.02, 1 - 0.52 / inches, below, color=FAINT, fontsize=9.5, ha="left", va="center")

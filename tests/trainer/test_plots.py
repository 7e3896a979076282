"""Pictures of the figures."""

from pathlib import Path

import numpy as np
from matplotlib.image import imread

from trainer.offline.plots import draw_confusion, draw_reliability


def drawn(path: Path) -> float:
    """Share of the picture's pixels that are not white; it is a PNG of some size."""
    assert path.read_bytes().startswith(b"\x89PNG")
    pixels = imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 500
    return float((pixels.min(axis=2) < 0.95).mean())


def test_a_confusion_matrix_darkens_where_reports_are(tmp_path: Path) -> None:
    draw_confusion(np.zeros((5, 5)), "nothing", tmp_path / "empty.png")
    draw_confusion(np.full((5, 5), 10), "everything", tmp_path / "full.png")
    assert drawn(tmp_path / "full.png") > drawn(tmp_path / "empty.png") + 0.2


def test_reliability_is_drawn_where_a_level_never_occurs(tmp_path: Path) -> None:
    levels = np.array([1, 2, 2, 3] * 5)
    probabilities = np.tile([0.2, 0.5, 0.3, 0.0, 0.0], (20, 1))
    draw_reliability(levels, probabilities, "four levels", tmp_path / "reliability.png")
    assert drawn(tmp_path / "reliability.png") > 0.01


def test_certain_probabilities_fall_into_the_last_bin(tmp_path: Path) -> None:
    draw_reliability(np.array([5, 5, 1]), np.eye(5)[[4, 4, 0]], "certain", tmp_path / "certain.png")
    assert drawn(tmp_path / "certain.png") > 0.01

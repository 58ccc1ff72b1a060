"""Which pixels a picture shows as flagged."""
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..evaluation.threshold_file import check_threshold, read_threshold

Threshold = float | str | Path


@dataclass(frozen=True)
class Decision:
    """A threshold for the map of one scorer.

    Attributes:
        threshold: Scores above it are flagged.
        scorer: Whose map it judges; None is the one that is drawn.
        path: The file it comes from, if it was not given as a number.
    """

    threshold: float
    scorer: str | None = None
    path: Path | None = None

    def flagged(self, anomaly_map: np.ndarray) -> np.ndarray:
        """Return the flagged pixels, bool of the shape of the map."""
        return anomaly_map > self.threshold

    def judges(self, scorer: str) -> bool:
        """Whether the decision is about the map of a scorer."""
        return self.scorer is None or self.scorer == scorer

    def check_checkpoint(self, checkpoint: str | Path,
                         head: str | Path | None = None) -> None:
        """Refuse a threshold file that was chosen for another checkpoint.

        Arguments and errors are those of ``read_threshold``; a number fits
        any checkpoint.
        """
        if self.path is not None:
            read_threshold(self.path, checkpoint, head)


def make_decision(threshold: Threshold,
                  scorers: Sequence[str] = ()) -> Decision:
    """Make the decision that a config states.

    Args:
        threshold: A number, or a file of ``choose_threshold.py``.
        scorers: Names of the scorers that are drawn, none for the first one
            of the model.

    Raises:
        ValueError: If a number is to judge several scorers, or the scorer
            of the file is not drawn.
    """
    check_threshold(threshold)
    if not isinstance(threshold, str | Path):
        if len(scorers) > 1:
            raise ValueError(
                'a number as `threshold` needs one scorer that it judges, '
                f'the visualizer draws {tuple(scorers)}; give a threshold '
                'file, or name one scorer')
        return Decision(float(threshold))
    content = read_threshold(threshold)
    if scorers and content['scorer'] not in scorers:
        raise ValueError(
            f'{threshold} holds a threshold of {content["scorer"]!r}, the '
            f'visualizer draws {tuple(scorers)}; add it to `scorers`')
    return Decision(content['threshold'], content['scorer'], Path(threshold))

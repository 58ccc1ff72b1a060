"""What is compared before the first iteration or test image.

A check takes a :class:`Look` and returns what is wrong, in one sentence, or
None. ``FirstLookHook`` runs all of them but those that its ``skip`` lists.
"""
from .anomalies import missing_anomalies
from .class_counts import differing_class_counts
from .look import Look
from .loops import unfit_loop
from .pairs import unpaired_sets
from .vit_halves import differing_vit_halves

CHECKS = dict(
    classes=differing_class_counts,
    vit=differing_vit_halves,
    anomalies=missing_anomalies,
    loop=unfit_loop,
    pairs=unpaired_sets)

__all__ = ['CHECKS', 'Look']

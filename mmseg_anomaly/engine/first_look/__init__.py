"""What is compared before the first iteration or test image.

A check takes a :class:`Look` and returns what is wrong, in one sentence, or
None. ``FirstLookHook`` runs all of them but those that its ``skip`` lists;
what ``REMARKS`` find only is a warning.
"""
from .anomalies import missing_anomalies
from .class_counts import differing_class_counts, differing_class_order
from .look import Look
from .loops import unfit_loop
from .pairs import unpaired_sets
from .schedules import idle_end, unfit_schedule
from .vit_halves import differing_vit_halves
from .void import padding_with_classes

CHECKS = dict(
    classes=differing_class_counts,
    order=differing_class_order,
    void=padding_with_classes,
    vit=differing_vit_halves,
    anomalies=missing_anomalies,
    loop=unfit_loop,
    schedule=unfit_schedule,
    pairs=unpaired_sets)
REMARKS = dict(idle=idle_end)

__all__ = ['CHECKS', 'REMARKS', 'Look']

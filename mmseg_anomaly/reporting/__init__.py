"""Tables and pictures of a checkpoint's results on many datasets."""
from .report import Report, write_report
from .runs import (
    FinishedRun,
    changed_settings,
    find_finished,
    load_run,
    save_run,
)

__all__ = [
    'FinishedRun', 'Report', 'changed_settings', 'find_finished', 'load_run',
    'save_run', 'write_report'
]

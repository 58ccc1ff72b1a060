"""Measure for the speed scripts: time by turns, peak memory, a profile."""
import ctypes
import gc
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch.profiler import profile

Case = Callable[[], object]


class Seconds(NamedTuple):
    """What each run of a case took."""

    wall: list[float]
    cpu: list[float]
    """Of all threads, which other programs disturb less than the wall."""


def take_turns(cases: dict[str, Case], runs: int) -> dict[str, Seconds]:
    """Time cases that take turns, after one run of each to warm up."""
    seconds = {name: Seconds([], []) for name in cases}
    for turn in range(runs + 1):
        for name, case in cases.items():
            start = time.perf_counter(), time.process_time()
            case()
            if turn > 0:
                seconds[name].wall.append(time.perf_counter() - start[0])
                seconds[name].cpu.append(time.process_time() - start[1])
    return seconds


def compare(seconds: dict[str, Seconds], name: str, base: str) -> str:
    """Return the medians of a case and their ratios to those of a base."""
    parts = []
    for kind in Seconds._fields:
        median, other = (statistics.median(getattr(seconds[case], kind))
                         for case in (name, base))
        parts.append(f'{kind} {median:7.3f} s ({median / other:.2f})')
    return '   '.join(parts)


def peak_memory(case: Case) -> int:
    """Return how many bytes a case adds to the process at its peak (Linux).

    The kernel counts: memory that PyTorch's CPU allocator does not report,
    such as the buffers of a matrix product, is part of it.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path('/proc/self/clear_refs').write_text('5')  # peak := present size
    before = _status('VmRSS')
    case()
    return _status('VmHWM') - before


def print_profile(case: Case, num_rows: int = 10) -> None:
    """Print the operators in which a case spends most of its time."""
    with profile() as profiler:
        case()
    rows = sorted(profiler.key_averages(),
                  key=lambda row: -row.self_cpu_time_total)
    total = sum(row.self_cpu_time_total for row in rows)
    for row in rows[:num_rows]:
        print(f'{row.self_cpu_time_total / total:7.1%} '
              f'{row.count:5d} calls  {row.key}')


def _status(field: str) -> int:
    text = Path('/proc/self/status').read_text()
    return 1024 * int(re.search(rf'{field}:\s+(\d+) kB', text)[1])

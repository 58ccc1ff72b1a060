"""Bring what the ranks counted to rank 0, one part of one rank at a time."""
from mmengine.dist import (
    all_gather_object,
    barrier,
    broadcast_object_list,
    collect_results,
    get_dist_info,
)

from ..pixels.pixel_counts import ScorerTally


def merge_over_ranks(tally: ScorerTally, collect_device: str,
                     collect_dir: str | None) -> None:
    """Merge the tallies of all ranks into that of rank 0.

    Args:
        tally: Of this rank; every rank calls this.
        collect_device: 'cpu' sends through files, 'gpu' through the process
            group (of any backend).
        collect_dir: Folder of those files.
    """
    rank, world_size = get_dist_info()
    num_parts = all_gather_object(tally.num_parts)
    for source in range(1, world_size):
        parts = tally.parts() if rank == source else None
        for _ in range(num_parts[source]):
            part = _send(next(parts) if parts else None, source,
                         collect_device, collect_dir)
            if rank == 0:
                tally.merge(part)


def _send(part: object, source: int, collect_device: str,
          collect_dir: str | None) -> object:
    """Return the part of the source on rank 0."""
    if collect_device == 'cpu':
        # Of the parts of all ranks those that are not None come back.
        parts = collect_results([part], get_dist_info()[1], 'cpu', collect_dir)
        barrier()  # rank 0 has removed the files before others write
        return parts[0] if parts else None
    parts = [part]
    broadcast_object_list(parts, src=source)
    return parts[0]

"""Drop the images that a sampler repeated to fill up the last batch."""
from collections.abc import Callable

from mmengine.dist import get_dist_info


class PaddingGuard:
    """Hand images on, over several ranks all but the newest of this rank.

    Samplers give every rank equally many images and repeat some for that.
    With one image per rank more than needed at most, only the newest one can
    be a repetition, which is known when the size of the set is.

    Args:
        count: Receives what each call of :meth:`add` received.
    """

    def __init__(self, count: Callable[..., None]) -> None:
        self._count = count
        self._newest: tuple | None = None
        self._num_added = 0

    def add(self, *image: object) -> None:
        """Hand the image on, or the one before it."""
        self._num_added += 1
        if get_dist_info()[1] == 1:
            self._count(*image)
        else:
            self._hand_on_newest()
            self._newest = image

    def finish(self, size: int) -> None:
        """Hand the newest image on unless it is a repetition.

        Args:
            size: Images in the data set.
        """
        rank, world_size = get_dist_info()
        if rank + (self._num_added - 1) * world_size < size:
            self._hand_on_newest()
        self._newest = None
        self._num_added = 0

    def _hand_on_newest(self) -> None:
        if self._newest is not None:
            self._count(*self._newest)
            self._newest = None

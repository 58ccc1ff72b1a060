"""A small network that judges pixels, and the statistics it reads.

Shape letters: B images, K classes, D channels of a patch, C channels a pixel
gets of it, S statistics, H W pixels, h w patches, r rows of a tile.
"""
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...checks import check_flags, check_integer, check_number
from ...exporting import is_exporting

# Hidden values of this many pixels fit into the cache of a CPU core; a GPU
# rather needs few, large launches.
TILE_PIXELS_CPU = 1280
TILE_PIXELS = 2**18

NUM_STATISTICS = 4
MIN_SCORE = 1e-7


def pixel_statistics(seg_logits: Tensor) -> Tensor:
    """Sum up the scores of a mask classifier pixel by pixel.

    The channels are ``max_c S_c``; ``-sum_c S_c log S_c`` with S clamped
    below at 1e-7 and not normalised, which is below 0 where scores exceed 1;
    ``sum_c S_c``, in the place of an energy; and ``1 - max_c S_c``. The last
    repeats the first up to sign and offset, which the bias of a linear layer
    makes up for, so it adds nothing. It stays because the model we follow
    has it, and because two weights in the place of one let the layer move
    twice as fast along that direction at the same learning rate.

    Args:
        seg_logits: (B, K, H, W) scores S >= 0 of any floating dtype.

    Returns:
        (B, 4, H, W) float32: half precision has no 1e-7 to clamp at.
    """
    with torch.autocast(seg_logits.device.type, enabled=False):
        scores = seg_logits.float()
        largest = scores.amax(dim=1)  # (B, H, W)
        total = scores.sum(dim=1)
        clamped = scores.clamp(min=MIN_SCORE)
        entropy = -(clamped * clamped.log()).sum(dim=1)
        return torch.stack([largest, entropy, total, 1 - largest], dim=1)


def interpolation_matrix(size_in: int, size_out: int, like: Tensor) -> Tensor:
    """Write bilinear resizing along one side as a matrix.

    Args:
        size_in: Samples along the side before.
        size_out: And after.
        like: Gives device and dtype.

    Returns:
        (size_out, size_in), rows sum to 1, as ``F.interpolate`` has it with
        ``align_corners=False``.
    """
    identity = torch.eye(size_in, device=like.device)
    matrix = F.interpolate(identity[None], size_out, mode='linear')[0].T
    return matrix.to(like.dtype)


class PixelMLP(nn.Module):
    """``Linear(S + C, n) - ReLU - Dropout - Linear(n, n / 2) - ReLU -
    Dropout - Linear(n / 2, 1)`` on statistics and enlarged patches.

    Enlarging patches bilinearly and the first linear layer are both linear
    and act on different axes, so they commute: the layer's visual half runs
    on the patches and its result is enlarged, exactly. What is left per
    pixel runs in tiles of rows, so that hidden values never exist for the
    whole map at test time, nor, with ``with_cp``, in training.

    Args:
        num_statistics: Number of statistics S.
        patch_dim: Channels D of a patch, or 0 to look at statistics only.
        hidden_dim: Width n, even.
        dropout: Probability of dropping a hidden value in training.
        feature_proj: Width C to which patches are projected, with a ReLU,
            before they are enlarged; None for C = D.
        with_cp: Recompute the tiles in backward to save memory.

    Raises:
        ValueError: If ``hidden_dim`` is not even and positive, or there is
            nothing to project.
    """

    def __init__(self,
                 num_statistics: int,
                 patch_dim: int,
                 *,
                 hidden_dim: int = 256,
                 dropout: float = 0.3,
                 feature_proj: int | None = None,
                 with_cp: bool = False) -> None:
        super().__init__()
        check_integer('hidden_dim', hidden_dim)
        check_number('dropout', dropout, low=0, below=1)
        check_integer('feature_proj', feature_proj, low=1, optional=True)
        check_flags(with_cp=with_cp)
        if hidden_dim < 2 or hidden_dim % 2:
            raise ValueError('`hidden_dim` must be even and positive, got '
                             f'{hidden_dim}')
        if feature_proj is not None and not patch_dim:
            raise ValueError('`feature_proj` projects visual features, and '
                             '`use_features=False` has none: leave one out')
        self.num_statistics = num_statistics
        self.with_cp = with_cp
        self.projection = None
        if feature_proj is not None:
            self.projection = nn.Sequential(
                nn.Linear(patch_dim, feature_proj), nn.ReLU())
        num_features = patch_dim if feature_proj is None else feature_proj
        self.first = nn.Linear(num_statistics + num_features, hidden_dim)
        self.rest = nn.Sequential(
            nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(hidden_dim, hidden_dim // 2),
            nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(hidden_dim // 2, 1))

    def forward(self, statistics: Tensor, patch_map: Tensor) -> Tensor:
        """Judge every pixel.

        Args:
            statistics: (B, S, H, W).
            patch_map: (B, D, h, w), enlarged to H, W; only its device
                matters where features are not used.

        Returns:
            (B, 1, H, W) logits.
        """
        statistics = statistics.to(self.first.weight.dtype)
        visual = self._visual_half(patch_map)
        if is_exporting():
            return self._at_once(statistics, visual)
        return torch.stack([
            self._image(*image)
            for image in zip(statistics, visual, strict=True)
        ])

    def _visual_half(self, patch_map: Tensor) -> Tensor:
        """Contribution of patches to the first layer, bias included.

        Returns:
            (B, h, w, n), or (B, 1, 1, n) without features.
        """
        if self.first.in_features == self.num_statistics:
            return self.first.bias.expand(patch_map.shape[0], 1, 1, -1)
        patches = patch_map.permute(0, 2, 3, 1)  # (B, h, w, D)
        patches = patches.to(self.first.weight.dtype)
        if self.projection is not None:
            patches = self.projection(patches)
        weight = self.first.weight[:, self.num_statistics:]
        return F.linear(patches, weight, self.first.bias)

    def _at_once(self, statistics: Tensor, visual: Tensor) -> Tensor:
        """Logits (B, 1, H, W) without a loop over images or tiles."""
        hidden = F.interpolate(
            visual.permute(0, 3, 1, 2), statistics.shape[2:], mode='bilinear')
        hidden = hidden.permute(0, 2, 3, 1) + F.linear(
            statistics.permute(0, 2, 3, 1),
            self.first.weight[:, :self.num_statistics])  # (B, H, W, n)
        return self.rest(hidden).permute(0, 3, 1, 2)

    def _image(self, statistics: Tensor, visual: Tensor) -> Tensor:
        """Logits (1, H, W) of an image, tile by tile."""
        height, width = statistics.shape[1:]
        rows = interpolation_matrix(visual.shape[0], height, visual)
        columns = interpolation_matrix(visual.shape[1], width, visual)
        step = max(1, _tile_pixels(statistics) // width)
        recompute = self.with_cp and torch.is_grad_enabled()
        logits = []
        for top in range(0, height, step):
            tile = (statistics[:, top:top + step], rows[top:top + step],
                    columns, visual)
            logits.append(
                checkpoint(self._tile, *tile, use_reentrant=False
                           ) if recompute else self._tile(*tile))
        return torch.cat(logits)[None]

    def _tile(self, statistics: Tensor, rows: Tensor, columns: Tensor,
              visual: Tensor) -> Tensor:
        """Logits (r, W) of r rows.

        One product adds both halves: ``[columns, statistics] @ [visual rows;
        weight of the statistics]``.
        """
        enlarged = torch.einsum('rh,hwn->rwn', rows, visual)
        weight = self.first.weight[:, :self.num_statistics].T  # (S, n)
        weight = weight.expand(len(rows), -1, -1)
        columns = columns.expand(len(rows), -1, -1)  # (r, W, w)
        pixels = torch.cat([columns, statistics.permute(1, 2, 0)], dim=2)
        hidden = pixels @ torch.cat([enlarged, weight], dim=1)  # (r, W, n)
        return self.rest(hidden)[..., 0]


def _tile_pixels(values: Tensor) -> int:
    # Tiles unroll where a graph is compiled: few are better.
    if values.device.type == 'cpu' and not torch.compiler.is_compiling():
        return TILE_PIXELS_CPU
    return TILE_PIXELS

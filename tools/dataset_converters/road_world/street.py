"""Paint the sky, the ground and the houses of a scene.

World coordinates as in ``camera``. Colours are BGR.
"""
from dataclasses import dataclass

import numpy as np

from mmseg_anomaly.datasets.synthetic_roads.dataset import (
    BUILDING,
    ROAD,
    SIDEWALK,
    SKY,
    VEGETATION,
)
from mmseg_anomaly.datasets.synthetic_roads.patterns import smooth_noise

from .camera import Camera
from .canvas import Canvas

FAR_M = 400.0
BRIGHT_LINES = np.array([[225, 230, 235], [90, 190, 225]], np.float32)
FACADES = np.array([[90, 105, 150], [150, 175, 195], [120, 130, 135],
                    [160, 190, 205], [85, 95, 110], [140, 150, 180],
                    [185, 190, 190], [105, 140, 165]], np.float32)


@dataclass(frozen=True)
class Street:
    """Cross-section and light of a street.

    Args:
        road_half_width_m: From the middle of the road to its kerb.
        sidewalk_width_m: Width of each of the two sidewalks.
        offset_m: How far the camera is right of the middle.
        side_light: Brightness of the left and of the right facades.
    """

    road_half_width_m: float
    sidewalk_width_m: float
    offset_m: float
    side_light: tuple[float, float]

    @property
    def wall_x_m(self) -> float:
        """Distance of the facades from the middle of the road."""
        return self.road_half_width_m + self.sidewalk_width_m


def sample_street_shape(generator: np.random.Generator) -> Street:
    """Sample the measures of a street."""
    lights = generator.permutation([1.0, generator.uniform(0.55, 0.9)])
    return Street(
        road_half_width_m=generator.uniform(3.2, 5.0),
        sidewalk_width_m=generator.uniform(1.8, 3.2),
        offset_m=generator.uniform(-0.3, 1.6),
        side_light=(float(lights[0]), float(lights[1])))


def paint_sky(canvas: Canvas, generator: np.random.Generator) -> None:
    """Fill the canvas with a clear, cloudy or evening sky."""
    height, width = canvas.image_hw
    top = np.array([[215, 150, 90], [190, 180, 170], [150, 120, 110]])
    low = np.array([[235, 215, 185], [215, 212, 208], [140, 185, 235]])
    kind = generator.integers(len(top))
    ramp = np.linspace(0, 1.6, height, dtype=np.float32).clip(0, 1)
    canvas.image[:] = (top[kind] + ramp[:, None, None]
                       * (low[kind] - top[kind]))
    clouds = smooth_noise((height, width), height / 6, generator)
    clouds += 0.5 * smooth_noise((height, width), height / 14, generator)
    strength = generator.uniform(0, 40)
    canvas.image += strength * np.maximum(clouds, 0)[..., None]
    canvas.label[:] = SKY


def paint_ground(canvas: Canvas, camera: Camera, street: Street,
                 generator: np.random.Generator) -> None:
    """Paint grass, sidewalks, the road and its lines up to the horizon."""
    grass = np.array([60, 110, 85]) * generator.uniform(0.7, 1.2)
    canvas.fill(
        _strip(camera, street, -FAR_M, FAR_M),
        grass,
        VEGETATION,
        grain='leaf',
        contrast=22)
    stone = generator.uniform(120, 175) + generator.uniform(-8, 8, 3)
    wall, kerb = street.wall_x_m, street.road_half_width_m
    canvas.fill(
        _strip(camera, street, -wall, wall), stone, SIDEWALK, contrast=9)
    _paint_slabs(canvas, camera, street, stone * 0.82)
    asphalt = generator.uniform(60, 110) + generator.uniform(-6, 8, 3)
    canvas.fill(
        _strip(camera, street, -kerb, kerb),
        asphalt,
        ROAD,
        grain='coarse',
        contrast=generator.uniform(8, 18))
    _paint_lines(canvas, camera, street, generator)


def _strip(camera: Camera, street: Street, left_m: float, right_m: float,
           near_m: float = 1.0, far_m: float = FAR_M) -> np.ndarray:
    """Return the pixels (4, 2) of a rectangle on the ground."""
    left, right = left_m - street.offset_m, right_m - street.offset_m
    return camera.project([(left, 0, near_m), (right, 0, near_m),
                           (right, 0, far_m), (left, 0, far_m)])


def _paint_slabs(canvas: Canvas, camera: Camera, street: Street,
                 color: np.ndarray) -> None:
    wall = street.wall_x_m
    for near_m in np.arange(4.0, 24.0, 1.6):
        canvas.fill(
            _strip(camera, street, -wall, wall, near_m, near_m * 1.012),
            color)


def _paint_lines(canvas: Canvas, camera: Camera, street: Street,
                 generator: np.random.Generator) -> None:
    color = BRIGHT_LINES[generator.integers(2)] * generator.uniform(0.75, 1)
    half = 0.08
    period_m, dash_m = 6.0, generator.uniform(2, 4)
    phase_m = generator.uniform(0, period_m)
    for near_m in np.arange(1 - phase_m, 70, period_m):
        if near_m + dash_m > 1:
            canvas.fill(
                _strip(camera, street, -half, half, max(near_m, 1),
                       near_m + dash_m), color)
    if generator.random() < 0.6:
        edge = street.road_half_width_m - 0.35
        for side in (-edge, edge):
            canvas.fill(
                _strip(camera, street, side - half, side + half), color)
    if generator.random() < 0.25:
        _paint_crossing(canvas, camera, street, generator)


def _paint_crossing(canvas: Canvas, camera: Camera, street: Street,
                    generator: np.random.Generator) -> None:
    near_m = generator.uniform(6, 18)
    kerb = street.road_half_width_m
    for left_m in np.arange(-kerb + 0.3, kerb - 0.5, 1.0):
        canvas.fill(
            _strip(camera, street, left_m, left_m + 0.5, near_m,
                   near_m + 2.5), BRIGHT_LINES[0])


def paint_houses(canvas: Canvas, camera: Camera, street: Street,
                 generator: np.random.Generator) -> None:
    """Line both sides with houses and gaps, the far ones first."""
    for side, light in zip((-1, 1), street.side_light, strict=True):
        ends = np.cumsum(generator.uniform(7, 15, 10)) + 1.0
        is_gap = generator.random(len(ends)) < 0.25
        for row in reversed(range(1, len(ends))):
            if not is_gap[row]:
                _paint_house(canvas, camera, street, side, light,
                             (ends[row - 1], ends[row]), generator)


def _paint_house(canvas: Canvas, camera: Camera, street: Street, side: int,
                 light: float, span_m: tuple[float, float],
                 generator: np.random.Generator) -> None:
    near, far = span_m
    top = generator.uniform(5.5, 13)
    setback = generator.choice([0.0, 0.0, generator.uniform(1, 4)])
    x = side * (street.wall_x_m + setback) - street.offset_m
    color = FACADES[generator.integers(len(FACADES))]
    color = color * generator.uniform(0.75, 1.15)
    front = [(x, 0, near), (x + side * 14, 0, near),
             (x + side * 14, top, near), (x, top, near)]
    canvas.fill(camera.project(front), color * 0.8, BUILDING, contrast=7)
    wall = [(x, 0, near), (x, 0, far), (x, top, far), (x, top, near)]
    canvas.fill(camera.project(wall), color * light, BUILDING, contrast=7)
    glass = generator.uniform(35, 95) + np.array([22, 8, 0])
    _paint_windows(canvas, camera, x, side, (near, far, top), glass * light,
                   generator)


def _paint_windows(canvas: Canvas, camera: Camera, x: float, side: int,
                   near_far_top: tuple[float, float, float],
                   glass: np.ndarray, generator: np.random.Generator) -> None:
    near, far, top = near_far_top
    step_m, width_m = generator.uniform(1.9, 2.8), generator.uniform(0.9, 1.3)
    height_m = generator.uniform(1.1, 1.7)
    wall, front = [], []
    for base in np.arange(1.0, top - height_m - 0.3, 2.7):
        upper = base + height_m
        for start in np.arange(near + 0.6, far - width_m, step_m):
            end = start + width_m
            wall += [(x, base, start), (x, base, end), (x, upper, end),
                     (x, upper, start)]
        for start in np.arange(0.8, 12, step_m):
            left, right = x + side * start, x + side * (start + width_m)
            front += [(left, base, near), (right, base, near),
                      (right, upper, near), (left, upper, near)]
    for corners in (wall, front):
        if corners:
            canvas.fill(camera.project(corners).reshape(-1, 4, 2), glass)

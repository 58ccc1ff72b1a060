"""Paint cars, people, poles and trees onto a scene.

Every painter takes the foot of the thing as (x, z) in metres, the middle of
the side facing the camera. Colours are BGR.
"""
import numpy as np

from mmseg_anomaly.datasets.synthetic_roads.dataset import (
    CAR,
    PERSON,
    POLE,
    VEGETATION,
)
from mmseg_anomaly.datasets.synthetic_roads.strange_objects import (
    ellipse_polygon,
)

from .camera import Camera
from .canvas import Canvas

PAINTS = np.array([[60, 50, 190], [150, 90, 40], [225, 225, 225],
                   [40, 40, 42], [165, 165, 165], [70, 170, 205],
                   [80, 110, 50], [110, 70, 60]], np.float32)
CLOTHES = np.array([[70, 60, 60], [130, 80, 50], [60, 60, 150],
                    [90, 120, 90], [190, 190, 195], [60, 110, 160],
                    [110, 60, 110]], np.float32)
SKIN = np.array([[125, 165, 215], [75, 105, 150], [50, 70, 105]], np.float32)
Foot = tuple[float, float]


def _plane(camera: Camera, foot: Foot, corners: list) -> np.ndarray:
    """Project (N, 2) metres (right, up) in the plane facing the camera."""
    x, z = foot
    return camera.project([(x + right, up, z) for right, up in corners])


def _box(left: float, right: float, low: float, high: float) -> list:
    return [(left, low), (right, low), (right, high), (left, high)]


def cast_shadow(canvas: Canvas, camera: Camera, foot: Foot, half_m: float,
                slant: float, factor: float) -> None:
    """Darken the ground below and next to a thing.

    Args:
        canvas: Darkened in place.
        camera: Camera of the canvas.
        foot: Where the thing stands.
        half_m: Half of the thing's width.
        slant: Metres the shadow falls to the right.
        factor: Brightness of the shadow.
    """
    (x, z), reach = foot, max(half_m, 0.25)
    ground = ellipse_polygon((x + slant / 2, z + reach * 0.4),
                             (half_m * 1.15 + abs(slant) / 2, reach))
    canvas.shade(
        camera.project([(px, 0, max(pz, 1.0)) for px, pz in ground]), factor)


def paint_car(canvas: Canvas, camera: Camera, foot: Foot,
              generator: np.random.Generator) -> None:
    """Paint a car seen from behind or from the front, with its inner side."""
    (x, z), half = foot, generator.uniform(0.8, 0.95)
    high = generator.uniform(1.35, 1.9)
    waist, length = high * 0.55, generator.uniform(3.2, 4.4)
    paint = PAINTS[generator.integers(len(PAINTS))]
    paint = paint * generator.uniform(0.8, 1.1)
    glass = np.array([70, 62, 55]) * generator.uniform(0.7, 1.3)
    side = x - np.sign(x) * half
    roof = x - np.sign(x) * half * 0.72
    flank = [(side, 0.25, z), (side, 0.25, z + length),
             (side, waist, z + length), (side, waist, z)]
    cabin = [(side, waist, z + 0.1), (side, waist, z + length * 0.75),
             (roof, high, z + length * 0.6), (roof, high, z + 0.5)]
    canvas.fill(camera.project(flank), paint * 0.75, CAR, contrast=3)
    canvas.fill(camera.project(cabin), glass * 0.8, CAR, contrast=3)
    for center in (z + length * 0.2, z + length * 0.8):
        wheel = ellipse_polygon((center, 0.3), (0.32, 0.3), 12)
        canvas.fill(
            camera.project([(side, max(up, 0), at) for at, up in wheel]),
            np.full(3, 25.0), CAR)
    _paint_car_rear(canvas, camera, foot, (half, waist, high), paint, glass,
                    generator)


def _paint_car_rear(canvas: Canvas, camera: Camera, foot: Foot,
                    half_waist_high: tuple[float, float, float],
                    paint: np.ndarray, glass: np.ndarray,
                    generator: np.random.Generator) -> None:
    half, waist, high = half_waist_high
    parts = [
        (_box(-half + .05, -half + .35, 0, .4), np.full(3, 22.0)),
        (_box(half - .35, half - .05, 0, .4), np.full(3, 22.0)),
        (_box(-half, half, .25, waist), paint),
        ([(-half, waist), (half, waist), (half * .72, high),
          (-half * .72, high)], paint * 0.95),
        ([(-half * .85, waist + .05), (half * .85, waist + .05),
          (half * .66, high - .1), (-half * .66, high - .1)], glass),
        (_box(-half, half, .25, .38), paint * 0.45),
        (_box(-.26, .26, .45, .58), np.array([210.0, 215, 215]))]
    is_rear = generator.random() < 0.6
    light = np.array([40.0, 40, 200] if is_rear else [215, 240, 245])
    lamps = [_box(-half + .04, -half + .3, waist - .25, waist - .08),
             _box(half - .3, half - .04, waist - .25, waist - .08)]
    for corners, color in [*parts, *((lamp, light) for lamp in lamps)]:
        canvas.fill(_plane(camera, foot, corners), color, CAR, contrast=4)


def paint_person(canvas: Canvas, camera: Camera, foot: Foot,
                 generator: np.random.Generator) -> None:
    """Paint somebody standing or walking."""
    tall = generator.uniform(1.5, 1.95)
    stride = generator.uniform(0.05, 0.28)
    shirt, trousers = CLOTHES[generator.integers(len(CLOTHES), size=2)]
    skin = SKIN[generator.integers(len(SKIN))]
    hip, neck = tall * 0.5, tall * 0.84
    swing = generator.uniform(-0.12, 0.12)
    parts = [
        ([(-.13, hip), (.02, hip), (-stride + .1, 0), (-stride - .06, 0)],
         trousers * 0.9),
        ([(-.02, hip), (.13, hip), (stride + .06, 0), (stride - .1, 0)],
         trousers),
        ([(-.22, neck), (-.12, neck), (-.2 + swing, hip),
          (-.3 + swing, hip)], shirt * 0.85),
        ([(.12, neck), (.22, neck), (.3 + swing, hip), (.2 + swing, hip)],
         shirt * 0.85),
        ([(-.21, neck), (.21, neck), (.17, hip - .06), (-.17, hip - .06)],
         shirt)]
    for corners, color in parts:
        canvas.fill(_plane(camera, foot, corners), color, PERSON, contrast=4)
    head = ellipse_polygon((0, tall * 0.92), (0.105, tall * 0.08), 12)
    hair = ellipse_polygon((0, tall * 0.96), (0.1, tall * 0.045), 10)
    canvas.fill(_plane(camera, foot, head), skin, PERSON, contrast=3)
    canvas.fill(
        _plane(camera, foot, hair), skin * generator.uniform(.2, .6), PERSON)


def paint_pole(canvas: Canvas, camera: Camera, foot: Foot,
               generator: np.random.Generator) -> None:
    """Paint a street lamp or a post, its arm towards the road."""
    tall, half = generator.uniform(3.5, 6), generator.uniform(0.12, 0.22)
    steel = generator.uniform(60, 150) + generator.uniform(-6, 6, 3)
    canvas.fill(
        _plane(camera, foot, _box(-half, half, 0, tall)), steel, POLE)
    if generator.random() < 0.7:
        reach = -np.sign(foot[0]) * generator.uniform(0.8, 1.6)
        left, right = sorted((0.0, reach))
        canvas.fill(
            _plane(camera, foot, _box(left, right, tall - .25, tall)), steel,
            POLE)


def paint_tree(canvas: Canvas, camera: Camera, foot: Foot,
               generator: np.random.Generator) -> None:
    """Paint a trunk and a crown of leaves."""
    trunk_m, crown_m = generator.uniform(1.6, 2.6), generator.uniform(1.1, 2)
    bark = np.array([45, 60, 75]) * generator.uniform(0.7, 1.2)
    canvas.fill(
        _plane(camera, foot, _box(-.14, .14, 0, trunk_m + .4)), bark,
        VEGETATION)
    green = np.array([45, 105, 75]) * generator.uniform(0.6, 1.2)
    green += generator.uniform(-12, 25) * np.array([0, 0.2, 1])
    for _ in range(9):
        right, up = generator.uniform(-0.6, 0.6, 2) * crown_m
        center = (right, trunk_m + crown_m + up)
        leaves = ellipse_polygon(center, (crown_m * 0.6, crown_m * 0.55), 14)
        canvas.fill(
            _plane(camera, foot, leaves),
            green * generator.uniform(0.75, 1.2),
            VEGETATION,
            grain='leaf',
            contrast=24)

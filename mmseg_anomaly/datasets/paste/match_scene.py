"""Make an object look as if the scene's camera had taken it.

All functions take the object (h, w, 3) uint8, BGR, its mask (h, w) bool, not
empty, and its surroundings (a, b, 3) uint8, and return a new object.
"""
import cv2
import numpy as np

_MAX_SAMPLES = 128  # rows and columns of surroundings that are looked at
_MAX_GAIN = 2.0  # of the spread of lightness
_BLURS_PX = (0.6, 1.0, 1.5, 2.2)  # standard deviations tried
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_NOISE_GAIN = 6.0  # root of the kernel's sum of squares
_MAD = 0.6745  # median of |x| for the standard normal distribution


def match_lab(image: np.ndarray, mask: np.ndarray, surroundings: np.ndarray,
              strength: float) -> np.ndarray:
    """Move mean LAB and spread of L towards those of the surroundings.

    At strength 1 the means become equal and the standard deviation of L is
    multiplied by the ratio of both, within [1/2, 2].

    Args:
        image: The object.
        mask: Its pixels.
        surroundings: Part of the scene around it.
        strength: 0 (nothing) to 1.

    Source: Reinhard et al., Color Transfer between Images (2001); differs:
        in LAB, spread of L only, bounded, and by degrees.
    """
    lab = _to_lab(image)
    own = lab[mask]  # (n, 3)
    step = [max(1, side // _MAX_SAMPLES) for side in surroundings.shape[:2]]
    scene = _to_lab(surroundings[::step[0], ::step[1]]).reshape(-1, 3)
    own_mean, scene_mean = own.mean(axis=0), scene.mean(axis=0)
    ratio = scene[:, 0].std() / max(float(own[:, 0].std()), 1e-3)
    gain = np.array([np.clip(ratio, 1 / _MAX_GAIN, _MAX_GAIN)**strength, 1, 1])
    matched = ((lab - own_mean) * gain + own_mean
               + strength * (scene_mean - own_mean))
    bgr = cv2.cvtColor(matched.astype(np.float32), cv2.COLOR_Lab2BGR)
    return np.rint(np.clip(bgr, 0, 1) * 255).astype(np.uint8)


def blur_as_in(image: np.ndarray, mask: np.ndarray,
               surroundings: np.ndarray) -> np.ndarray:
    """Blur until the object is no sharper than its surroundings.

    Sharpness is the mean of |Laplacian| of the grey values; the first of a
    few Gaussians that falls below the scene's is taken, or the widest.
    """
    aim = np.abs(_laplacian(surroundings)).mean()
    extended = extend_colors(image, mask)
    blurred = extended
    for sigma in (0.0, *_BLURS_PX):
        if sigma > 0:
            blurred = cv2.GaussianBlur(extended, (0, 0), sigma)
        if np.abs(_laplacian(blurred))[mask].mean() <= aim:
            break
    return blurred


def add_noise_as_in(image: np.ndarray, mask: np.ndarray,
                    surroundings: np.ndarray,
                    generator: np.random.Generator) -> np.ndarray:
    """Add the Gaussian noise that the object has less than its scene."""
    scene = estimate_noise(surroundings)
    own = estimate_noise(extend_colors(image, mask))
    missing = np.sqrt(max(0.0, scene**2 - own**2))
    noise = generator.standard_normal(image.shape, np.float32) * missing
    return np.rint(np.clip(image + noise, 0, 255)).astype(np.uint8)


def estimate_noise(image: np.ndarray) -> float:
    """Return the standard deviation of white noise, in grey levels.

    A kernel that annihilates planes is applied to the green channel; the
    median of its magnitude follows the noise and hardly sees edges.

    Source: Immerkaer, Fast Noise Variance Estimation (1996); differs: the
        median instead of the mean, for scenes full of edges.
    """
    response = cv2.filter2D(image[..., 1], cv2.CV_32F, _NOISE_KERNEL)
    return float(np.median(np.abs(response)) / (_MAD * _NOISE_GAIN))


def extend_colors(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Give every pixel outside the mask the colour of the nearest inside."""
    if mask.all():
        return image
    outside = (~mask).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, cv2.DIST_MASK_5,
        labelType=cv2.DIST_LABEL_PIXEL)  # (h, w), 1 for the first pixel
    colors = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    colors[nearest[mask]] = image[mask]
    return colors[nearest]


def _to_lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)


def _laplacian(image: np.ndarray) -> np.ndarray:
    return cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_32F)

"""Scorers: how evidence about the classes becomes an anomaly map.

One function a rule, one sign for all: a larger score is more anomalous.
Evidence is a mapping from a name to a (B, c, H, W) tensor. ``seg_logits`` is
always there: for mask classifiers
``S_c = sum_q sigmoid(m_q) * softmax(z_q)_c >= 0``, for other heads the plain
logits. Scoring happens once, after windows and augmentations were averaged.

Shape letters: B images, K classes, H, W the map.
"""
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence

import torch
from mmseg.registry import TASK_UTILS
from torch import Tensor

Evidence = Mapping[str, Tensor]
Scorer = Callable[[Evidence], Tensor]


def _part(evidence: Evidence, name: str, scorer: str) -> Tensor:
    if name not in evidence:
        raise ValueError(
            f'scorer={scorer!r} needs the evidence {name!r}, the decode head '
            f'offers {sorted(evidence)}; choose another scorer or a head '
            f'whose predict_evidence() returns {name!r}')
    return evidence[name]


def _tempered(evidence: Evidence, temperature: float, scorer: str) -> Tensor:
    if temperature <= 0:
        raise ValueError(f'{scorer}: `temperature` must be > 0, got '
                         f'{temperature}')
    scores = evidence['seg_logits']
    return scores if temperature == 1 else scores / temperature


@TASK_UTILS.register_module()
def msp(evidence: Evidence) -> Tensor:
    """Return ``1 - max_c S_c``; mask classifiers only.

    Ranks pixels as ``max_logit`` does.

    Args:
        evidence: Holds ``seg_logits`` (B, K, H, W) of a mask classifier.

    Returns:
        (B, 1, H, W), mostly in [0, 1]; below 0 where several queries claim
        a pixel for the same class.

    Source: Rai et al., Unmasking Anomalies in Road-Scene Segmentation,
    arXiv 2307.13316, without its refinement mask.
    """
    return 1 - evidence['seg_logits'].amax(dim=1, keepdim=True)


@TASK_UTILS.register_module()
def softmax_msp(evidence: Evidence, temperature: float = 1.0) -> Tensor:
    """Return ``1 - max_c softmax(S / temperature)_c``.

    Args:
        evidence: Holds ``seg_logits`` (B, K, H, W).
        temperature: > 0; larger is flatter.

    Returns:
        (B, 1, H, W) in [0, 1 - 1/K].

    Raises:
        ValueError: If the temperature is not positive.

    Source: Hendrycks and Gimpel, A Baseline for Detecting Misclassified and
    Out-of-Distribution Examples, arXiv 1610.02136.
    """
    probs = _tempered(evidence, temperature, 'softmax_msp').softmax(dim=1)
    return 1 - probs.amax(dim=1, keepdim=True)


@TASK_UTILS.register_module()
def max_logit(evidence: Evidence) -> Tensor:
    """Return ``-max_c S_c``.

    Args:
        evidence: Holds ``seg_logits`` (B, K, H, W).

    Returns:
        (B, 1, H, W), unbounded.

    Source: Hendrycks et al., Scaling Out-of-Distribution Detection for
    Real-World Settings, arXiv 1911.11132.
    """
    return -evidence['seg_logits'].amax(dim=1, keepdim=True)


@TASK_UTILS.register_module()
def entropy(evidence: Evidence, temperature: float = 1.0) -> Tensor:
    """Return ``H(softmax(S / temperature))`` in nats.

    ``torch.special.entr`` gives 0, not NaN, for a probability that
    underflows.

    Args:
        evidence: Holds ``seg_logits`` (B, K, H, W).
        temperature: > 0; larger is flatter.

    Returns:
        (B, 1, H, W) in [0, log K].

    Raises:
        ValueError: If the temperature is not positive.

    Source: Chan et al., Entropy Maximization and Meta Classification for
    Out-of-Distribution Detection in Semantic Segmentation, arXiv 2012.06575;
    differs: not divided by log K.
    """
    probs = _tempered(evidence, temperature, 'entropy').softmax(dim=1)
    return torch.special.entr(probs).sum(dim=1, keepdim=True)


@TASK_UTILS.register_module()
def sum_entropy(evidence: Evidence) -> Tensor:
    """Return ``H(S / sum_c S_c)`` in nats; mask classifiers only.

    Args:
        evidence: Holds ``seg_logits`` (B, K, H, W) of a mask classifier. A
            negative value gives -inf, values that sum to 0 give NaN.

    Returns:
        (B, 1, H, W) in [0, log K].

    Source: the criterion of NazirNayal8/RbA@cf263d5, where it is named so.
    """
    scores = evidence['seg_logits']
    probs = scores / scores.sum(dim=1, keepdim=True)
    return torch.special.entr(probs).sum(dim=1, keepdim=True)


@TASK_UTILS.register_module()
def energy(evidence: Evidence, temperature: float = 1.0) -> Tensor:
    """Return ``-temperature * logsumexp_c(S_c / temperature)``.

    Args:
        evidence: Holds ``seg_logits`` (B, K, H, W).
        temperature: > 0; towards 0 it becomes ``max_logit``.

    Returns:
        (B, 1, H, W), unbounded.

    Raises:
        ValueError: If the temperature is not positive.

    Source: Liu et al., Energy-based Out-of-distribution Detection, arXiv
    2010.03759.
    """
    scores = _tempered(evidence, temperature, 'energy')
    return -temperature * scores.logsumexp(dim=1, keepdim=True)


@TASK_UTILS.register_module()
def rba(evidence: Evidence) -> Tensor:
    """Return ``-sum_c tanh(S_c)``: rejected by all classes.

    Args:
        evidence: Holds ``seg_logits`` (B, K, H, W).

    Returns:
        (B, 1, H, W) in [-K, K]; in [-K, 0] for a mask classifier.

    Source: Nayal et al., RbA: Segmenting Unknown Regions Rejected by All,
    arXiv 2211.14293, with the tanh of NazirNayal8/RbA@cf263d5.
    """
    return -evidence['seg_logits'].tanh().sum(dim=1, keepdim=True)


@TASK_UTILS.register_module()
def eam(evidence: Evidence) -> Tensor:
    """Return ``1 - sum_q sigmoid(m_q) * max_{c<=K} p_qc``.

    Args:
        evidence: Holds ``eam`` (B, 1, H, W), the sum above.

    Returns:
        (B, 1, H, W), at most 1.

    Raises:
        ValueError: If the head offers no ``eam`` evidence.

    Source: Grcic et al., On Advantages of Mask-level Recognition for
    Outlier-aware Segmentation, arXiv 2301.03407.
    """
    return 1 - _part(evidence, 'eam', 'eam')


@TASK_UTILS.register_module()
def min_distance(evidence: Evidence) -> Tensor:
    """Return ``2 - sum_q sigmoid(m_q) * v_q * (2 - min_{c<=K} d_qc)``.

    With d the distances of ``IsoMaxPlusClassifier`` in [0, 2] and v_q the
    probability that query q is an object: where one query owns a pixel its
    distance to the nearest class, where none does the largest distance.

    Args:
        evidence: Holds ``closeness`` (B, 1, H, W), the sum above.

    Returns:
        (B, 1, H, W), at most 2; below 0 where several queries close to a
        class claim a pixel.

    Raises:
        ValueError: If the head offers no ``closeness`` evidence.

    Source: the minimum distance score of Macedo and Ludermir, Enhanced
    Isotropy Maximization Loss, arXiv 2105.14399, for one feature an image;
    the way from queries to pixels is ours.
    """
    return 2 - _part(evidence, 'closeness', 'min_distance')


@TASK_UTILS.register_module()
def pixel_head(evidence: Evidence) -> Tensor:
    """Return the probability of an anomaly that ``PixelAnomalyHead`` gives.

    Args:
        evidence: Holds ``pixel_head`` (B, 2, H, W), logits of normal and of
            anomaly.

    Returns:
        (B, 1, H, W) in [0, 1], the second channel of their softmax.

    Raises:
        ValueError: If the head offers no ``pixel_head`` evidence.

    Source: ``mmseg_anomaly/models/decode_heads/pixel_anomaly_head.py``.
    """
    pair = _part(evidence, 'pixel_head', 'pixel_head')
    return pair.softmax(dim=1)[:, 1:]


_INSTEAD_ON_LOGITS = {msp: 'softmax_msp', sum_entropy: 'entropy'}


def _find(name: str) -> Callable[..., Tensor]:
    scorer = TASK_UTILS.get(name)
    if not inspect.isfunction(scorer):
        known = sorted(
            key for key, value in TASK_UTILS.module_dict.items()
            if inspect.isfunction(value))
        raise ValueError(f'scorer={name!r} is not registered in TASK_UTILS; '
                         f'choose from {known}')
    return scorer


def _build(cfg: str | dict, is_mask_classifier: bool) -> tuple[str, Scorer]:
    arguments = {'type': cfg} if isinstance(cfg, str) else dict(cfg)
    name = arguments.pop('type')
    scorer = _find(name)
    if not is_mask_classifier and scorer in _INSTEAD_ON_LOGITS:
        raise ValueError(
            f'scorer={name!r} reads scores of a mask classifier, this head '
            f'gives plain logits; use {_INSTEAD_ON_LOGITS[scorer]!r}')
    label = arguments.pop('name', name)
    try:
        inspect.signature(scorer).bind({}, **arguments)
    except TypeError as error:
        raise ValueError(f'scorer={name!r}: {error}; it is '
                         f'{name}{inspect.signature(scorer)}') from None
    return label, functools.partial(scorer, **arguments)


def build_scorers(cfg: str | dict | Sequence[str | dict],
                  is_mask_classifier: bool) -> dict[str, Scorer]:
    """Build the scorers a config asks for.

    Args:
        cfg: ``'rba'`` or ``dict(type='softmax_msp', temperature=2.0)`` or a
            list of such; ``name`` in a dict renames the map, so that one
            rule can serve twice.
        is_mask_classifier: Whether ``seg_logits`` are scores of a mask
            classifier rather than plain logits.

    Returns:
        Name -> function of the evidence, in the order of the config.

    Raises:
        ValueError: If a scorer is unknown, gets an argument it has not, does
            not fit the head, or a name occurs twice, or none is given.
    """
    entries = [cfg] if isinstance(cfg, (str, dict)) else list(cfg)
    built = [_build(entry, is_mask_classifier) for entry in entries]
    names = [name for name, _ in built]
    if not names or len(set(names)) < len(names):
        raise ValueError('`scorer` needs one or more different names, got '
                         f'{names}; rename with dict(type=..., name=...)')
    return dict(built)

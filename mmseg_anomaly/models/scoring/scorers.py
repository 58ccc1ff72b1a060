"""Scorers: functions that turn evidence into an anomaly map.

One function a rule, one sign for all: a larger score is more anomalous.
Evidence is a mapping from a name to a (B, c, H, W) tensor, a score a
(B, 1, H, W) tensor. Scoring happens once, after windows and augmentations
were averaged. In the formulas S is ``seg_logits`` (B, K, H, W), which is
always there: for mask classifiers
``S_c = sum_q sigmoid(m_q) * softmax(z_q)_c >= 0``, for other heads the plain
logits. T is ``temperature``; it must be > 0, and a larger one is flatter.

For a rule of your own ``@TASK_UTILS.register_module()`` from
``mmseg.registry`` is enough; ``@register_scorer(...)`` states its formula as
well, so that reports print it and the benchmark tool offers it.

Shape letters: B images, K classes, H, W the map.
"""
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from mmseg.registry import TASK_UTILS
from torch import Tensor

from ...checks import check_number
from ...finite import all_finite
from .evidence import CLOSENESS, EAM, PIXEL_HEAD, SEG_LOGITS, VOID

Evidence = Mapping[str, Tensor]
Scorer = Callable[[Evidence], Tensor]


@dataclass(frozen=True)
class ScorerRule:
    """Facts about a scorer that tables and checks need.

    Attributes:
        formula: As tables print it; m and p are masks and class
            probabilities of queries, d their distances to classes, v the
            probability that they are objects.
        evidence: Name of the evidence it reads.
        instead_on_logits: None, or for a scorer that makes sense on the
            scores of a mask classifier only, the one to use on plain logits.
    """

    formula: str
    evidence: str = SEG_LOGITS
    instead_on_logits: str | None = None


def register_scorer(
        formula: str,
        *,
        evidence: str = SEG_LOGITS,
        instead_on_logits: str | None = None
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a function as a scorer, under its name.

    Args:
        formula: See :class:`ScorerRule`, like the other two.
        evidence: Name of the evidence that the scorer reads.
        instead_on_logits: The scorer to use on plain logits.

    Returns:
        A decorator. The function it returns carries ``rule`` and raises a
        ``ValueError`` when it is called without its evidence.
    """

    def decorate(function: Callable[..., Tensor]) -> Callable[..., Tensor]:

        @functools.wraps(function)
        def scorer(offered: Evidence, *args: object,
                   **kwargs: object) -> Tensor:
            if evidence not in offered:
                raise ValueError(
                    f'scorer={function.__name__!r} needs the evidence '
                    f'{evidence!r}, the decode head offers '
                    f'{sorted(offered)}; choose another scorer or a head '
                    f'whose predict_evidence() returns {evidence!r}')
            return function(offered, *args, **kwargs)

        scorer.rule = ScorerRule(formula, evidence, instead_on_logits)
        return TASK_UTILS.register_module()(scorer)

    return decorate


def check_temperature(temperature: float, scorer: str) -> None:
    """Refuse a temperature that divides by zero or turns the order.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it is not positive and finite.
    """
    check_number('temperature', temperature, above=0, of=scorer)


def _tempered(evidence: Evidence, temperature: float, scorer: str) -> Tensor:
    check_temperature(temperature, scorer)
    scores = evidence[SEG_LOGITS]
    return scores if temperature == 1 else scores / temperature


@register_scorer('1 - max_c S_c', instead_on_logits='softmax_msp')
def msp(evidence: Evidence) -> Tensor:
    """Return ``1 - max_c S_c``; mask classifiers only.

    Mostly in [0, 1]; below 0 where several queries claim a pixel for the
    same class. Ranks pixels as ``max_logit`` does.

    Source: Rai et al., Unmasking Anomalies in Road-Scene Segmentation,
    arXiv 2307.13316, without its refinement mask.
    """
    return 1 - evidence[SEG_LOGITS].amax(dim=1, keepdim=True)


@register_scorer('1 - max_c softmax(S / T)_c')
def softmax_msp(evidence: Evidence, temperature: float = 1.0) -> Tensor:
    """Return ``1 - max_c softmax(S / T)_c``, in [0, 1 - 1/K].

    Source: Hendrycks and Gimpel, A Baseline for Detecting Misclassified and
    Out-of-Distribution Examples, arXiv 1610.02136.
    """
    probs = _tempered(evidence, temperature, 'softmax_msp').softmax(dim=1)
    return 1 - probs.amax(dim=1, keepdim=True)


@register_scorer('-max_c S_c')
def max_logit(evidence: Evidence) -> Tensor:
    """Return ``-max_c S_c``, unbounded.

    Source: Hendrycks et al., Scaling Out-of-Distribution Detection for
    Real-World Settings, arXiv 1911.11132.
    """
    return -evidence[SEG_LOGITS].amax(dim=1, keepdim=True)


@register_scorer('H(softmax(S / T))')
def entropy(evidence: Evidence, temperature: float = 1.0) -> Tensor:
    """Return ``H(softmax(S / T))`` in nats, in [0, log K].

    ``torch.special.entr`` gives 0, not NaN, for a probability that
    underflows.

    Source: Chan et al., Entropy Maximization and Meta Classification for
    Out-of-Distribution Detection in Semantic Segmentation, arXiv 2012.06575;
    differs: not divided by log K.
    """
    probs = _tempered(evidence, temperature, 'entropy').softmax(dim=1)
    return torch.special.entr(probs).sum(dim=1, keepdim=True)


@register_scorer('H(S / sum_c S_c)', instead_on_logits='entropy')
def sum_entropy(evidence: Evidence) -> Tensor:
    """Return ``H(S / sum_c S_c)`` in nats, in [0, log K].

    For mask classifiers only: a negative S gives -inf. An S that sums to 0
    gives NaN.

    Source: the criterion of NazirNayal8/RbA@cf263d5, where it is named so.
    """
    scores = evidence[SEG_LOGITS]
    probs = scores / scores.sum(dim=1, keepdim=True)
    return torch.special.entr(probs).sum(dim=1, keepdim=True)


@register_scorer('-T logsumexp_c(S_c / T)')
def energy(evidence: Evidence, temperature: float = 1.0) -> Tensor:
    """Return ``-T logsumexp_c(S_c / T)``, unbounded.

    For T towards 0 it becomes ``max_logit``.

    Source: Liu et al., Energy-based Out-of-distribution Detection, arXiv
    2010.03759.
    """
    scores = _tempered(evidence, temperature, 'energy')
    return -temperature * scores.logsumexp(dim=1, keepdim=True)


@register_scorer('-sum_c tanh(S_c)')
def rba(evidence: Evidence) -> Tensor:
    """Return ``-sum_c tanh(S_c)``: rejected by all classes.

    In [-K, K]; in [-K, 0] for a mask classifier.

    Source: Nayal et al., RbA: Segmenting Unknown Regions Rejected by All,
    arXiv 2211.14293, with the tanh of NazirNayal8/RbA@cf263d5.
    """
    return -evidence[SEG_LOGITS].tanh().sum(dim=1, keepdim=True)


@register_scorer('1 - sum_q sigmoid(m_q) max_{c<=K} p_qc', evidence=EAM)
def eam(evidence: Evidence) -> Tensor:
    """Return ``1 - sum_q sigmoid(m_q) * max_{c<=K} p_qc``, at most 1.

    The sum is the evidence ``eam`` (B, 1, H, W).

    Source: Grcic et al., On Advantages of Mask-level Recognition for
    Outlier-aware Segmentation, arXiv 2301.03407.
    """
    return 1 - evidence[EAM]


@register_scorer('2 - sum_q sigmoid(m_q) v_q (2 - min_{c<=K} d_qc)',
                 evidence=CLOSENESS)
def min_distance(evidence: Evidence) -> Tensor:
    """Return ``2 - sum_q sigmoid(m_q) * v_q * (2 - min_{c<=K} d_qc)``.

    With d the distances of ``IsoMaxPlusClassifier`` in [0, 2] and v_q the
    probability that query q is an object: where one query owns a pixel its
    distance to the nearest class, where none does the largest distance. At
    most 2; below 0 where several queries close to a class claim a pixel.
    The sum is the evidence ``closeness`` (B, 1, H, W).

    Source: the minimum distance score of Macedo and Ludermir, Enhanced
    Isotropy Maximization Loss, arXiv 2105.14399, for one feature an image;
    the way from queries to pixels is ours.
    """
    return 2 - evidence[CLOSENESS]


@register_scorer('softmax(L_normal, L_anomaly)_anomaly', evidence=PIXEL_HEAD)
def pixel_head(evidence: Evidence) -> Tensor:
    """Return the probability of an anomaly that ``PixelAnomalyHead`` gives.

    The second channel, in [0, 1], of the softmax over its evidence
    ``pixel_head`` (B, 2, H, W), the logits of normal and of anomaly.
    """
    return evidence[PIXEL_HEAD].softmax(dim=1)[:, 1:]


@register_scorer('softmax(S, v)_v', evidence=VOID)
def void(evidence: Evidence) -> Tensor:
    """Return the probability of void that a pixel classifier gives.

    The last of the softmax over the K logits and the evidence ``void`` v
    (B, 1, H, W), in [0, 1], computed as sigmoid(v - logsumexp_c S_c).
    """
    known = evidence[SEG_LOGITS].logsumexp(dim=1, keepdim=True)
    return (evidence[VOID] - known).sigmoid()


def score_evidence(scorers: Mapping[str, Scorer], evidence: Evidence,
                   img_path: str | None) -> dict[str, Tensor]:
    """Score the evidence of one image.

    Infinite scores may stay, they rank: ``sum_entropy`` gives some.

    Args:
        scorers: Name -> scorer.
        evidence: Name -> (1, c, H, W).
        img_path: The image, for an error.

    Returns:
        Name -> (1, 1, H, W), in the order of the scorers.

    Raises:
        ValueError: If evidence is not finite, or a score NaN.
    """
    broken = [f'evidence {name!r}' for name, values in evidence.items()
              if not all_finite(values)]
    maps = {name: score(evidence) for name, score in scorers.items()}
    broken += [f'score {name!r}' for name, anomaly_map in maps.items()
               if not broken and anomaly_map.isnan().any()]
    if broken:
        raise ValueError(
            f'{", ".join(broken)} of {img_path or "an image without a path"} '
            'holds NaN or infinity: the weights have diverged, or half '
            'precision overflows, or the scorer does not suit the evidence; '
            'test an earlier checkpoint, without --amp, or another scorer')
    return maps

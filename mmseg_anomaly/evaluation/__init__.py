"""Metrics of anomaly maps."""
from .metrics.anomaly_metric import AnomalyMetric, Float16AnomalyMetric
from .metrics.component_metric import ComponentMetric
from .metrics.semantic_iou_metric import SemanticIoUMetric
from .metrics.threshold_metric import ThresholdMetric
from .objects import ComponentMetrics, component_metrics, match_components
from .pixels.ranking import (
    RankingCurves,
    RankingMetrics,
    rank_pixels,
    ranking_curves,
)
from .pixels.score_histogram import ScoreCounts, ScoreHistogram

__all__ = [
    'AnomalyMetric', 'ComponentMetric', 'ComponentMetrics',
    'Float16AnomalyMetric', 'RankingCurves', 'RankingMetrics', 'ScoreCounts',
    'ScoreHistogram', 'SemanticIoUMetric', 'ThresholdMetric',
    'component_metrics', 'match_components', 'rank_pixels', 'ranking_curves'
]

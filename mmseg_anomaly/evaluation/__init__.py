"""Metrics."""
from .metrics.anomaly_metric import AnomalyMetric
from .metrics.component_metric import ComponentMetric
from .metrics.float16_metric import Float16AnomalyMetric
from .metrics.semantic_iou_metric import SemanticIoUMetric
from .metrics.threshold_metric import ThresholdMetric
from .objects import ComponentMetrics, component_metrics, match_components
from .pixels.ranking import RankingMetrics, rank_pixels
from .pixels.ranking_curves import RankingCurves, ranking_curves
from .pixels.score_histogram import ScoreCounts, ScoreHistogram

__all__ = [
    'AnomalyMetric', 'ComponentMetric', 'ComponentMetrics',
    'Float16AnomalyMetric', 'RankingCurves', 'RankingMetrics', 'ScoreCounts',
    'ScoreHistogram', 'SemanticIoUMetric', 'ThresholdMetric',
    'component_metrics', 'match_components', 'rank_pixels', 'ranking_curves'
]

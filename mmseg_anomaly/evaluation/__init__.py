"""Metrics."""
from .anomaly_metric import AnomalyMetric
from .component_metric import ComponentMetric
from .components import ComponentMetrics, component_metrics, match_components
from .float16_metric import Float16AnomalyMetric
from .ranking_curves import RankingCurves, ranking_curves
from .ranking_metrics import RankingMetrics, rank_pixels
from .score_histogram import ScoreCounts, ScoreHistogram
from .semantic_iou_metric import SemanticIoUMetric
from .threshold_metric import ThresholdMetric

__all__ = [
    'AnomalyMetric', 'ComponentMetric', 'ComponentMetrics',
    'Float16AnomalyMetric', 'RankingCurves', 'RankingMetrics', 'ScoreCounts',
    'ScoreHistogram', 'SemanticIoUMetric', 'ThresholdMetric',
    'component_metrics', 'match_components', 'rank_pixels', 'ranking_curves'
]

"""Metrics."""
from .anomaly_metric import AnomalyMetric
from .ranking_metrics import RankingMetrics, rank_pixels
from .score_histogram import ScoreCounts, ScoreHistogram
from .semantic_iou_metric import SemanticIoUMetric

__all__ = [
    'AnomalyMetric', 'RankingMetrics', 'ScoreCounts', 'ScoreHistogram',
    'SemanticIoUMetric', 'rank_pixels'
]

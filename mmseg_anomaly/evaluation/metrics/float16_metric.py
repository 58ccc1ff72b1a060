"""What is left of a ranking once its scores are float16."""
from collections.abc import Sequence

import torch
from mmseg.registry import METRICS

from ..heatmap_files import FLOAT16_PREFIX
from .anomaly_metric import AnomalyMetric
from .scored_sample import anomaly_maps


@METRICS.register_module()
class Float16AnomalyMetric(AnomalyMetric):
    """``AnomalyMetric`` of maps as the heat map files hold them.

    Beside ``AnomalyMetric`` it tells what handing a score in as float16
    costs: between 0.5 and 1 only 1024 scores differ.

    Example::

        test_evaluator = [dict(type='AnomalyMetric'),
                          dict(type='Float16AnomalyMetric')]
    """

    default_prefix = FLOAT16_PREFIX

    def process(self, data_batch: dict | None,
                data_samples: Sequence[dict]) -> None:
        """Round the maps of a batch and count them."""
        super().process(data_batch,
                        [_rounded(sample) for sample in data_samples])


def _rounded(data_sample: dict) -> dict:
    fields = {
        f'anomaly_map_{scorer}': dict(
            data=torch.from_numpy(values[None]).half().float())
        for scorer, values in anomaly_maps(data_sample).items()
    }
    protocol = data_sample.get('anomaly_protocol', 'not stated by the model')
    return {
        **data_sample, **fields,
        'pred_anomaly_map': next(iter(fields.values())),
        'anomaly_protocol': f'{protocol}, scores rounded to float16'
    }

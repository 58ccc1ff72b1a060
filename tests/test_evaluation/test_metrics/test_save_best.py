"""Checkpoints are kept by what AnomalyMetric says of them."""
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from test_evaluation.conftest import make_sample
from torch.utils.data import Dataset


class _Frames(Dataset):
    metainfo = {'classes': ('road', )}

    def __getitem__(self, index):
        return index

    def __len__(self):
        return 5


def _collate(indices):
    return {'indices': torch.tensor(indices)}


class _Detector(BaseModel):
    """A model whose single parameter becomes its anomaly score."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(-1.))

    def forward(self, indices, mode):
        if mode == 'loss':
            return {'loss': -self.weight}
        score = self.weight.item()
        return [
            make_sample([score * (1 + index), 0.], [254, 0], f'{index}.png')
            for index in indices.tolist()
        ]


def test_save_best__keeps_the_checkpoint_of_the_best_auprc(tmp_path):
    loader = {
        'batch_size': 2,
        'num_workers': 0,
        'dataset': _Frames(),
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': _collate
    }
    runner = Runner(
        model=_Detector(),
        work_dir=str(tmp_path),
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg={'by_epoch': True, 'max_epochs': 3, 'val_interval': 1},
        val_cfg={},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': .5}},
        val_evaluator={'type': 'AnomalyMetric'},
        default_hooks={
            'checkpoint': {
                'type': 'CheckpointHook',
                'save_best': 'anomaly/AuPRC',
                'rule': 'greater',
                'interval': -1
            },
            'logger': {'type': 'LoggerHook', 'interval': 9}
        },
        default_scope='mmseg',
        experiment_name='save_best_auprc')
    runner.train()
    best = list(tmp_path.glob('best_anomaly_AuPRC*.pth'))
    assert [path.name for path in best] == ['best_anomaly_AuPRC_epoch_1.pth']

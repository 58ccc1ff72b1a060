"""Real trainings of one weight whose numbers break."""
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch.amp import GradScaler

from mmseg_anomaly.engine.hooks import FiniteHook
from mmseg_anomaly.engine.optimizers import DeviceAmpOptimWrapper
from mmseg_anomaly.safe_loading import load_from_local


class Line(BaseModel):
    """One weight, whose loss is weight times input."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, mode):
        return dict(loss_line=(self.weight * inputs).sum(), acc=inputs.sum())


@pytest.fixture
def train(tmp_path, log):
    """Return a function that trains on the inputs, one an iteration."""
    number = 0

    def train(inputs, rate=1., scale=None, train_cfg=None, **checkpoint):
        nonlocal number
        number += 1  # a runner's name must be new
        model = Line()
        optimizer = torch.optim.SGD(model.parameters(), rate)
        wrapper = OptimWrapper(optimizer)
        if scale is not None:
            # the CPU has no float16, its scaler works all the same
            wrapper = DeviceAmpOptimWrapper(
                dtype='bfloat16', optimizer=optimizer)
            wrapper.loss_scaler = GradScaler('cpu', init_scale=scale)
        runner = Runner(
            model, str(tmp_path),
            train_dataloader=dict(
                dataset=[dict(inputs=torch.tensor([float(value)]))
                         for value in inputs],
                collate_fn=dict(type='default_collate'),
                sampler=dict(type='DefaultSampler', shuffle=False)),
            train_cfg=train_cfg or dict(by_epoch=False,
                                        max_iters=len(inputs)),
            optim_wrapper=wrapper,
            default_hooks=dict(
                finite=dict(type='FiniteHook'),
                checkpoint=dict(type='CheckpointHook', **{
                    'interval': 2, 'by_epoch': False, 'max_keep_ckpts': 1,
                    **checkpoint})),
            default_scope='mmseg',
            experiment_name=f'{tmp_path.name}_{number}')
        runner.train()

    return train


@pytest.mark.parametrize('value', ['nan', 'inf', '-inf'])
def test_loss__ends_the_training_and_keeps_the_checkpoint(
        value, train, tmp_path):
    with pytest.raises(RuntimeError, match=(
            r'the loss is not finite at iteration 5: loss \S+, loss_line '
            r'\S+; the newest good checkpoint is .*iter_4\.pth; lower')):
        train([1, 1, 1, 1, value, 1])
    assert [path.name for path in tmp_path.glob('*.pth')] == ['iter_4.pth']


def test_loss__before_any_checkpoint(train):
    with pytest.raises(RuntimeError, match='at iteration 1: .* no checkpoint '
                       'was written before'):
        train(['nan', 1])


def test_weights__are_not_saved_in_place_of_good_ones(train, tmp_path):
    # the fourth step takes the weight to infinity, behind a finite loss
    with pytest.raises(ValueError, match=(
            r'model after iteration 4 is not saved \(the newest good '
            r'checkpoint is .*iter_2\.pth\).* in weight')):
        train([0, 0, 0, 1e20], rate=1e30)
    kept, = tmp_path.glob('*.pth')
    assert kept.name == 'iter_2.pth'
    assert load_from_local(kept)['state_dict']['weight'] == 1


def test_weights__of_the_last_iteration(train, tmp_path):
    with pytest.raises(ValueError, match='after iteration 3 is not saved'):
        train([0, 0, 1e20], rate=1e30)


def test_weights__at_the_end_of_an_epoch(train, tmp_path):
    with pytest.raises(ValueError, match='is not saved'):
        train([0, 1e20], rate=1e30, by_epoch=True, interval=1,
              train_cfg=dict(by_epoch=True, max_epochs=2))
    assert not list(tmp_path.glob('*.pth'))


def test_float16__may_recover_until_the_scale_is_below_1(train):
    train(['inf', 1, 1], scale=4.)
    with pytest.raises(RuntimeError, match='at iteration 3'):
        train(['inf'] * 5, scale=4.)


def test_losses__that_are_finite_pass(train, tmp_path):
    train([1, -2, 1e30, 1])
    assert (tmp_path / 'iter_4.pth').is_file()


def test_hook__comes_before_what_logs_and_saves():
    assert FiniteHook.priority == 'VERY_HIGH'

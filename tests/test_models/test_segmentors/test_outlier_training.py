"""Outlier losses in the segmentor, and through a real Runner."""
import math

import pytest
import torch
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.labels import split_outliers
from mmseg_anomaly.models.losses import RbALoss
from mmseg_anomaly.models.segmentors.outlier_training import outlier_losses

VIT = dict(arch=dict(embed_dim=12, depth=3, num_heads=3), img_size=(32, 32),
           patch_size=8, num_joint_blocks=1)
EOMT = dict(
    backbone=dict(type='EoMTViT', **VIT),
    decode_head=dict(type='EoMTDecodeHead', num_classes=3, num_queries=5,
                     criterion=dict(num_points=16), **VIT))
ISOMAX = dict(
    EOMT, decode_head=dict(
        EOMT['decode_head'], class_head=dict(type='IsoMaxPlusClassifier'),
        query_losses=[dict(type='EIMLoss')]),
    test_cfg=dict(scorer=['min_distance', 'rba']))
NORM = dict(type='BN')
ERFNET = dict(
    backbone=dict(
        type='ERFNet', enc_downsample_channels=(4, 8, 16),
        enc_stage_non_bottlenecks=(1, 1), enc_non_bottleneck_dilations=(2, ),
        enc_non_bottleneck_channels=(8, 16), dec_upsample_channels=(8, 4),
        dec_stages_non_bottleneck=(1, 1), dec_non_bottleneck_channels=(8, 4),
        norm_cfg=NORM),
    decode_head=dict(
        type='FCNHead', in_channels=4, channels=8, num_convs=1,
        concat_input=False, num_classes=3, norm_cfg=NORM))


class Keep(nn.Module):
    """Remembers what it is given."""

    loss_name = 'loss_keep'
    enlarges_scores = False

    def forward(self, pred, target):
        self.size = pred.shape[2:]
        return pred.sum()


class KeepSmall(Keep):
    loss_name = 'loss_small'
    enlarges_scores = True


@pytest.mark.parametrize('align_corners', [False, True])
def test_outlier_losses__logits_are_enlarged_for_who_needs_it(align_corners):
    plain, small = Keep(), KeepSmall()
    losses = outlier_losses([plain, small], torch.ones(1, 2, 4, 4),
                            torch.zeros(1, 8, 8), align_corners)
    assert losses == {'outlier.loss_keep': 128.,
                      'outlier.loss_small': 128. if align_corners else 32.}
    assert plain.size == (8, 8)
    assert small.size == ((8, 8) if align_corners else (4, 4))


def test_outlier_losses__small_logits_keep_less_for_backward():
    loss, label = RbALoss(), torch.randint(0, 2, (1, 64, 64))
    kept = []
    for align_corners in (False, True):
        storages = {}

        def note(tensor, storages=storages):
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        logits = torch.rand(1, 19, 16, 16, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
            outlier_losses([loss], logits, label, align_corners)
        kept.append(sum(storages.values()))
    assert kept[0] < kept[1] / 3


def scenes():
    """Two images whose void and outliers are of one colour each."""
    images = []
    for seed in range(2):
        generator = torch.Generator().manual_seed(seed)
        label = torch.zeros(1, 32, 32, dtype=torch.long)
        label[:, 16:], label[:, 24:] = 1, 2
        image = label.expand(3, -1, -1) * 80.
        if seed:  # the other image has no outlier
            label[:, 4:20, 4:20] = 254
            image = image.where(label != 254, 255.)
        label[:, :2] = 255
        image = image + torch.randint(0, 9, image.shape, generator=generator)
        images.append(dict(
            inputs=image.to(torch.uint8),
            data_samples=SegDataSample(
                gt_sem_seg=PixelData(data=label),
                metainfo=dict(img_shape=(32, 32), ori_shape=(32, 32)))))
    return images


def train(parts, work_dir, losses=(), max_iters=12, lr=3e-3):
    runner = Runner(
        randomness=dict(seed=0),  # a runner draws its own seed otherwise
        model=dict(
            type='SlideInferenceWithStitch',
            data_preprocessor=dict(
                type='SegDataPreProcessor', mean=[127.] * 3, std=[60.] * 3,
                size=(32, 32)),
            outlier_losses=list(losses), **parts),
        work_dir=str(work_dir),
        train_dataloader=dict(
            batch_size=2, dataset=scenes() * max_iters, num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate')),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=lr)),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            checkpoint=dict(type='CheckpointHook', by_epoch=False,
                            interval=max_iters)),
        log_level='ERROR', default_scope='mmseg',
        log_processor=dict(window_size=1, by_epoch=False),
        experiment_name=work_dir.name)
    runner.train()
    history = runner.message_hub.log_scalars
    return runner, {name: history[name].data[0] for name in history
                    if 'loss' in name}


def anomaly_map(runner):
    model = runner.model.eval()
    with torch.no_grad():
        batch = dict(inputs=[scenes()[1]['inputs']],
                     data_samples=[scenes()[1]['data_samples']])
        return model.test_step(batch)[0].pred_anomaly_map.data[0]


@pytest.fixture(scope='module')
def erfnet_without(tmp_path_factory):
    return train(ERFNET, tmp_path_factory.mktemp('without'), lr=1e-2)[0].model


@torch.no_grad()
def measure(model, cfg):
    inputs = torch.stack([item['inputs'] for item in scenes()])
    inputs = (inputs - 127.) / 60.
    label = torch.cat([item['data_samples'].gt_sem_seg.data
                       for item in scenes()])
    logits = model.decode_head(model.extract_feat(inputs))
    return MODELS.build(cfg)(logits, split_outliers(label)[1])


@pytest.mark.parametrize('cfg', [
    dict(type='RbALoss'),
    dict(type='EnergyHingeLoss', inlier_upper=-4., outlier_lower=-1.),
    dict(type='OutlierUniformityLoss'),
    dict(type='OutlierUniformityLoss', measure='entropy'),
    dict(type='BinaryOutlierLoss', loss_weight=1.),
], ids=lambda cfg: cfg['type'] + cfg.get('measure', ''))
def test_train__erfnet_with_each_loss(cfg, erfnet_without, tmp_path):
    runner, losses = train(ERFNET, tmp_path, [cfg], lr=1e-2)
    name, = [name for name in losses if 'outlier.' in name]
    assert len(losses[name]) == 12
    assert all(math.isfinite(value) for value in losses[name])
    assert measure(runner.model, cfg) < 0.8 * measure(erfnet_without, cfg)


def test_train__eomt_with_rba(tmp_path):
    parts = dict(EOMT, test_cfg=dict(scorer='rba'))
    runner, losses = train(parts, tmp_path, [dict(type='RbALoss')], 30)
    values = losses['train/outlier.loss_rba'].tolist()
    assert values[-1] < 0.7 * values[0]
    scores = anomaly_map(runner)
    assert scores[6:18, 6:18].mean() > scores[24:].mean()


def test_train__eomt_with_isomax_plus(tmp_path):
    runner, losses = train(ISOMAX, tmp_path)
    values = losses['train/decode.loss_cls'].tolist()
    assert values[-1] < values[0]
    head = runner.model.decode_head.class_head
    assert head.distance_scale.item() != 1.
    assert anomaly_map(runner).isfinite().all()
    trained = runner.model.state_dict()
    again = train(ISOMAX, tmp_path / 'again', max_iters=1)[0]
    again.load_checkpoint(str(tmp_path / 'iter_12.pth'))
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, trained[name]), name


def test_rba_loss__of_eomt_sees_the_last_prediction(tmp_path):
    runner, _ = train(EOMT, tmp_path, [dict(type='RbALoss')], max_iters=1)
    model = runner.model.train()
    data = model.data_preprocessor(
        dict(inputs=[item['inputs'] for item in scenes()],
             data_samples=[item['data_samples'] for item in scenes()]), True)
    model.decode_head.set_attn_mask_probs([0.])
    losses = model.loss(**data)
    inputs = model.extract_feat(data['inputs'])
    _, scores = model.decode_head.loss_with_evidence(
        inputs, data['data_samples'], None)
    label = torch.cat(
        [item.gt_sem_seg.data for item in data['data_samples']])
    anomaly = split_outliers(label)[1]
    torch.testing.assert_close(losses['outlier.loss_rba'],
                               RbALoss()(scores, anomaly))

"""Small models of MMSeg, and heads whose evidence is the image."""
import copy

import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmseg_anomaly  # noqa: F401

NORM = {'type': 'BN'}
ERFNET = {
    'backbone': {
        'type': 'ERFNet',
        'enc_downsample_channels': (4, 8, 16),
        'enc_stage_non_bottlenecks': (1, 2),
        'enc_non_bottleneck_dilations': (2, 4),
        'enc_non_bottleneck_channels': (8, 16),
        'dec_upsample_channels': (8, 4),
        'dec_stages_non_bottleneck': (1, 1),
        'dec_non_bottleneck_channels': (8, 4),
        'norm_cfg': NORM
    },
    'decode_head': {
        'type': 'FCNHead',
        'in_channels': 4,
        'channels': 8,
        'num_convs': 1,
        'concat_input': False,
        'num_classes': 5,
        'norm_cfg': NORM
    }
}
UPERNET = {
    'backbone': {
        'type': 'ResNet',
        'depth': 18,
        'base_channels': 8,
        'norm_cfg': NORM
    },
    'decode_head': {
        'type': 'UPerHead',
        'in_channels': [8, 16, 32, 64],
        'in_index': [0, 1, 2, 3],
        'channels': 8,
        'num_classes': 5,
        'norm_cfg': NORM
    },
    'auxiliary_head': {
        'type': 'FCNHead',
        'in_channels': 32,
        'in_index': 2,
        'channels': 8,
        'num_classes': 5,
        'norm_cfg': NORM
    }
}


@MODELS.register_module()
class PixelCopyHead(torch.nn.Module):
    """Evidence is the image itself, so that every value is known."""

    is_mask_classifier = True
    evidence_names = ('seg_logits', 'eam')
    align_corners = False
    num_classes = out_channels = 3

    def __init__(self):
        super().__init__()
        self.metas = []

    def predict_evidence(self, feats, batch_img_metas, test_cfg):
        self.metas += batch_img_metas
        return {'seg_logits': feats[0], 'eam': feats[0][:, :1]}


@MODELS.register_module()
class HalfSizeHead(PixelCopyHead):

    def loss_with_evidence(self, feats, samples, train_cfg):
        return {'loss_own': feats[0].sum()}, feats[0][..., ::2, ::2]


@MODELS.register_module()
class PixelCopyBackbone(torch.nn.Module):

    def forward(self, inputs):
        return (inputs, )


@MODELS.register_module()
class MeanOutlierLogit(torch.nn.Module):
    loss_name = 'loss_mean'

    def forward(self, pred, target):
        return pred.max(dim=1).values[target == 1].sum()


COPY = {
    'backbone': {
        'type': 'PixelCopyBackbone'
    },
    'decode_head': {
        'type': 'PixelCopyHead'
    }
}


def build(parts, kind='SlideInferenceWithStitch', **options):
    torch.manual_seed(0)
    init_default_scope('mmseg')
    model = MODELS.build(
        ConfigDict(type=kind, **copy.deepcopy(parts), **options))
    return model.eval()


def sample(size_hw, ori_shape=None, **meta):
    return SegDataSample(metainfo={
        'img_shape': size_hw,
        'ori_shape': ori_shape or size_hw,
        **meta
    })


def slide(scorer='max_logit', **options):
    return {'mode': 'slide', 'crop_size': (32, 32), 'scorer': scorer,
            **options}

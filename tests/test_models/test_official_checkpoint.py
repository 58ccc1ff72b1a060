"""A model that the original EoMT code trained keeps its accuracy here."""
import cv2
import mmcv
import numpy as np
import torch
from mmseg.evaluation import IoUMetric
from torch import nn

from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead
from mmseg_anomaly.models.eomt.vit_weights import read_weights
from mmseg_anomaly.models.scoring.evidence import semantic_evidence

NUM_CLASSES = 11


def predict(model, path):
    """The protocol of the checkpoint: squeeze to 352x480, bf16."""
    image = mmcv.imresize(mmcv.imread(path), (480, 352), backend='pillow')
    image = mmcv.imnormalize(image, np.array([123.675, 116.28, 103.53]),
                             np.array([58.395, 57.12, 57.375]))
    inputs = torch.from_numpy(image).permute(2, 0, 1)[None]
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        prediction = model['decode_head'](model['backbone'](inputs))[-1]
    return semantic_evidence(prediction, (360, 480))['seg_logits'][0].argmax(0)


def test_official_checkpoint__has_its_miou(shared_data_dir, load_tool):
    convert = load_tool('model_converters/eomt2mmseg.py').convert
    vit = dict(arch='vit_small_patch14_dinov2', img_size=(352, 480))
    model = nn.ModuleDict(
        dict(backbone=EoMTViT(**vit),
             decode_head=EoMTDecodeHead(**vit, num_classes=NUM_CLASSES)))
    model.load_state_dict(convert(
        read_weights(str(shared_data_dir / 'eomt_s_camvid_official.bin'))))
    model.eval()
    areas = []
    camvid = shared_data_dir / 'camvid'
    for path in sorted((camvid / 'images/val').glob('*.jpg')):
        label = cv2.imread(
            str(camvid / f'annotations/val/{path.stem}.png'), 0)
        areas.append(IoUMetric.intersect_and_union(
            predict(model, path), torch.from_numpy(label), NUM_CLASSES,
            ignore_index=NUM_CLASSES))
    metrics = IoUMetric.total_area_to_metrics(
        *(sum(area) for area in zip(*areas, strict=True)))
    assert len(areas) == 101
    assert abs(np.nanmean(metrics['IoU']) * 100 - 66.49) < 0.1

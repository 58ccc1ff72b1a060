import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_anomaly.models.segmentors import AnomalyTTAModel


@MODELS.register_module()
class RowHead(nn.Module):
    """Class 0 is the image, class 1 counts columns from the left."""

    align_corners = False
    num_classes = out_channels = 2

    def predict(self, feats, batch_img_metas, test_cfg):
        image = feats[0][:, :1]
        columns = torch.arange(image.shape[3]).expand_as(image)
        return torch.cat([image, columns], dim=1)


@MODELS.register_module()
class SameBackbone(nn.Module):

    def forward(self, inputs):
        return (inputs, )


def build():
    init_default_scope('mmseg')
    return MODELS.build({
        'type': 'AnomalyTTAModel',
        'module': {
            'type': 'SlideInferenceWithStitch',
            'data_preprocessor': {'type': 'SegDataPreProcessor'},
            'backbone': {'type': 'SameBackbone'},
            'decode_head': {'type': 'RowHead'},
            'test_cfg': {'mode': 'whole', 'scorer': ['energy', 'rba']}
        }
    }).eval()


def versions(image):
    """Return the image and its mirror image as a batch of one."""
    samples = []
    for flip in (False, True):
        item = SegDataSample(metainfo={
            'img_shape': image.shape[1:], 'ori_shape': image.shape[1:],
            'flip': flip, 'flip_direction': 'horizontal', 'img_path': 'a.png'
        })
        item.set_data({'gt_sem_seg': PixelData(data=torch.ones(1, 2, 3))})
        samples.append([item])
    return {'inputs': [[image], [image.flip(2)]], 'data_samples': samples}


@torch.no_grad()
def test_step__averages_evidence_and_scores_once():
    image = torch.tensor([[[4., 0., 0.], [0., 0., 4.]]]).expand(3, 2, 3)
    result = build().test_step(versions(image))[0]
    # class 1 is (0 1 2) and, flipped back, (2 1 0): 1 on average
    expected = torch.stack([image[0], torch.ones(2, 3)])
    torch.testing.assert_close(result.seg_logits.data, expected)
    torch.testing.assert_close(
        result.anomaly_map_energy.data,
        -expected.logsumexp(0, keepdim=True))
    assert result.pred_anomaly_map.data is result.anomaly_map_energy.data
    assert result.pred_sem_seg.data.tolist() == [[[0, 1, 1], [1, 1, 0]]]
    assert result.metainfo['anomaly_scorers'] == ('energy', 'rba')
    assert result.metainfo['anomaly_protocol'] == (
        'whole image, mean of 2 augmentations')


@torch.no_grad()
def test_step__keeps_labels_and_drops_evidence():
    result = build().test_step(versions(torch.zeros(3, 2, 3)))[0]
    assert result.img_path == 'a.png'
    assert result.gt_sem_seg.data.sum() == 6
    assert not [key for key, _ in result.items() if key.startswith('evidence')]


def test_init__refuses_models_without_evidence():

    class Plain(nn.Module):

        def test_step(self, data):
            return []

    with pytest.raises(TypeError, match='got Plain; use SegTTAModel'):
        AnomalyTTAModel(Plain())

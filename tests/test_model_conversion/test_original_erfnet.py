"""An original ERFNet gives the same logits under MMSeg's names."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from test_model_conversion.erfnet_code import OriginalERFNet, RandomState

from mmseg_anomaly.engine.checkpoint import load_state_dict_strictly
from mmseg_anomaly.model_conversion import from_original_erfnet

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/erfnet/erfnet_deconv_cityscapes-512x1024_void.py'
PUBLISHED = ROOT.parent / 'shared' / 'data' / 'erfnet_pretrained.pth'


def build(weights, **head):
    init_default_scope('mmseg')
    cfg = Config.fromfile(CONFIG).model
    cfg.decode_head.update(head)
    if not head.get('void_output', True):
        cfg.test_cfg.scorer = 'softmax_msp'
    model = MODELS.build(cfg).eval()
    load_state_dict_strictly(model, weights)
    return model


@torch.no_grad()
def outputs_of(model, images):
    evidence = model.stitch_evidence(images, [{}] * len(images))
    return torch.cat(list(evidence.values()), dim=1)


def check_same_outputs(state, **head):
    original = OriginalERFNet({
        name.removeprefix('module.'): value
        for name, value in state.items()})
    images = torch.rand(2, 3, 32, 48, generator=torch.Generator())
    expected = original(images)
    assert .5 < expected.std() < 50
    found = outputs_of(build(from_original_erfnet(state), **head), images)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_logits__are_the_original_ones():
    check_same_outputs(RandomState(outputs=20))


def test_logits__of_a_parallel_checkpoint_without_void():
    state = {f'module.{name}': value
             for name, value in RandomState(outputs=19).items()}
    check_same_outputs(state, void_output=False)


@pytest.mark.skipif(not PUBLISHED.exists(), reason='needs the published file')
def test_logits__of_the_published_checkpoint():
    check_same_outputs(torch.load(PUBLISHED, weights_only=True))


def test_encoder_head__is_dropped_and_may_be_absent():
    state = RandomState(outputs=20)
    converted = from_original_erfnet(state)
    without = {name: value for name, value in state.items()
               if not name.startswith('encoder.output_conv')}
    assert from_original_erfnet(without).keys() == converted.keys()
    assert len(converted) == len(state) - 2


def test_names__that_differ_are_listed():
    state = RandomState(outputs=20)
    state['decoder.layers.9.bn.weight'] = torch.ones(1)
    del state['encoder.layers.13.bn2.running_var']
    with pytest.raises(ValueError, match=(
            r'a\.pth is no ERFNet .*; missing: '
            r'encoder\.layers\.13\.bn2\.running_var; left over: '
            r'decoder\.layers\.9\.bn\.weight; ')):
        from_original_erfnet(state, 'a.pth')


def test_outputs__of_another_data_set():
    with pytest.raises(ValueError, match='has 12 outputs .*expected the 19'):
        from_original_erfnet(RandomState(outputs=12))

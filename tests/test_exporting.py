"""What can be exported is right for any batch, the rest is refused."""
import importlib.util

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.exporting import is_exporting, refuse_export
from mmseg_anomaly.models.decode_heads.pixel_mlp import PixelMLP
from mmseg_anomaly.models.eomt.masks import (
    multiply_masks,
    query_attention_mask,
)
from mmseg_anomaly.models.scoring.evidence import Prediction, semantic_evidence

pytestmark = pytest.mark.filterwarnings(
    'ignore::torch.jit.TracerWarning', 'ignore::DeprecationWarning',
    'ignore::UserWarning', 'ignore::FutureWarning')
needs_onnx = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ('onnx', 'onnxscript'))),
    reason='onnx and onnxscript write the files')
SIZE_HW = (32, 64)


@pytest.fixture(scope='module')
def model():
    init_default_scope('mmseg')
    torch.manual_seed(0)
    return MODELS.build(dict(
        type='SlideInferenceWithStitch',
        data_preprocessor=dict(type='SegDataPreProcessor'),
        vit=dict(arch=dict(embed_dim=16, depth=3, num_heads=2), patch_size=8,
                 img_size=SIZE_HW, num_joint_blocks=2, pretrained=None),
        backbone=dict(type='EoMTViT'),
        decode_head=dict(type='EoMTDecodeHead', num_classes=3, num_queries=5),
        test_cfg=dict(mode='slide', crop_size=SIZE_HW))).eval()


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


class Call(nn.Module):
    """A function as a module, in eval mode; it may use another module."""

    def __init__(self, function, used=None):
        super().__init__()
        self.function = function
        self.used = used
        self.eval()

    def forward(self, *inputs):
        return self.function(*inputs)


def network_of(model):
    return Call(lambda x: model(x, mode='tensor'), model)


def traced(function, *inputs):
    return torch.jit.trace(Call(function), inputs, check_trace=False)


def test_is_exporting__while_a_graph_is_recorded():
    seen = []

    def look(x):
        seen.append(is_exporting())
        return x + 1

    look(torch.ones(1))
    traced(look, torch.ones(1))
    torch.export.export(Call(look), (torch.ones(1), ), strict=False)
    look(torch.ones(1))
    assert seen[0] is seen[-1] is False
    assert all(seen[1:-1])
    assert len(seen) > 3


def test_refuse__says_what_to_do():
    refuse_export('a loop', 'export its body')

    def refused(x):
        refuse_export('a loop', 'export its body')
        return x

    with pytest.raises(RuntimeError, match='a loop cannot be traced or '
                       'exported, .* example only: export its body'):
        traced(refused, torch.ones(1))


@pytest.mark.parametrize('export', [
    lambda module, x: torch.jit.trace(module, (x, )),
    lambda module, x: torch.export.export(module, (x, ), strict=False)],
    ids=['trace', 'export'])
@pytest.mark.parametrize('mode', ['slide', 'whole'])
def test_stitching__is_refused(mode, export, model, monkeypatch):
    monkeypatch.setattr(type(model.settings), 'mode', mode, raising=False)
    stitch = Call(lambda x: model.stitch_evidence(
        x, [{}] * len(x))['seg_logits'], model)
    inputs = torch.randn(1, 3, 32, 96 if mode == 'slide' else 64)
    assert stitch(inputs).isfinite().all()
    with pytest.raises(RuntimeError, match="stitching windows cannot be .*"
                       "mode='tensor'"):
        export(stitch, inputs)


def test_network__of_torch_export_takes_any_batch(model):
    inputs = torch.randn(3, 3, *SIZE_HW)
    program = torch.export.export(
        network_of(model), (inputs[:2], ),
        dynamic_shapes=(({0: torch.export.Dim('batch', min=1, max=9)}, ), ),
        strict=False)
    for batch in (inputs, inputs[:1]):
        for found, expected in zip(program.module()(batch), model(batch),
                                   strict=True):
            torch.testing.assert_close(found, expected)


def test_network__still_works_at_another_size_after_an_export(model):
    """Positions that were resampled for a graph must not be kept."""
    inputs = torch.randn(1, 3, 48, 48)
    before = model(inputs)
    model.backbone._cached_positions = None
    torch.export.export(network_of(model), (inputs, ), strict=False)
    for found, expected in zip(model(inputs), before, strict=True):
        torch.testing.assert_close(found, expected)


@needs_onnx
def test_masks__are_written_to_onnx(tmp_path):
    """`dynamo=False` knows no `mT`."""
    inputs = (torch.randn(2, 5, 4), torch.randn(2, 4, 3, 6))
    path = tmp_path / 'a.onnx'
    torch.onnx.export(Call(multiply_masks), inputs, path, dynamo=False)
    assert path.stat().st_size


def test_masks__are_multiplied_without_what_onnx_lacks():
    graph = traced(multiply_masks, torch.randn(2, 5, 4),
                   torch.randn(2, 4, 3, 6)).inlined_graph
    kinds = {node.kind() for node in graph.nodes()}
    assert 'aten::mT' not in kinds
    assert 'aten::transpose' in kinds


def test_attention_mask__is_made_without_writing_in_place():
    masks = torch.randn(2, 3, 4, 4)
    graph = traced(lambda x: query_attention_mask(x, (2, 2), 9), masks)
    kinds = {node.kind() for node in graph.inlined_graph.nodes()}
    assert not [kind for kind in kinds if kind.endswith('_')]
    mask = query_attention_mask(masks, (2, 2), 9)
    assert torch.equal(graph(masks), mask)
    inside = torch.nn.functional.interpolate(
        masks, (2, 2), mode='bilinear').flatten(2) > 0
    assert torch.equal(mask[:, 0, :3, 5:], inside)
    mask[:, 0, :3, 5:] = True
    assert mask.all()


def test_evidence__traced_for_one_image_is_right_for_three():
    masks, classes = torch.randn(3, 5, 4, 8), torch.randn(3, 5, 4)

    def evidence(masks, classes):
        return semantic_evidence(Prediction(masks, classes), (16, 32))[
            'seg_logits']

    graph = traced(evidence, masks[:1], classes[:1])
    torch.testing.assert_close(graph(masks, classes),
                               evidence(masks, classes))


def test_pixel_mlp__traced_for_one_image_is_right_for_three():
    torch.manual_seed(0)
    for patch_dim in (0, 6):
        mlp = PixelMLP(4, patch_dim, hidden_dim=8).eval()
        inputs = torch.randn(3, 4, 16, 32), torch.randn(3, 6, 4, 8)
        graph = torch.jit.trace(mlp, tuple(x[:1] for x in inputs))
        torch.testing.assert_close(graph(*inputs), mlp(*inputs))


@needs_onnx
def test_network__in_onnx_takes_any_batch(model, tmp_path):
    runtime = pytest.importorskip('onnxruntime')
    network, inputs = network_of(model), torch.randn(3, 3, *SIZE_HW)
    torch.onnx.export(network, (inputs[:2], ), tmp_path / 'a.onnx',
                      dynamo=False, input_names=['x'],
                      dynamic_axes={'x': {0: 'batch'}})
    session = runtime.InferenceSession(tmp_path / 'a.onnx')
    found = session.run(None, {'x': inputs.numpy()})
    for output, expected in zip(found, network(inputs), strict=True):
        np.testing.assert_allclose(output, expected, atol=1e-4)

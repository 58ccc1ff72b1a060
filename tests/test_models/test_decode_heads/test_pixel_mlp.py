import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmseg_anomaly.models.decode_heads import pixel_mlp
from mmseg_anomaly.models.decode_heads.pixel_mlp import (
    PixelMLP,
    interpolation_matrix,
    pixel_statistics,
)
from mmseg_anomaly.models.scoring.evidence import Prediction, semantic_evidence

SIZE_HW = (24, 40)
VARIANTS = [
    dict(patch_dim=6), dict(patch_dim=6, feature_proj=3), dict(patch_dim=0)]


def build(patch_dim=6, **kwargs):
    torch.manual_seed(0)
    return PixelMLP(4, patch_dim, **{**dict(hidden_dim=8), **kwargs}).eval()


def inputs(size_hw=SIZE_HW, num_images=2):
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(num_images, 4, *size_hw, generator=generator),
            torch.randn(num_images, 6, 3, 5, generator=generator))


def literal(mlp, statistics, patch_map):
    """Enlarge all channels, concatenate, then run the layers in order."""
    if mlp.projection is not None:
        patch_map = mlp.projection(
            patch_map.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    if mlp.first.in_features == 4:
        patch_map = patch_map[:, :0]
    features = [statistics]
    if patch_map.shape[1]:
        features.append(F.interpolate(
            patch_map, statistics.shape[2:], mode='bilinear'))
    layers = nn.Sequential(mlp.first, *mlp.rest)
    pixels = torch.cat(features, dim=1).permute(0, 2, 3, 1)
    return layers(pixels).permute(0, 3, 1, 2)


@pytest.mark.parametrize('kwargs', VARIANTS)
@pytest.mark.parametrize('size_hw', [SIZE_HW, (17, 23), (3, 5), (1, 9)])
def test_forward__equals_the_literal_form(kwargs, size_hw, monkeypatch):
    monkeypatch.setattr(pixel_mlp, 'TILE_PIXELS_CPU', 100)
    mlp = build(**kwargs)
    with torch.no_grad():
        expected = literal(mlp, *inputs(size_hw))
        logits = mlp(*inputs(size_hw))
    assert logits.shape == (2, 1, *size_hw)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('with_cp', [False, True])
def test_gradients__equal_those_of_the_literal_form(with_cp, monkeypatch):
    monkeypatch.setattr(pixel_mlp, 'TILE_PIXELS_CPU', 100)
    mlp = build(feature_proj=3, with_cp=with_cp, dropout=0.).train()
    weights = torch.randn(2, 1, *SIZE_HW)
    gradients = []
    for run in (literal, PixelMLP.forward):
        mlp.zero_grad()
        (run(mlp, *inputs()) * weights).sum().backward()
        gradients.append([p.grad.clone() for p in mlp.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


def test_dropout__acts_in_training_only_and_repeats_when_recomputed():
    torch.manual_seed(3)
    plain, recomputed = build(), build(with_cp=True)
    gradients = []
    for mlp in (plain.train(), recomputed.train()):
        torch.manual_seed(5)
        mlp(*inputs()).sum().backward()
        gradients.append([p.grad for p in mlp.parameters()])
    torch.testing.assert_close(*gradients)
    assert not torch.equal(plain(*inputs()), plain(*inputs()))
    plain.eval()
    assert torch.equal(plain(*inputs()), plain(*inputs()))


def test_parameters__are_as_many_as_asked_for():
    sizes = {
        None: 772 * 256 + 256 + 256 * 128 + 128 + 129,
        32: 768 * 32 + 32 + 36 * 256 + 256 + 256 * 128 + 128 + 129,
    }
    assert sizes[32] == 67105  # about 67 thousand
    for feature_proj, expected in sizes.items():
        mlp = PixelMLP(4, 768, feature_proj=feature_proj)
        assert sum(p.numel() for p in mlp.parameters()) == expected


def test_forward__takes_any_dtype_under_autocast_and_in_half():
    mlp = build()
    with torch.no_grad():
        exact = mlp(*inputs())
        with torch.autocast('cpu', torch.bfloat16):
            torch.testing.assert_close(mlp(*inputs()).float(), exact,
                                       rtol=0.05, atol=0.05)
        half = mlp.half()(*inputs())
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), exact, rtol=0.01, atol=0.01)


def test_forward__compiles():
    mlp = build()
    compiled = torch.compile(mlp, fullgraph=True, backend='aot_eager')
    with torch.no_grad():
        torch.testing.assert_close(compiled(*inputs()), mlp(*inputs()))


def test_interpolation_matrix__by_hand():
    torch.testing.assert_close(
        interpolation_matrix(2, 4, torch.zeros(1)),
        torch.tensor([[1., 0.], [.75, .25], [.25, .75], [0., 1.]]))


@pytest.mark.parametrize(('kwargs', 'match'), [
    (dict(hidden_dim=7), 'hidden_dim` must be even and positive, got 7'),
    (dict(hidden_dim=0), 'hidden_dim` must be even and positive, got 0'),
    (dict(patch_dim=0, feature_proj=3), '`use_features=False` has none'),
])
def test_init__refuses_what_does_not_fit(kwargs, match):
    with pytest.raises(ValueError, match=match):
        build(**kwargs)


def test_statistics__by_hand_on_two_queries_two_classes_four_pixels():
    # sigmoid(0) = 1/2, sigmoid(log 3) = 3/4, sigmoid(-log 3) = 1/4
    third = math.log(3)
    masks = torch.tensor([[[0., third], [-third, 60.]],
                          [[0., -third], [0., 60.]]])
    probs = torch.tensor([[.8, .1, .1], [.2, .6, .2]])
    scores = semantic_evidence(
        Prediction(masks[None], probs.log()[None]), (2, 2))['seg_logits']
    s = [[(.5, .35), (.65, .225)], [(.3, .325), (1., .7)]]
    torch.testing.assert_close(scores[0].permute(1, 2, 0), torch.tensor(s))

    largest, entropy, total, rest = pixel_statistics(scores)[0]
    torch.testing.assert_close(largest,
                               torch.tensor([[.5, .65], [.325, 1.]]))
    torch.testing.assert_close(
        entropy,
        torch.tensor([[-a * math.log(a) - b * math.log(b) for a, b in row]
                      for row in s]))
    torch.testing.assert_close(total,
                               torch.tensor([[.85, .875], [.625, 1.7]]))
    torch.testing.assert_close(rest, torch.tensor([[.5, .35], [.675, 0.]]))


def test_entropy__is_negative_where_queries_repeat_each_other():
    entropy = pixel_statistics(torch.full((1, 1, 1, 1), 2.))[0, 1]
    assert entropy.item() == pytest.approx(-2 * math.log(2))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_statistics__stay_finite_in_half_precision(dtype):
    statistics = pixel_statistics(torch.zeros(1, 3, 1, 1, dtype=dtype))
    assert statistics.dtype == torch.float32
    torch.testing.assert_close(
        statistics.flatten(),
        torch.tensor([0., -3e-7 * math.log(1e-7), 0., 1.]))


def test_dropout__acts_behind_both_hidden_layers():
    mlp = build(dropout=0.4)
    assert [module.p for module in mlp.rest
            if isinstance(module, nn.Dropout)] == [0.4, 0.4]

"""Halves stated by hand, in MMSeg's segmentor, which compares nothing."""
import pytest
from test_engine.test_first_look.looks import Part, a_look

from mmseg_anomaly.engine.first_look.vit_halves import differing_vit_halves
from mmseg_anomaly.models.eomt.vit_settings import VitSettings

VIT = dict(arch=dict(embed_dim=16, depth=4, num_heads=2), img_size=(16, 16),
           patch_size=4, num_joint_blocks=2, pretrained=None)


def half(children=None, **changes):
    return Part(children, vit_settings=VitSettings(**{**VIT, **changes}))


@pytest.mark.parametrize('change', [
    dict(num_joint_blocks=3), dict(patch_size=8), dict(img_size=(32, 16)),
    dict(pretrained=True), dict(pretrained='vit.pth'),
    dict(arch=dict(VIT['arch'], depth=6)),
    dict(arch=dict(VIT['arch'], embed_dim=32)),
])
def test_halves__that_differ_are_named_with_both_values(change):
    model = Part(dict(backbone=half(), decode_head=half(**change)))
    problem = differing_vit_halves(a_look(model=model))
    (key, value), = change.items()
    assert f'`{key}` is {VIT[key]!r} in `model.backbone`' in problem
    assert f'{value!r} in `model.decode_head`' in problem


def test_semantic_head__is_named_as_the_config_does():
    head = half(dict(semantic_head=half(patch_size=8)), patch_size=8)
    problem = differing_vit_halves(
        a_look(model=Part(dict(backbone=half(), decode_head=head))))
    assert '8 in `model.decode_head.semantic_head`' in problem


@pytest.mark.parametrize('parts', [
    dict(backbone=half(), decode_head=half()), dict(backbone=half()),
    dict(backbone=half(), decode_head=Part()), {}])
def test_other_models__pass(parts):
    assert differing_vit_halves(a_look(model=Part(parts))) is None

"""Every numeric argument and flag of every registered part is checked."""
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import mmengine.registry
import mmseg.registry
import pytest
import torch
from mmengine.registry import Registry

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.checks import check_number

NAN = float('nan')
ARCH = dict(embed_dim=12, depth=3, num_heads=3)
VIT = dict(arch=ARCH, img_size=(32, 48), patch_size=8, num_joint_blocks=2)
WEIGHT = torch.nn.Parameter(torch.zeros(1))
# What each part needs before it looks at the argument in question; parts
# without required arguments need no row.
REQUIRED = dict(
    AttnMaskAnnealingHook=dict(start_iters=[1], end_iters=[2]),
    CocoOutliers=dict(ann_file='nowhere.json'),
    DeviceAmpOptimWrapper=dict(optimizer=torch.optim.SGD([WEIGHT], 1.)),
    EoMTDecodeHead=VIT,
    EoMTViT=VIT,
    EoMTOptimWrapperConstructor=dict(optim_wrapper_cfg=dict(
        optimizer=dict(type='SGD', lr=1.))),
    IsoMaxPlusClassifier=dict(in_features=2, out_features=2),
    MaskClassificationLoss=dict(num_classes=2),
    MixedOutliers=dict(sources=[dict(type='SyntheticOutliers')]),
    OutlierPaste=dict(source=dict(type='SyntheticOutliers')),
    PixelAnomalyHead=dict(semantic_head=dict(
        type='EoMTDecodeHead', num_classes=3, **VIT)),
    RoadPlacement=dict(road_classes=[0], perspective=True),
    SeededInfiniteSampler=dict(dataset=[0]),
    TwoStageWarmupPolyLR=dict(
        optimizer=torch.optim.SGD([WEIGHT], 1.), warmup_iters=(1, 1), end=9,
        by_epoch=False),
)
# any finite number is allowed
UNBOUNDED = {
    ('BinaryOutlierLoss', 'threshold'), ('RbALoss', 'outlier_lower'),
    ('RbALoss', 'inlier_upper'),
    ('EnergyHingeLoss', 'outlier_lower'), ('SemanticIoUMetric', 'nan_to_num'),
    ('AnomalyLocalVisualizer', 'threshold'), ('ComponentMetric', 'threshold'),
    ('AnomalyVisualizationHook', 'threshold')}
# a text is the name of a file or of a choice
TEXT_ALLOWED = {('AnomalyVisualizationHook', 'threshold')}


def own_parts() -> dict[str, Callable]:
    """Name -> class or function of this package, from every registry."""
    registries = [value for module in (mmseg.registry, mmengine.registry)
                  for value in vars(module).values()
                  if isinstance(value, Registry)]
    return {name: part for registry in registries
            for name, part in sorted(registry.module_dict.items())
            if part.__module__.startswith('mmseg_anomaly')}


PARTS = own_parts()


def own_arguments(part: Callable) -> list[inspect.Parameter]:
    """Arguments that the package itself states."""
    if inspect.isclass(part):
        owner = next(cls for cls in part.__mro__ if '__init__' in vars(cls))
        if not owner.__module__.startswith('mmseg_anomaly'):
            return []
    return list(inspect.signature(part).parameters.values())


def wrong_values(name: str, argument: inspect.Parameter) -> list[Any]:
    """A text, NaN and a number out of range, in the argument's shape."""
    annotation = str(argument.annotation)
    if annotation == str(bool):
        return ['False', 1]
    if (not re.search(r'\b(int|float)\b', annotation)
            or argument.name == 'palette'):  # compared with the classes
        return []
    numbers = [NAN, float('inf') if (name, argument.name) in UNBOUNDED else -2]
    if 'threshold' in argument.name and (name, argument.name) in UNBOUNDED:
        numbers = [NAN, True]  # nothing may be flagged, or everything
    if re.search(r'(tuple|Sequence)\[(int|float)', annotation):
        numbers = [(number, number) for number in numbers]
    texts = [] if (name, argument.name) in TEXT_ALLOWED else ['a']
    return [*texts, *numbers]


def cases() -> Iterator[tuple[str, str, Any]]:
    for name, part in PARTS.items():
        for argument in own_arguments(part):
            for value in wrong_values(name, argument):
                yield name, argument.name, value


def build(name: str, **changes: Any) -> object:
    part = PARTS[name]
    required = {
        argument.name: 'nowhere' for argument in own_arguments(part)
        if argument.default is argument.empty
        and argument.kind not in (argument.VAR_POSITIONAL,
                                  argument.VAR_KEYWORD)}
    if inspect.isfunction(part):  # a scorer
        required = dict(evidence=dict(seg_logits=torch.zeros(1, 2, 1, 1)))
        required = {**required, **changes}
        return part(required.pop('evidence'), **required)
    return part(**{**required, **REQUIRED.get(name, {}), **changes})


def test_parts__are_there():
    assert len(PARTS) > 50
    assert {'EIMLoss', 'energy', 'AnomalyRunner', 'OutlierPaste'} <= set(PARTS)
    assert set(REQUIRED) <= set(PARTS)
    assert len(list(cases())) > 150


@pytest.mark.parametrize(('name', 'argument', 'value'), cases())
def test_argument__is_named_when_it_is_wrong(name, argument, value):
    with pytest.raises((TypeError, ValueError, FileNotFoundError)) as caught:
        build(name, **{argument: value})
    assert re.search(rf'\b{argument}\b', str(caught.value)), caught.value
    assert re.search('got|no threshold file|reduce_zero_label=True',
                     str(caught.value))


@pytest.mark.parametrize('name', [
    name for name in REQUIRED if name not in ('CocoOutliers', )])
def test_required__is_enough(name):
    assert build(name) is not None


@pytest.mark.parametrize(('name', 'changes', 'message'), [
    ('OutlierPaste', dict(source=None), '`source` must be a dict'),
    ('OutlierPaste', dict(placement='road'), "`placement` .* got 'road'"),
    ('OutlierPaste', dict(max_objects=2.5), '`max_objects` .* got 2.5'),
    ('OutlierPaste', dict(min_scale='a'), "`min_scale` .* got 'a'"),
    ('RoadPlacement', dict(min_size_px=-4), '`min_size_px` .* got -4'),
    ('EoMTViT', dict(img_size=(-32, 48)), '`img_size` .*got .-32, 48'),
    ('EoMTViT', dict(patch_size=0), '`patch_size` .* got 0'),
    ('EoMTViT', dict(arch=dict(ARCH, embed_dim=48, num_heads=5)),
     '`arch.embed_dim` must be a multiple of `arch.num_heads`: got 48 and 5'),
    ('EoMTDecodeHead', dict(num_queries=0), '`num_queries` .* got 0'),
    ('EoMTDecodeHead', dict(num_queries=-3), '`num_queries` .* got -3'),
    ('EoMTDecodeHead', dict(num_queries=2.5), '`num_queries` .* got 2.5'),
    ('EoMTDecodeHead', dict(num_classes=0), '`num_classes` .* got 0'),
    ('EoMTOptimWrapperConstructor', dict(paramwise_cfg=dict(
        layer_decay='a')), "`layer_decay` .* got 'a'"),
    ('EoMTOptimWrapperConstructor', dict(optim_wrapper_cfg=dict(
        optimizer=dict(type='SGD', lr='1e-4'))), "`optimizer.lr` .*'1e-4'"),
    ('AnomalyMetric', dict(bootstrap=dict(level=NAN)),
     r'`bootstrap.level` must lie in \(0, 1\), got nan'),
    ('DeviceAmpOptimWrapper', dict(loss_scale=-1.),
     '`loss_scale` .* got -1.0'),
])
def test_instance__is_refused(name, changes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build(name, **changes)


@pytest.mark.parametrize(('key', 'value'), [
    ('crop_size', 'a'), ('crop_size', (32, )), ('crop_size', (32, -1)),
    ('stride', (1.5, 2)), ('window_batch_size', NAN), ('mode', 'slid')])
def test_test_cfg__is_checked(key, value):
    from mmseg_anomaly.models.inference.windows import WindowSettings
    with pytest.raises((TypeError, ValueError), match=f'`test_cfg.{key}` '):
        WindowSettings.from_cfg({key: value})


def test_numbers__are_checked_before_they_are_compared():
    with pytest.raises(TypeError, match='`a` must be a number'):
        check_number('a', [1], low=0)

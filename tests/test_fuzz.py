"""Files and arguments of any content: every error names what is wrong.

Each test takes a sound file or argument, changes it at random, by a fixed
seed, and accepts a result, or an error of a documented type that holds the
name of the file or argument.
"""
import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mmseg_anomaly import checks
from mmseg_anomaly.datasets import CamVidDataset, StaticAnomalyDataset
from mmseg_anomaly.datasets.image_check import check_image
from mmseg_anomaly.datasets.label_files import read_label
from mmseg_anomaly.datasets.outliers import (
    CocoOutliers,
    FolderOutliers,
    PackedOutliers,
    SyntheticOutliers,
)
from mmseg_anomaly.datasets.outliers.packed import encode_cutout, write_pack
from mmseg_anomaly.evaluation.threshold_file import read_threshold
from mmseg_anomaly.reporting.runs import load_run

FEW, MANY = (settings(
    derandomize=True, deadline=None, database=None, max_examples=number,
    suppress_health_check=list(HealthCheck)) for number in (60, 200))
TEXTS = st.text(max_size=8) | st.sampled_from(
    ['\ud800', '../x', '/x', 'a\0b', 'NaN', '1', '', 'Zażółć'])
NUMBERS = (st.integers() | st.floats() | st.sampled_from(
    [2**31, 2**32, 2**63, 2**64, 10**400, -1, 0, 1e308, -0.0]))
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3)
                      | st.dictionaries(TEXTS, inner, max_size=3),
                      max_leaves=5)


def places(item: Any) -> list[tuple[Any, Any]]:
    """Return every container in an object with each of its keys."""
    keys = (list(item) if isinstance(item, dict) else
            range(len(item)) if isinstance(item, list) else ())
    return [place for key in keys
            for place in ((item, key), *places(item[key]))]


@st.composite
def changed_json(draw: Callable, sound: Any) -> bytes:
    """Return a json with values replaced or removed, or bytes changed."""
    item = copy.deepcopy(sound)
    for _ in range(draw(st.integers(0, 2))):
        if not (found := places(item)):
            break
        container, key = draw(st.sampled_from(found))
        if draw(st.booleans()):
            container[key] = draw(VALUES)
        elif draw(st.booleans()):
            del container[key]
        elif isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
    content = json.dumps(item, ensure_ascii=True).encode()
    return draw(changed_bytes(content)) if draw(st.booleans()) else content


@st.composite
def changed_bytes(draw: Callable, sound: bytes) -> bytes:
    """Return a content with one part replaced, or cut off."""
    start = draw(st.integers(0, len(sound)))
    length = draw(st.integers(0, 12) | st.just(len(sound)))
    new = draw(st.binary(max_size=12) | st.just(b'\xef\xbb\xbf'))
    return sound[:start] + new + sound[start + length:]


def expect_named(call: Callable[[], Any], *names: str) -> None:
    """Call; accept a result, or a documented error with one of the names."""
    try:
        call()
    except (TypeError, ValueError, FileNotFoundError) as error:
        assert any(name in str(error) for name in names), repr(error)


def encoded(mode: str, suffix: str) -> bytes:
    picture = Image.fromarray(
        np.arange(120, dtype=np.uint8).reshape(10, 12) % 3)
    if mode == 'P':
        picture = picture.convert('P')
        picture.putpalette(list(range(256)) * 3)
    buffer = io.BytesIO()
    picture.convert(mode).save(buffer, suffix)
    return buffer.getvalue()


PICTURES = [encoded(*form) for form in (
    ('L', 'png'), ('P', 'png'), ('1', 'png'), ('RGBA', 'png'), ('L', 'jpeg'),
    ('RGB', 'webp'), ('L', 'bmp'), ('L', 'tiff'), ('P', 'gif'))]
CHANGED_PICTURES = st.sampled_from(PICTURES).flatmap(changed_bytes)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('fuzz')
    for part in ('images', 'masks'):
        (path / part).mkdir()
        for name in 'ab':
            (path / part / f'{name}.png').write_bytes(PICTURES[0])
    return path


@MANY
@given(content=CHANGED_PICTURES)
def test_label_and_picture(folder, content):
    path = folder / 'label.png'
    path.write_bytes(content)
    expect_named(lambda: check_image(str(path)), 'label.png')

    def read() -> None:
        label = read_label(str(path))
        assert label.ndim == 2 and label.dtype == np.uint8

    expect_named(read, 'label.png')


@FEW
@given(image=CHANGED_PICTURES, mask=CHANGED_PICTURES, values=VALUES)
def test_folder_of_objects(folder, image, mask, values):
    for part, content in (('images', image), ('masks', mask)):
        (folder / part / 'a.png').write_bytes(content)
    prefix = dict(img_path='images', mask_path='masks')
    for options in ({}, dict(object_values=values), dict(void_values=values)):
        expect_named(
            lambda options=options: list(FolderOutliers(
                str(folder), data_prefix=prefix, **options)),
            'a.png', 'b.png', '_values`')


COCO = dict(
    images=[dict(id=1, file_name='b.png', height=10, width=12),
            dict(id=2, file_name='c.png', height=10, width=12)],
    categories=[dict(id=1, name='toy'), dict(id=2, name='car')],
    annotations=[
        dict(id=1, image_id=1, category_id=1, iscrowd=0,
             segmentation=[[1, 1, 9, 1, 9, 9]]),
        dict(id=2, image_id=1, category_id=1,
             segmentation=dict(size=[10, 12], counts=[20, 30, 70])),
        dict(id=3, image_id=2, category_id=2,
             segmentation=dict(size=[10, 12], counts='d0d0`2')),
    ])


@MANY
@given(content=changed_json(COCO))
def test_coco_json(folder, content):
    (folder / 'instances.json').write_bytes(content)
    (folder / 'images' / 'c.png').write_bytes(PICTURES[0])
    expect_named(
        lambda: list(CocoOutliers(
            'instances.json', str(folder), min_area=1,
            data_prefix=dict(img_path='images'),
            cache_dir=str(folder / 'cache'))), 'instances.json', 'images/')


@FEW
@given(change=st.data())
def test_packed_objects(folder, change):
    path = folder / 'objects.pack'
    source = SyntheticOutliers(num_objects=2, size_px=(16, 16))
    write_pack(path, ((number, *encode_cutout(source[number]))
                      for number in range(2)), {})
    path.write_bytes(change.draw(changed_bytes(path.read_bytes())))
    expect_named(lambda: list(map(
        PackedOutliers(str(path)).__getitem__, range(2))), 'objects.pack')


@MANY
@given(content=changed_bytes(b'a\n\nb.png\n') | st.binary()
       | TEXTS.map(lambda text: text.encode(errors='surrogatepass')))
def test_list_file(folder, content):
    (folder / 'names.txt').write_bytes(content)
    expect_named(
        lambda: CamVidDataset(
            ann_file='names.txt', data_root=str(folder), img_suffix='.png',
            data_prefix=dict(img_path='images', seg_map_path='masks'),
            serialize_data=False, test_mode=True), 'names.txt')


MANIFEST = dict(
    classes=['road', 'sky'], palette=[[1, 2, 3], [4, 5, 6]],
    images=[dict(image=f'images/{name}.png', annotation=f'masks/{name}.png')
            for name in 'ab'])


@MANY
@given(content=changed_json(MANIFEST))
def test_manifest(folder, content):
    (folder / 'manifest.json').write_bytes(content)
    expect_named(lambda: StaticAnomalyDataset(
        str(folder), serialize_data=False), 'manifest.json')


THRESHOLD = dict(threshold=0.5, scorer='rba', checkpoint_sha256='0' * 64,
                 rule='score >= threshold', head_sha256=None)


@MANY
@given(content=changed_json(THRESHOLD))
def test_threshold_file(folder, content):
    path = folder / 'model.threshold.json'
    path.write_bytes(content)

    def read() -> None:
        threshold = read_threshold(path)['threshold']
        assert np.isfinite(threshold) and not isinstance(threshold, bool)

    expect_named(read, 'model.threshold.json')


RUN = dict(settings=dict(scorers=['rba']), metrics={'a/AuPRC': 1.0},
           facts=dict(partial=''))


@FEW
@given(run=changed_json(RUN), summary=changed_json(dict(scorers={})))
def test_results_of_a_run(folder, run, summary):
    (folder / 'run.json').write_bytes(run)
    (folder / 'summary.json').write_bytes(summary)
    expect_named(lambda: load_run(folder), 'run.json', 'summary.json')


CHECKS = [
    lambda value: checks.check_number('size', value, low=0, high=1),
    lambda value: checks.check_number('size', value, above=0, finite=False),
    lambda value: checks.check_integer('size', value, low=-1, below=10**9),
    lambda value: checks.check_numbers('size', value, length=2, above=0),
    lambda value: checks.check_order('size', value, 'most', 3),
    lambda value: checks.check_order('size', 2, 'most', value),
    lambda value: checks.check_size('size', value),
    lambda value: checks.check_flags(size=value),
    lambda value: checks.check_text('size', value),
    lambda value: checks.check_texts('size', value),
    lambda value: checks.check_choice('size', value, ('a', 1, True)),
    lambda value: checks.check_part('size', value, Path),
    lambda value: checks.check_parts('size', value, Path),
]


@MANY
@given(value=VALUES)
def test_argument_checks(value):
    for check in CHECKS:
        expect_named(lambda check=check: check(value), '`size`', '`most`',
                     '`size[')

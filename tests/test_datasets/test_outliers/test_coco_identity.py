"""Ids of a COCO json are unique, and names of categories are forgiving."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers import CocoOutliers
from mmseg_anomaly.datasets.outliers.coco_json import read_coco_json

FILE = Path('some.json')


def two_of_each():
    return dict(
        images=[dict(id=row, file_name=f'{row}.png', height=60, width=80)
                for row in (1, 2)],
        categories=[dict(id=row, name=name)
                    for row, name in ((1, 'toy'), (2, 'car'))],
        annotations=[dict(id=row, image_id=row, category_id=row,
                          segmentation=[[1, 1, 9, 1, 9, 9]])
                     for row in (1, 2)])


@pytest.mark.parametrize(('part', 'change', 'message'), [
    ('images', dict(id=1), "id 1 twice, with the file_name '1.png' and '2.p"),
    ('images', dict(file_name='./1.png'),
     "file_name '1.png' twice, with the id 1 and 2"),
    ('categories', dict(id=1), "id 1 twice, with the name 'toy' and 'car'"),
    ('annotations', dict(id=1), 'id 1 twice, with the image_id 1 and 2'),
])
def test_identity_that_two_share__is_refused_with_both(part, change, message):
    coco = two_of_each()
    coco[part][1].update(change)
    with pytest.raises(ValueError, match=f'{part} of some.json have the '
                       f'{message}'):
        read_coco_json(json.dumps(coco).encode(), FILE)


def test_key_that_occurs_twice__is_refused():
    content = json.dumps(two_of_each()).replace(
        '"name": "car"', '"name": "toy", "name": "car"')
    with pytest.raises(ValueError, match="some.json states the key 'name'"):
        read_coco_json(content.encode(), FILE)


@pytest.mark.parametrize('category', [
    'Car', 'car ', 'CARS', ' Traffic-Light', 'trafficlight', 'Motor Cycle',
    'pedestrian', 'Pedestrians', 'rider', 'street light', 'Buses', 'Children',
    'women', 'Lorries', 'Buses-other', '\uff23\uff41\uff52',
])
def test_name_of_the_road__is_denied_in_any_spelling(
        make_coco, open_source, categories_of, rabbit, category):
    root = make_coco([rabbit, dict(image='street', category=category,
                                   box=(0, 0, 30, 30))])
    assert categories_of(open_source(root)) == ['rabbit']


@pytest.mark.parametrize('category', [
    'road', 'sky-other', 'sky-other-merged', 'pavement-merged', 'Building',
    'tree-merged', 'wall-brick', 'fence',
])
def test_surface__is_denied_and_leaves_the_image_its_objects(
        make_coco, open_source, categories_of, rabbit, category):
    root = make_coco([rabbit, dict(image='field', category=category,
                                   box=(0, 0, 60, 60))])
    assert categories_of(open_source(root)) == ['rabbit']


@pytest.mark.parametrize('category', [
    'carrot', 'cardboard', 'busbar', 'other', 'glass', 'toy car'])
def test_name_that_holds_a_denied_one__is_another(
        make_coco, open_source, categories_of, category):
    root = make_coco([dict(image='a', category=category, box=(0, 0, 30, 30))])
    assert categories_of(open_source(root)) == [category]


@pytest.mark.parametrize('argument', [
    'allow_categories', 'deny_categories', 'deny_image_categories'])
def test_list_of_a_user__is_forgiving_too(
        make_coco, open_source, categories_of, rabbit, argument):
    root = make_coco([rabbit, dict(image='b', category='Toy Boats',
                                   box=(0, 0, 30, 30))])
    left = 'Toy Boats' if argument == 'allow_categories' else 'rabbit'
    source = open_source(root, **{argument: ['toy_boat']})
    assert categories_of(source) == [left]


def test_name_that_nothing_has__is_refused_with_the_nearest(
        make_coco, open_source, rabbit):
    root = make_coco([rabbit])
    with pytest.raises(ValueError, match=r"know \['rabit'\]; it knows "
                       r"\['rabbit'\], nearest \['rabbit'\]"):
        open_source(root, deny_categories=['rabit'])


def test_word_of_the_road_that_nothing_has__is_warned_of(
        make_coco, open_source, rabbit, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmseg_anomaly.datasets.outliers.coco_filters.print_log',
        lambda message, **_: said.append(message))
    root = make_coco([rabbit, dict(image='b', category='persona',
                                   box=(0, 0, 30, 30))])
    assert len(open_source(root)) == 2 and not said  # the lists of defaults
    assert len(open_source(root, deny_categories=['person', 'car'])) == 2
    message, = said
    assert '`deny_categories` must be' in message
    assert "does not know ['car', 'person']" in message
    assert "nearest ['persona']; nothing is denied" in message
    with pytest.raises(ValueError, match='`allow_categories` .*person'):
        open_source(root, allow_categories=['person'])


@pytest.mark.parametrize('name', ['../other.png', '/etc/other.png',
                                  'a/../../other.png'])
def test_image_outside_its_folder__is_refused_unless_allowed(
        make_coco, open_source, rabbit, name):
    root = make_coco([rabbit])
    outside = (root / 'images' / 'a' / name).parent / 'other.png'
    if name.startswith('/'):
        outside = root / 'other.png'
        name = str(outside)
    coco = json.loads((root / 'instances.json').read_text())
    coco['images'][0]['file_name'] = name
    (root / 'instances.json').write_text(json.dumps(coco))
    (root / 'images' / 'a').mkdir()
    cv2.imwrite(str(root / 'other.png'), np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(ValueError, match='instances.json names .* is not '
                       'inside .*images; .*`allow_outside=True`'):
        open_source(root)
    assert len(open_source(root, allow_outside=True)[0].alpha) == 25


def test_file_name__may_hold_any_letter(tmp_path):
    """Categories and names pass through the index as UTF-8."""
    (tmp_path / 'straße').mkdir()
    cv2.imwrite(str(tmp_path / 'straße' / 'ä b.png'),
                np.zeros((60, 80, 3), np.uint8))
    coco = two_of_each()
    del coco['images'][1], coco['annotations'][1]
    coco['images'][0]['file_name'] = 'straße/ä b.png'
    coco['categories'][0]['name'] = '玩具'
    (tmp_path / 'a.json').write_text(json.dumps(coco))
    source = CocoOutliers('a.json', str(tmp_path), min_area=0)
    assert source[0].category == '玩具'

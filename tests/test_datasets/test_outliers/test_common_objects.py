"""Common objects are left out, and what is left stays in order."""
import cv2
import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers import (
    CocoOutliers,
    FolderOutliers,
    MixedOutliers,
    PackedOutliers,
    SyntheticOutliers,
    common_objects,
)
from mmseg_anomaly.datasets.outliers.common_objects import (
    subset_of,
    without_objects_of,
)
from mmseg_anomaly.datasets.outliers.packed import encode_cutout, write_pack
from mmseg_anomaly.datasets.outliers.source import sample_number


@pytest.fixture
def warnings(monkeypatch):
    """Return a list that gets what the module logs."""
    texts = []
    monkeypatch.setattr(common_objects, 'print_log',
                        lambda text, logger, level: texts.append(text))
    return texts


def open_coco(make_coco, name, images):
    root = make_coco([dict(image=image, category='toy', box=(3, 4, 30, 40))
                      for image in images], name=name)
    return CocoOutliers('instances.json', str(root),
                        data_prefix=dict(img_path='images'))


def write_rgba(folder, seeds):
    for seed in seeds:
        rgba = np.random.default_rng(seed).integers(
            256, size=(9, 9, 4), dtype=np.uint8)
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f'{folder.name}{seed}.png'), rgba)
    return FolderOutliers(str(folder))


def images_of(source):
    return [source[number].origin['image'] for number in range(len(source))]


def test_pictures__are_known_by_their_names(make_coco):
    source = open_coco(make_coco, 'val', 'abc')
    train = open_coco(make_coco, 'train', 'bd')
    assert images_of(without_objects_of(source, [train])) == [
        'a.png', 'c.png']


def test_nothing_in_common__keeps_the_source(make_coco):
    source = open_coco(make_coco, 'val', 'ac')
    train = open_coco(make_coco, 'train', 'bd')
    assert without_objects_of(source, [train]) is source
    assert without_objects_of(source, []) is source


def test_cutouts__are_known_by_their_pixels(tmp_path):
    source = write_rgba(tmp_path / 'one', [0, 1, 2])
    other = write_rgba(tmp_path / 'two', [1, 5])
    assert images_of(without_objects_of(source, [other])) == [
        'one0.png', 'one2.png']


def test_packed_and_unpacked__are_the_same(make_coco, tmp_path):
    train = open_coco(make_coco, 'train', 'bd')
    write_pack(tmp_path / 'a.pack',
               ((number, *encode_cutout(train[number]))
                for number in range(2)), {})
    pack = PackedOutliers(str(tmp_path / 'a.pack'))
    # b has the name, a the noise of a picture in the pack
    source = open_coco(make_coco, 'val', 'abz')
    assert images_of(without_objects_of(source, [pack])) == ['z.png']
    with pytest.raises(ValueError, match='0 of the 2 objects .* are left, '
                       r'.* contain content:\w+ as object \d of PackedOutliers'
                       r'.* and 1 more;'):
        without_objects_of(train, [pack])


def test_cutouts_of_coco__are_found_in_a_folder(make_coco, tmp_path):
    train = open_coco(make_coco, 'train', 'ab')
    cutout = train[1]
    write_rgba(tmp_path / 'cut', [0])
    cv2.imwrite(str(tmp_path / 'cut' / 'stolen.png'), np.dstack(
        [cutout.image, cutout.alpha]))
    source = FolderOutliers(str(tmp_path / 'cut'))
    assert images_of(without_objects_of(source, [train])) == ['cut0.png']


def test_drawn_objects__are_known_by_their_formulas():
    train, test = (SyntheticOutliers(3, split) for split in ('train', 'test'))
    assert without_objects_of(test, [train]) is test
    mixed = MixedOutliers([train, test])
    left = without_objects_of(mixed, [SyntheticOutliers(9, seed=4)])
    assert len(left) == 3 and left[0].origin['split'] == 'test'
    assert 'objects=3' in repr(left)


def as_folder(source, folder):
    folder.mkdir()
    for number in range(len(source)):
        cutout = source[number]
        cv2.imwrite(str(folder / f'{number}.png'),
                    np.dstack([cutout.image, cutout.alpha]))
    return FolderOutliers(str(folder))


def test_renamed_pictures__are_known_by_their_pixels_if_asked(make_coco):
    # pictures hold noise by their order, so x is a and y is b
    source = open_coco(make_coco, 'val', 'xyz')
    train = open_coco(make_coco, 'train', 'ab')
    assert without_objects_of(source, [train]) is source
    assert images_of(without_objects_of(
        source, [train], compare_pixels=True)) == ['z.png']


def test_common_names__are_named_with_their_source(make_coco, warnings):
    source = open_coco(make_coco, 'val', 'abcdez')
    train = open_coco(make_coco, 'train', 'abcde')
    without_objects_of(source, [train])
    message, = warnings
    assert message.startswith('1 of the 6 objects of CocoOutliers')
    assert 'image:b.png as object 1 of CocoOutliers(ann_file=' in message
    assert 'train/instances.json' in message and ' and 2 more' in message
    assert 'rename one of them' in message
    with pytest.raises(ValueError, match='0 of the 5 objects .*image:a.png'):
        without_objects_of(train, [source])


def test_broken_file__is_named_once_and_left_out(tmp_path, warnings):
    drawn = SyntheticOutliers(4)
    source = as_folder(drawn, tmp_path / 'source')
    other = as_folder(SyntheticOutliers(2), tmp_path / 'other')
    for path in (tmp_path / 'source' / '2.png', tmp_path / 'other' / '0.png'):
        path.write_bytes(b'no image')
    left = without_objects_of(source, [other])
    assert images_of(left) == ['0.png', '3.png']
    assert str(warnings).count('source/2.png') == 1
    assert str(warnings).count('other/0.png') == 1


def test_picture_that_is_broken__counts_by_its_name(make_coco, warnings):
    source = open_coco(make_coco, 'val', 'ab')
    train = open_coco(make_coco, 'train', 'bb')
    for source_root in (source, train):
        (source_root.ann_file.parent / 'images' / 'b.png').write_bytes(b'')
    left = without_objects_of(source, [train], compare_pixels=True)
    assert images_of(left) == ['a.png']
    assert str(warnings).count('train/images/b.png') == 1


def test_source_without_any_image__is_refused(tmp_path):
    source = as_folder(SyntheticOutliers(1), tmp_path / 'source')
    (tmp_path / 'source' / '0.png').write_bytes(b'')
    with pytest.raises(ValueError, match='0 of the 1 .* cannot be read'):
        without_objects_of(source, [SyntheticOutliers(1)])


def test_subset__renumbers_objects_and_origins():
    source = SyntheticOutliers(5)
    subset = subset_of(source, [1, 4])
    assert len(subset) == 2
    assert subset.origin(1) == subset[1].origin == source.origin(4)
    assert 'objects=2' in repr(subset)


def test_everything__is_the_source_itself():
    source = MixedOutliers(['abc', 'de'])
    assert subset_of(source, [0, 1, 2, 3, 4]) is source


def test_mixture__keeps_order_and_weights():
    source = MixedOutliers(['a' * 97 + 'xyz', MixedOutliers(
        ['b', 'cd'], weights=[1, 3])], weights=[0.2, 0.8])
    subset = subset_of(source, [0, 98, 100, 102])
    assert ''.join(subset[number] for number in range(4)) == 'aybd'
    generator = np.random.default_rng(0)
    drawn = [subset[sample_number(subset, generator)] for _ in range(4000)]
    for letters, share in (('ay', 0.2), ('b', 0.2), ('d', 0.6)):
        found = sum(letter in letters for letter in drawn)
        assert abs(found / 4000 - share) < 0.035  # 4 deviations


def test_part_of_which_nothing_is_left__goes():
    source = MixedOutliers(['abc', 'de', 'f'], weights=[1, 2, 1])
    subset = subset_of(source, [1, 5])
    assert subset.weights.tolist() == [0.5, 0.5]
    assert [subset[0], subset[1]] == ['b', 'f']


def test_parts_that_are_never_drawn__do_not_do():
    source = MixedOutliers(['abc', 'de'], weights=[1, 0])
    with pytest.raises(ValueError, match='not all 0'):
        subset_of(source, [3])

"""CocoOutliers leaves out what a road scene knows and what is filtered."""
import pytest

from mmseg_anomaly.datasets.outliers import CocoOutliers
from mmseg_anomaly.datasets.outliers.coco_filters import ROAD_CATEGORIES


@pytest.fixture
def open_cow_and_cup(make_coco):
    """Return a function that opens a cow and a cup with given filters."""
    root = make_coco([
        dict(image=category, category=category, box=(3, 4, 30, 20))
        for category in ('cow', 'cup')
    ])

    def open_filtered(**filters):
        return CocoOutliers('instances.json', str(root),
                            data_prefix=dict(img_path='images'), **filters)

    return open_filtered


@pytest.mark.parametrize(('argument', 'left'), [
    ('allow_categories', 'cow'), ('deny_categories', 'cup'),
    ('deny_image_categories', 'cup'),
])
def test_single_category__is_taken_as_a_list_of_one(open_cow_and_cup, argument,
                                                    left):
    source = open_cow_and_cup(**{argument: 'cow'})
    assert len(source) == 1 and source[0].category == left


@pytest.mark.parametrize('argument', [
    'allow_categories', 'deny_categories', 'deny_image_categories'
])
@pytest.mark.parametrize('names', [3, [3], True])
def test_categories_that_are_no_names__are_refused(open_cow_and_cup, argument,
                                                   names):
    with pytest.raises(ValueError, match=f'`{argument}` must be names of '
                       'categories, got '):
        open_cow_and_cup(**{argument: names})


def test_unknown_category__is_named_with_its_argument(open_cow_and_cup):
    with pytest.raises(ValueError, match=r"`deny_categories` must be .*json, "
                       r"which does not know \['cows'\]; it knows"):
        open_cow_and_cup(deny_categories=['cows'])


@pytest.mark.parametrize(('filters', 'message'), [
    (dict(min_area=-5), '`min_area` must be at least 0, got -5'),
    (dict(min_area='abc'), "`min_area` must be a number .* got 'abc'"),
    (dict(min_area=None), '`min_area` must be a number .* got None'),
    (dict(min_area=50, max_area=49), '`max_area` .* at least 50, got 49'),
    (dict(min_solidity=float('nan')), '`min_solidity` .* got nan'),
    (dict(min_solidity=1.1), r'`min_solidity` .* \[0, 1\], got 1.1'),
    (dict(max_aspect=0.5), '`max_aspect` .* at least 1, got 0.5'),
    (dict(max_aspect=float('nan')), '`max_aspect` .* got nan'),
])
def test_number_out_of_range__is_refused(open_cow_and_cup, filters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        open_cow_and_cup(**filters)


def test_bounds_of_the_numbers__are_allowed(open_cow_and_cup):
    assert len(open_cow_and_cup(min_area=600, max_area=600, min_solidity=1.0,
                           max_aspect=1.5)) == 2
    assert len(open_cow_and_cup(min_area=0, min_solidity=0)) == 2


def test_denied_category__takes_its_whole_image_along(
        make_coco, open_source, rabbit):
    root = make_coco([
        rabbit,
        dict(image='street', category='rabbit', box=(0, 0, 30, 30)),
        dict(image='street', category='car', box=(40, 0, 30, 30)),
    ])
    source = open_source(root)
    assert [source[row].origin['image'] for row in range(len(source))] == [
        'field.png'
    ]


def test_denied_lists__work_apart(make_coco, open_source, categories_of):
    root = make_coco([
        dict(image='street', category='rabbit', box=(0, 0, 30, 30)),
        dict(image='street', category='car', box=(40, 0, 30, 30)),
        dict(image='street', category='boat', box=(0, 30, 30, 30)),
    ])
    source = open_source(root, deny_image_categories=())
    assert categories_of(source) == ['boat', 'rabbit']
    source = open_source(
        root, deny_categories=['boat'], deny_image_categories=[])
    assert categories_of(source) == ['car', 'rabbit']
    with pytest.raises(ValueError, match='no object'):
        open_source(root, deny_categories=(), deny_image_categories=['boat'])


@pytest.mark.parametrize('category', ROAD_CATEGORIES)
def test_road_categories__are_denied_by_default(
        make_coco, category, open_source, rabbit):
    root = make_coco([
        rabbit, dict(image='field', category=category, box=(0, 0, 5, 5))
    ])
    with pytest.raises(ValueError, match='1 of a denied category'):
        open_source(root)


def test_crowd__is_dropped_and_still_denies_its_image(
        make_coco, open_source, categories_of, rabbit):
    crowd = dict(
        image='field', category='person', iscrowd=1, box=(50, 0, 30, 30))
    root = make_coco([rabbit, crowd])
    with pytest.raises(ValueError, match='1 beside a denied category'):
        open_source(root)
    source = open_source(root, deny_categories=(), deny_image_categories=())
    assert categories_of(source) == ['rabbit']


def test_min_area__counts_pixels_of_the_mask(make_coco, open_source, rabbit):
    root = make_coco([rabbit])  # 750 pixels
    assert len(open_source(root, min_area=750)) == 1
    with pytest.raises(ValueError, match='1 smaller than `min_area`'):
        open_source(root, min_area=751)


def test_empty_source__says_which_filters_removed_how_many(
        make_coco, open_source):
    root = make_coco([
        dict(image='street', category='rabbit', box=(0, 0, 30, 30)),
        dict(image='street', category='car', box=(40, 0, 30, 30)),
        dict(image='field', category='rabbit', box=(0, 0, 3, 3)),
        dict(image='field', category='rabbit', box=(0, 0, 4, 4)),
    ])
    with pytest.raises(ValueError, match='instances.json') as error:
        open_source(root)
    for part in ('1 beside a denied', '1 of a denied', '2 smaller than'):
        assert part in str(error.value)


def test_misspelt_category__is_refused(make_coco, open_source, rabbit):
    root = make_coco([rabbit])
    with pytest.raises(ValueError, match=r"know \['rabit'\].*\['rabbit'\]"):
        open_source(root, deny_categories=['rabit'])


def test_allowed_categories__leave_the_others_out(
        make_coco, open_source, categories_of, rabbit):
    root = make_coco([rabbit, {**rabbit, 'category': 'boat'},
                      {**rabbit, 'category': 'toy'}])
    source = open_source(root, allow_categories=['boat', 'toy'])
    assert categories_of(source) == ['boat', 'toy']
    source = open_source(root, allow_categories=['boat', 'toy'],
                         deny_categories=['toy'])
    assert categories_of(source) == ['boat']
    with pytest.raises(ValueError, match=r"`allow_cat.*know \['ship'\]"):
        open_source(root, allow_categories=['ship'])


@pytest.mark.parametrize(('box', 'option', 'passing', 'failing', 'reason'), [
    ((10, 20, 30, 25), 'max_area', 750, 749, 'larger than `max_area`; relax'),
    ((10, 20, 50, 25), 'max_aspect', 2.0, 1.9, 'above `max_aspect`'),
    ((0, 20, 30, 25), 'allow_truncated', True, False, 'truncated by'),
    ((10, 0, 30, 25), 'allow_truncated', True, False, 'truncated by'),
    ((50, 20, 30, 25), 'allow_truncated', True, False, 'truncated by'),
    ((10, 35, 30, 25), 'allow_truncated', True, False, 'truncated by'),
])
def test_filter_of_instances__has_its_bound(
        make_coco, box, option, passing, failing, reason, open_source):
    root = make_coco([dict(image='a', category='toy', box=box)])
    assert len(open_source(root, **{option: passing})) == 1
    with pytest.raises(ValueError, match=f'1 {reason}'):
        open_source(root, **{option: failing})


def test_object_off_the_border__is_not_truncated(make_coco, open_source):
    root = make_coco([dict(image='a', category='toy', box=(1, 1, 78, 58))])
    assert len(open_source(root, allow_truncated=False)) == 1


def test_border_beyond_the_type_of_the_corner__is_seen(make_coco, open_source):
    # left 200 fits into 8 bits, the right border 300 does not
    root = make_coco([dict(image='a', category='toy', box=(200, 1, 100, 58))],
                     size_hw=(60, 300))
    with pytest.raises(ValueError, match='1 truncated by'):
        open_source(root, allow_truncated=False)


@pytest.mark.parametrize('as_runs', [False, True])
def test_solidity__is_area_by_that_of_the_hull(
        make_coco, as_runs, open_source):
    # an L of 40 x 40 with arms of 20: 1200 pixels of a hull of 1400
    corners = [10, 10, 30, 10, 30, 30, 50, 30, 50, 50, 10, 50]
    segmentation = [corners]
    if as_runs:
        from pycocotools import mask as coco_mask
        segmentation, = coco_mask.frPyObjects([corners], 60, 80)
        segmentation['counts'] = segmentation['counts'].decode()
    root = make_coco([
        dict(image='a', category='toy', segmentation=segmentation)
    ])
    assert len(open_source(root, min_solidity=1200 / 1400 - 0.001)) == 1
    with pytest.raises(ValueError, match='below `min_solidity`'):
        open_source(root, min_solidity=1200 / 1400 + 0.001)

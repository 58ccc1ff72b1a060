import pytest

from mmseg_anomaly.datasets.outliers import CocoOutliers


@pytest.fixture
def open_source(make_coco):
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
def test_single_category__is_taken_as_a_list_of_one(open_source, argument,
                                                    left):
    source = open_source(**{argument: 'cow'})
    assert len(source) == 1 and source[0].category == left


@pytest.mark.parametrize('argument', [
    'allow_categories', 'deny_categories', 'deny_image_categories'
])
@pytest.mark.parametrize('names', [3, [3], True])
def test_categories_that_are_no_names__are_refused(open_source, argument,
                                                   names):
    with pytest.raises(ValueError, match=f'`{argument}` must be names of '
                       'categories, got '):
        open_source(**{argument: names})


def test_unknown_category__is_named_with_its_argument(open_source):
    with pytest.raises(ValueError, match=r"`deny_categories` must be .*json, "
                       r"which does not know \['cows'\]; it knows"):
        open_source(deny_categories=['cows'])


@pytest.mark.parametrize(('filters', 'message'), [
    (dict(min_area=-5), '`min_area` .* between 0 and inf, got -5'),
    (dict(min_area='abc'), "`min_area` must be a number .* got 'abc'"),
    (dict(min_area=None), '`min_area` must be a number .* got None'),
    (dict(min_area=50, max_area=49), '`max_area` .* 50 and inf, got 49'),
    (dict(min_solidity=float('nan')), '`min_solidity` .* got nan'),
    (dict(min_solidity=1.1), '`min_solidity` .* between 0 and 1, got 1.1'),
    (dict(max_aspect=0.5), '`max_aspect` .* between 1 and inf, got 0.5'),
    (dict(max_aspect=float('nan')), '`max_aspect` .* got nan'),
])
def test_number_out_of_range__is_refused(open_source, filters, message):
    with pytest.raises(ValueError, match=message):
        open_source(**filters)


def test_bounds_of_the_numbers__are_allowed(open_source):
    assert len(open_source(min_area=600, max_area=600, min_solidity=1.0,
                           max_aspect=1.5)) == 2
    assert len(open_source(min_area=0, min_solidity=0)) == 2

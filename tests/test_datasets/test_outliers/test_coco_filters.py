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

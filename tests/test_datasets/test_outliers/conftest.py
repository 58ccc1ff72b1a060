"""A small COCO set, opened and listed."""
import pytest

from mmseg_anomaly.datasets.outliers import CocoOutliers


@pytest.fixture
def rabbit():
    """Return one instance for ``make_coco``."""
    return dict(image='field', category='rabbit', box=(10, 20, 30, 25))


@pytest.fixture
def open_source():
    """Return a function that opens what ``make_coco`` wrote."""

    def open_coco(root, **options):
        options = {'data_prefix': dict(img_path='images'), **options}
        return CocoOutliers('instances.json', str(root), **options)

    return open_coco


@pytest.fixture
def categories_of():
    """Return a function that lists the categories of a source's objects."""
    return lambda source: sorted(
        source[row].category for row in range(len(source)))

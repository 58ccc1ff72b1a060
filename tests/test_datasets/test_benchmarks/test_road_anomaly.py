"""RoadAnomaly stores anomalies as 2."""
import pytest

NAME = 'RoadAnomalyDataset'
LABEL = [[0, 2, 0]]
PATTERNS = dict(
    official=('frames/{}.jpg', 'frames/{}.labels/labels_semantic.png'),
    validation=('images/{}.jpg', 'labels_masks/{}.png'))


@pytest.mark.parametrize('layout', PATTERNS)
def test_layout__is_found_and_two_is_an_anomaly(write_frame, build, layout):
    for index in range(60):
        write_frame(*(x.format(f'a{index}') for x in PATTERNS[layout]), LABEL)
    dataset = build(NAME)
    assert len(dataset) == 60
    assert dataset.metainfo['layout'] == layout
    assert dataset[0]['gt_seg_map'].tolist() == [[253, 254, 253]]


def test_labels_converted_to_one__are_noticed(write_frame, build):
    write_frame('images/a.jpg', 'labels_masks/a.png', [[0, 1]])
    with pytest.raises(ValueError, match=r'a\.png holds the ids \[1\], its '
                       r'dataset knows \[0, 2\] only'):
        build(NAME, allow_partial=True)[0]

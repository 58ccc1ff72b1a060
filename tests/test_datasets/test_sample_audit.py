"""What the audit finds in one image and its label."""
import pytest

from mmseg_anomaly.datasets.sample_audit import audit_sample


@pytest.fixture
def frame(write_frame, tmp_path):
    """Return a function that writes a frame and says what a dataset knows."""

    def write(values, label_map=None):
        write_frame('a.png', 'a_label.png', values)
        return dict(img_path=str(tmp_path / 'a.png'),
                    seg_map_path=str(tmp_path / 'a_label.png'),
                    label_map=label_map, label_map_is_complete=bool(label_map))

    return write


def test_pixels__are_counted_by_raw_and_stored_id(frame):
    audit = audit_sample(frame([[0, 1, 1, 7]], {0: 253, 1: 254, 7: 255}), 19)
    assert audit.raw_pixels[[0, 1, 7]].tolist() == [1, 2, 1]
    assert [audit.pixels(kind) for kind in (0, 1, 255)] == [1, 2, 1]
    assert (audit.size_wh, audit.name, audit.doubts) == ((4, 1), 'a.png', [])


@pytest.mark.parametrize(('raw_id', 'may_be_void', 'is_doubtful'), [
    (7, False, True), (7, True, False), (1, True, True)])
def test_one_value__is_no_doubt_where_void_is_expected(
        frame, raw_id, may_be_void, is_doubtful):
    info = frame([[raw_id, raw_id]], {1: 254, 7: 255})
    doubts = audit_sample(info, 19, may_be_void).doubts
    assert doubts == [f'a.png is {raw_id} everywhere: not labelled, or a '
                      'dummy'] * is_doubtful


def test_missing_label_file__is_doubtful(frame, tmp_path):
    info = frame([[0, 1]])
    (tmp_path / 'a_label.png').unlink()
    audit = audit_sample(info, 19)
    assert not audit.has_label_file
    assert audit.table is None
    assert audit.doubts == ['a.png is unlabelled: there is no file '
                            f'{tmp_path / "a_label.png"}']


def test_ids__that_loading_would_refuse_are_doubtful(frame):
    outside = audit_sample(frame([[0, 9]], {0: 253}), 19).doubts
    assert outside == ['a.png holds the raw ids [9], which mean nothing here']
    assert audit_sample(frame([[0, 19]]), 19).doubts == [
        'a.png holds the raw ids [19], which mean nothing here']

import json
import math

import numpy as np
import pytest

from mmseg_anomaly.evaluation import ScoreHistogram
from mmseg_anomaly.evaluation.operating_point import (
    choose_threshold,
)
from mmseg_anomaly.evaluation.threshold_file import (
    read_threshold,
    threshold_path,
)
from mmseg_anomaly.file_hash import sha256_of

# scores of in-distribution pixels and of anomalies
NORMAL = [0., .1, .2, .3, .4, .5, .5, .6, .7, .8]
ANOMALOUS = [.3, .5, .9, 1.]


def counts_of(normal, anomalous, **options):
    histogram = ScoreHistogram(**options)
    scores = np.array([*normal, *anomalous], np.float32)
    labels = np.array([0] * len(normal) + [1] * len(anomalous))
    histogram.update(scores, labels)
    return histogram.to_counts()


def flagged(scores, point):
    return float((np.array(scores, np.float32) > point.threshold).mean())


@pytest.mark.parametrize(('target', 'fpr', 'tpr'), [
    (0., 0., .5),  # above .8
    (.1, .1, .5),
    (.29, .2, .5),
    (.3, .3, .5),
    (.4, .3, .5),  # both pixels of .5 would make .5
    (.5, .5, .75),
    (1., 1., 1.)])
def test_fpr__is_the_lowest_threshold_within_the_target(target, fpr, tpr):
    point = choose_threshold(counts_of(NORMAL, ANOMALOUS), fpr=target)
    assert (point.fpr, point.tpr) == (fpr, tpr)
    assert flagged(NORMAL, point) == fpr
    assert flagged(ANOMALOUS, point) == tpr


@pytest.mark.parametrize(('target', 'tpr', 'fpr'), [
    (.25, .25, 0.), (.5, .5, 0.), (.51, .75, .5), (.95, 1., .7),
    (1., 1., .7)])
def test_tpr__is_the_highest_threshold_that_reaches_it(target, tpr, fpr):
    point = choose_threshold(counts_of(NORMAL, ANOMALOUS), tpr=target)
    assert (point.tpr, point.fpr) == (tpr, fpr)
    assert flagged(NORMAL, point) == fpr
    assert flagged(ANOMALOUS, point) == tpr


def test_fpr__needs_no_anomaly():
    point = choose_threshold(counts_of(NORMAL, []), fpr=.3)
    assert point.fpr == .3
    assert math.isnan(point.tpr)
    assert (point.num_positives, point.num_negatives) == (0, 10)


def test_fpr_0__flags_nothing_even_if_the_top_score_is_normal():
    point = choose_threshold(counts_of([.1, 2.], [.3]), fpr=0.)
    assert point.threshold == 2.
    assert (point.fpr, point.tpr) == (0., 0.)


def test_threshold__is_exact_where_scores_were_merged():
    rng = np.random.default_rng(0)
    normal, anomalous = rng.normal(0, 1, 3000), rng.normal(2, 1, 500)
    counts = counts_of(normal, anomalous, max_distinct=100)
    assert counts.level > 0
    for target in (0., .01, .5):
        point = choose_threshold(counts, fpr=target)
        assert flagged(normal, point) == point.fpr <= target
        assert flagged(anomalous, point) == point.tpr
    point = choose_threshold(counts, tpr=.95)
    assert flagged(anomalous, point) == point.tpr >= .95


def test_threshold__survives_json():
    point = choose_threshold(counts_of(NORMAL, ANOMALOUS), fpr=.3)
    stored = json.loads(json.dumps(point.threshold))
    assert np.float32(stored) == stored


@pytest.mark.parametrize('targets', [{}, dict(fpr=.1, tpr=.9)])
def test_choose_threshold__takes_one_target(targets):
    with pytest.raises(ValueError, match='give either `fpr` or `tpr`'):
        choose_threshold(counts_of(NORMAL, ANOMALOUS), **targets)


@pytest.mark.parametrize(('targets', 'message'), [
    (dict(fpr=-.1), r'`fpr` must lie in \[0, 1\], got -0.1'),
    (dict(fpr=5), r'`fpr` must lie in \[0, 1\], got 5'),
    (dict(tpr=0), r'`tpr` must lie in \(0, 1\], got 0'),
    (dict(tpr=95), r'`tpr` must lie in \(0, 1\], got 95')])
def test_choose_threshold__refuses_a_target_out_of_range(targets, message):
    with pytest.raises(ValueError, match=message):
        choose_threshold(counts_of(NORMAL, ANOMALOUS), **targets)


def test_choose_threshold__needs_pixels_of_the_kind():
    with pytest.raises(ValueError, match='`tpr` needs .* one anomaly'):
        choose_threshold(counts_of(NORMAL, []), tpr=.9)
    with pytest.raises(ValueError,
                       match='`fpr` needs .* one in-distribution pixel'):
        choose_threshold(counts_of([], ANOMALOUS), fpr=.1)


def test_sha256__of_a_file(tmp_path):
    (tmp_path / 'a').write_bytes(b'abc')
    assert sha256_of(tmp_path / 'a') == (
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')


def test_threshold_path__is_beside_the_checkpoint(tmp_path):
    assert threshold_path('run/iter_5.pth').as_posix() == (
        'run/iter_5.threshold.json')


@pytest.fixture
def files(tmp_path):
    """A checkpoint and its threshold."""
    checkpoint = tmp_path / 'a.pth'
    checkpoint.write_bytes(b'abc')
    path = threshold_path(checkpoint)
    path.write_text(json.dumps(dict(
        scorer='rba', threshold=-.5,
        checkpoint_sha256=sha256_of(checkpoint))))
    return checkpoint, path


def test_read_threshold__of_this_checkpoint(files):
    checkpoint, path = files
    for known in (None, checkpoint):
        assert read_threshold(path, known)['threshold'] == -.5


def test_read_threshold__refuses_another_checkpoint(files):
    checkpoint, path = files
    checkpoint.write_bytes(b'other')
    with pytest.raises(ValueError, match=r'chosen for another checkpoint '
                       r'\(SHA-256 ba7816bf8f01\)'):
        read_threshold(path, checkpoint)


def test_read_threshold__of_this_pixel_head(files):
    checkpoint, path = files
    head = checkpoint.with_name('head.pth')
    head.write_bytes(b'head')
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(content, head_sha256=sha256_of(head))))
    assert read_threshold(path, checkpoint, head)['threshold'] == -.5
    assert read_threshold(path)['threshold'] == -.5  # nothing is known

    with pytest.raises(ValueError, match='chosen for another pixel head '
                       rf'\(SHA-256 {sha256_of(head)[:12]}\), got none'):
        read_threshold(path, checkpoint)
    head.write_bytes(b'abc')
    with pytest.raises(ValueError, match='another pixel head .*, got '
                       r'.*head\.pth \(ba7816bf8f01\); choose'):
        read_threshold(path, checkpoint, head)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'another pixel head \(none\), got '
                       r'.*head\.pth'):
        read_threshold(path, checkpoint, head)


def test_read_threshold__says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match='choose_threshold.py'):
        read_threshold(tmp_path / 'no.json')


@pytest.mark.parametrize('content', ['[]', '{"threshold": 1}'])
def test_read_threshold__refuses_other_files(tmp_path, content):
    path = tmp_path / 'a.json'
    path.write_text(content)
    with pytest.raises(ValueError, match='is not a threshold file'):
        read_threshold(path)


def test_read_threshold__converts_the_rule_of_an_older_file(files):
    checkpoint, path = files
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(content, rule='score >= threshold')))
    threshold = read_threshold(path, checkpoint)['threshold']
    assert threshold < -.5
    assert np.nextafter(np.float32(threshold), np.float32(1)) == -.5
    path.write_text(json.dumps(dict(content, rule='score < threshold')))
    with pytest.raises(ValueError, match=r"a\.threshold\.json states the rule "
                       "'score < threshold', which is unknown"):
        read_threshold(path)


@pytest.mark.parametrize(('change', 'message'), [
    (dict(threshold=None), '`threshold` as float, got None'),
    (dict(threshold='0.5'), "`threshold` as float, got '0.5'"),
    (dict(threshold=float('nan')), '`threshold` as float, got nan'),
    (dict(scorer=3), '`scorer` as str, got 3'),
    (dict(head_sha256=[]), '`head_sha256` as str or NoneType'),
])
def test_read_threshold__names_the_key_of_another_type(files, change, message):
    _, path = files
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=r'a\.threshold\.json is not a .*'
                       f'must have {message}.*choose_threshold.py'):
        read_threshold(path)


@pytest.mark.parametrize('content', [b'', b'null', b'{"threshold": 0.', b'\xff'
                                     ])
def test_read_threshold__names_a_file_that_is_cut_off(files, content):
    _, path = files
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.threshold\.json is not a '
                       'threshold file: it .*choose_threshold.py'):
        read_threshold(path)

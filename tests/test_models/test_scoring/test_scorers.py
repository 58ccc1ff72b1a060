import json
import math

import numpy as np
import pytest
import torch
from mmseg.registry import TASK_UTILS

from mmseg_anomaly.models.scoring.scorer_configs import build_scorers
from mmseg_anomaly.models.scoring.scorers import score_evidence

REFERENCE_NAMES = {
    'msp': 'softmax_msp',
    'maxlogit': 'max_logit',
    'entropy': 'entropy',
    'sum_entropy': 'sum_entropy',
    'rba_tanh': 'rba',
    'energy': 'energy'
}


def _score(name, values, **arguments):
    """Score one pixel with the given class values."""
    scorer = build_scorers({'type': name, **arguments}, True)[name]
    logits = torch.tensor(values)[None, :, None, None]
    scored = scorer({'seg_logits': logits})
    assert scored.shape == (1, 1, 1, 1)
    return scored.item()


@pytest.mark.parametrize('name, expected', [
    ('msp', 1 - .7),
    ('softmax_msp', 1 - math.exp(.7) / (math.exp(.7) + math.exp(.1))),
    ('max_logit', -.7),
    ('sum_entropy', -(.875 * math.log(.875) + .125 * math.log(.125))),
    ('energy', -math.log(math.exp(.7) + math.exp(.1))),
    ('rba', -math.tanh(.7) - math.tanh(.1)),
])
def test_scorers__hand_computed(name, expected):
    assert _score(name, [.7, .1]) == pytest.approx(expected, abs=1e-6)


def test_entropy__of_equal_logits_is_log_k():
    assert _score('entropy', [3.] * 4) == pytest.approx(math.log(4))


def test_entropy__is_zero_where_probabilities_underflow():
    assert _score('entropy', [0., 500., -500.]) == 0


def test_eam__is_one_minus_its_evidence():
    scorer = build_scorers('eam', True)['eam']
    scored = scorer({'eam': torch.tensor([[[[.75]]]])})
    assert scored.item() == .25


def test_pixel_head__is_the_softmax_over_the_stitched_pair():
    scorer = build_scorers('pixel_head', True)['pixel_head']
    pair = torch.tensor([0., math.log(3), 0.5, 0.5]).view(2, 2).T
    scored = scorer({'pixel_head': pair[None, :, None]})
    assert scored.shape == (1, 1, 1, 2)
    assert scored.flatten().tolist() == pytest.approx([.75, .5])


def test_pixel_head__needs_a_head_that_offers_it():
    scorer = build_scorers('pixel_head', True)['pixel_head']
    with pytest.raises(ValueError, match="needs the evidence 'pixel_head'"):
        scorer({'seg_logits': torch.zeros(1, 2, 1, 1)})


def test_eam__says_what_the_head_offers():
    scorer = build_scorers('eam', True)['eam']
    with pytest.raises(ValueError, match=r"offers \['seg_logits'\]"):
        scorer({'seg_logits': torch.zeros(1, 2, 1, 1)})


def test_softmax_msp__temperature_divides_the_logits():
    hot = _score('softmax_msp', [2., 0.], temperature=2.0)
    assert hot == pytest.approx(_score('softmax_msp', [1., 0.]))


def test_entropy__temperature_divides_the_logits():
    hot = _score('entropy', [2., 0.], temperature=2.0)
    assert hot == pytest.approx(_score('entropy', [1., 0.]))


def test_energy__temperature_divides_inside_and_multiplies_outside():
    hot = _score('energy', [2., 0.], temperature=2.0)
    assert hot == pytest.approx(-2 * math.log(math.e + 1))
    cold = _score('energy', [2., 0.], temperature=1e-3)
    assert cold == pytest.approx(-2.)


@pytest.mark.parametrize('name', ['softmax_msp', 'entropy', 'energy'])
def test_scorers__refuse_a_temperature_of_zero(name):
    with pytest.raises(ValueError,
                       match=f'`{name}.temperature` must be positive, got'):
        _score(name, [1., 0.], temperature=0)


@pytest.mark.parametrize(
    'name', ['msp', 'softmax_msp', 'max_logit', 'entropy', 'energy', 'rba'])
def test_scorers__a_rejected_pixel_scores_above_a_claimed_one(name):
    assert _score(name, [.05, .04, .06]) > _score(name, [.02, .97, .03])


def test_scorers__equal_the_reference(reference_dir):
    arrays = np.load(reference_dir / 'H_pixel_scores.npz')
    info = json.loads((reference_dir / 'H_pixel_scores.json').read_text())
    assert len(info['sets']) == 5
    for group in info['sets']:
        logits = torch.from_numpy(arrays[group])
        for theirs, ours in REFERENCE_NAMES.items():
            scored = build_scorers(ours, True)[ours]({'seg_logits': logits})
            np.testing.assert_allclose(
                scored[:, 0], arrays[f'{group}.{theirs}'], rtol=1e-5,
                atol=1e-5, err_msg=f'{group} {ours}')


def test_build_scorers__keeps_the_order_of_a_list():
    scorers = build_scorers(
        ['rba', 'msp', {'type': 'softmax_msp', 'temperature': 2.}], True)
    assert list(scorers) == ['rba', 'msp', 'softmax_msp']


def test_build_scorers__name_lets_one_rule_serve_twice():
    scorers = build_scorers(
        ['softmax_msp',
         {'type': 'softmax_msp', 'temperature': 8., 'name': 'flat'}], False)
    logits = {'seg_logits': torch.tensor([[[[1.]], [[0.]]]])}
    assert scorers['flat'](logits) > scorers['softmax_msp'](logits)


@pytest.mark.parametrize('name, instead', [('msp', 'softmax_msp'),
                                           ('sum_entropy', 'entropy')])
def test_build_scorers__plain_logits_get_another_rule(name, instead):
    with pytest.raises(ValueError, match=f"plain logits; use '{instead}'"):
        build_scorers(name, False)


@pytest.mark.parametrize('name', ['rbaa', 'HungarianAssigner'])
def test_build_scorers__lists_what_it_knows(name):
    with pytest.raises(ValueError, match=r"choose from \['eam', 'energy'"):
        build_scorers(name, True)


def test_build_scorers__refuses_arguments_a_scorer_has_not():
    with pytest.raises(ValueError, match="unexpected keyword.*'temprature'"):
        build_scorers({'type': 'softmax_msp', 'temprature': 2}, True)


@pytest.mark.parametrize('cfg', [[], ['rba', 'rba']])
def test_build_scorers__needs_different_names(cfg):
    with pytest.raises(ValueError, match='one or more different names'):
        build_scorers(cfg, True)


def test_scorers__are_registered():
    assert TASK_UTILS.get('rba')({'seg_logits': torch.zeros(1, 2, 1, 1)}) == 0


@pytest.mark.parametrize('value', [torch.nan, torch.inf, -torch.inf])
def test_score_evidence__names_evidence_that_is_not_finite(value):
    evidence = dict(seg_logits=torch.zeros(1, 2, 3, 3),
                    eam=torch.full((1, 1, 3, 3), value))
    with pytest.raises(ValueError, match="^evidence 'eam' of street.png "
                       'holds NaN or infinity: the weights have diverged'):
        score_evidence(build_scorers('energy', True), evidence, 'street.png')


def test_score_evidence__names_a_score_that_is_nan():
    nothing = dict(seg_logits=torch.zeros(1, 2, 3, 3))
    scorers = build_scorers(['energy', 'sum_entropy'], True)
    with pytest.raises(ValueError, match="^score 'sum_entropy' of an image "
                       'without a path holds NaN'):
        score_evidence(scorers, nothing, None)


def test_score_evidence__keeps_infinite_scores():
    evidence = dict(seg_logits=torch.tensor([[[[2.]], [[-1.]]]]))
    scorers = build_scorers(['sum_entropy', 'energy'], True)
    maps = score_evidence(scorers, evidence, 'street.png')
    assert list(maps) == ['sum_entropy', 'energy']
    assert maps['sum_entropy'].item() == -torch.inf

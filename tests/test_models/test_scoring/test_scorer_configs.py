import inspect

import pytest
import torch
from mmseg.registry import TASK_UTILS

from mmseg_anomaly.models.decode_heads import (
    EoMTDecodeHead,
    PixelAnomalyHead,
)
from mmseg_anomaly.models.scoring.scorer_configs import (
    build_scorers,
    fitting_scorers,
    formula,
    parse_scorer,
    scorer_name,
)


def test_formulas__one_for_every_registered_scorer():
    scorers = {name for name, value in TASK_UTILS.module_dict.items()
               if inspect.isfunction(value)
               and value.__module__ == 'mmseg_anomaly.models.scoring.scorers'}
    assert scorers == {name for name, value in TASK_UTILS.module_dict.items()
                       if inspect.isfunction(value) and value.rule.formula}
    assert len({formula(name) for name in scorers}) == len(scorers) == 11


@pytest.fixture
def my_rule():
    @TASK_UTILS.register_module()
    def my_rule(evidence, power=1):
        return evidence['seg_logits'].amax(1, keepdim=True)**power

    yield my_rule
    del TASK_UTILS.module_dict['my_rule']


def test_plain_function__is_a_scorer_that_nobody_offers(my_rule):
    scorer = build_scorers(dict(type='my_rule', power=2), False)['my_rule']
    logits = torch.tensor([1., 3.]).view(1, 2, 1, 1)
    assert scorer({'seg_logits': logits}).item() == 9
    assert formula(dict(type='my_rule', power=2)) == 'my_rule, power = 2'
    assert 'my_rule' not in fitting_scorers(True, ('seg_logits', ))


def test_fitting_scorers__of_our_heads():
    masks = ['msp', 'softmax_msp', 'max_logit', 'entropy', 'sum_entropy',
             'energy', 'rba', 'eam']
    assert fitting_scorers(True, EoMTDecodeHead.evidence_names) == masks
    assert fitting_scorers(True, PixelAnomalyHead.evidence_names) == [
        *masks, 'pixel_head']


def test_fitting_scorers__of_plain_logits():
    names = fitting_scorers(False, ('seg_logits', ))
    assert names == ['softmax_msp', 'max_logit', 'entropy', 'energy', 'rba']
    assert list(build_scorers(names, False)) == names


@pytest.mark.parametrize(('text', 'parsed'), [
    ('rba', 'rba'),
    ('softmax_msp:temperature=2', dict(
        type='softmax_msp', temperature=2,
        name='softmax_msp_temperature=2')),
    ('energy:temperature=0.5', dict(
        type='energy', temperature=0.5, name='energy_temperature=0.5'))])
def test_parse_scorer(text, parsed):
    assert parse_scorer(text) == parsed
    assert list(build_scorers(parsed, True)) == [scorer_name(parsed)]


@pytest.mark.parametrize('setting', ['temperature', 'temperature=',
                                     'temperature=hot'])
def test_parse_scorer__refuses_what_is_no_setting(setting):
    with pytest.raises(ValueError, match=f'got {setting!r}'):
        parse_scorer(f'softmax_msp:{setting}')


@pytest.mark.parametrize(('cfg', 'expected'), [
    ('rba', '-sum_c tanh(S_c)'),
    ('entropy', 'H(softmax(S / T)), T = 1'),
    (dict(type='energy', temperature=0.5, name='cold'),
     '-T logsumexp_c(S_c / T), T = 0.5'),
    (dict(type='my_rule', power=2), 'my_rule, power = 2')])
def test_formula(cfg, expected):
    assert formula(cfg) == expected


def test_scorer_name__is_that_of_its_map():
    for cfg in ('rba', dict(type='rba'), dict(type='rba', name='other')):
        assert list(build_scorers(cfg, True)) == [scorer_name(cfg)]

from types import SimpleNamespace

import pytest
from mmseg.registry import HOOKS
from test_engine.test_first_look.looks import Part, a_dataset, a_loader

from mmseg_anomaly.engine.hooks import FirstLookHook

FIVE = dict(decode_head=Part(num_classes=5))


def a_runner(**loops):
    loops = {key: SimpleNamespace(dataloader=a_loader(a_dataset(classes)))
             for key, classes in loops.items()}
    return SimpleNamespace(model=Part(FIVE), **{'val_loop': None, **loops})


@pytest.mark.parametrize('loops', [
    dict(train_loop=8), dict(train_loop=5, val_loop=8)])
def test_training__looks_at_its_validation_too(loops):
    with pytest.raises(ValueError, match=r'got `model.decode_head.num_class'
                       r'es` 5.*first_look.skip=\[classes\]'):
        FirstLookHook().before_train(a_runner(**loops))


@pytest.mark.parametrize('phase', ['val', 'test'])
def test_every_loop__is_looked_at(phase):
    start = {'val': FirstLookHook.before_val,
             'test': FirstLookHook.before_test}[phase]
    with pytest.raises(ValueError, match='numbers of classes'):
        start(FirstLookHook(), a_runner(**{f'{phase}_loop': 8}))
    start(FirstLookHook(skip=['classes']), a_runner(**{f'{phase}_loop': 8}))


def test_validation__is_looked_at_once(monkeypatch):
    looks = []
    monkeypatch.setattr('mmseg_anomaly.engine.hooks.first_look_hook.CHECKS',
                        dict(one=looks.append))
    hook = FirstLookHook()
    hook.before_train(a_runner(train_loop=5, val_loop=5))
    hook.before_val(a_runner(val_loop=5))
    assert [look.phase for look in looks] == ['train', 'val']


def test_remark__is_a_warning_that_can_be_left_out(monkeypatch):
    monkeypatch.setattr('mmseg_anomaly.engine.hooks.first_look_hook.REMARKS',
                        dict(idle=lambda look: f'{look.phase} idles'))
    warnings = []
    runner = a_runner(train_loop=5)
    runner.logger = SimpleNamespace(warning=warnings.append)
    FirstLookHook(skip=['idle']).before_train(runner)
    assert not warnings
    FirstLookHook().before_train(runner)
    assert warnings == ['train idles']


@pytest.mark.parametrize(('skip', 'error'), [
    ('classes', TypeError), ([3], TypeError), (['clases'], ValueError)])
def test_skip__is_a_list_of_checks(skip, error):
    with pytest.raises(error, match='skip'):
        HOOKS.build(dict(type='FirstLookHook', skip=skip))

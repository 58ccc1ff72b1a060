import pytest
import torch

from mmseg_anomaly.model_conversion import (
    from_hugging_face,
    from_original,
    from_ours,
    to_hugging_face,
    to_original,
)

READERS = dict(
    eomt2mmseg=(from_original, 'checkpoint of the original EoMT code'),
    hf2mmseg=(from_hugging_face, 'EomtForUniversalSegmentation'),
    mmseg2eomt=(from_ours, 'EoMT of this project'))


@pytest.fixture
def states(make_model):
    """The same EoMT in each layout, the original one compiled."""
    ours = make_model().state_dict()
    original = to_original(from_ours(ours))
    return dict(
        eomt2mmseg={k.replace('network.', 'network._orig_mod.'): v
                    for k, v in original.items()},
        hf2mmseg=to_hugging_face(from_ours(ours))[0], mmseg2eomt=ours)


@pytest.mark.parametrize('tool', READERS)
@pytest.mark.parametrize('given', READERS)
def test_check__names_the_tool_for_what_it_is(tool, given, states):
    read, title = READERS[tool]
    if tool == given:
        assert read(states[given]).depth == 3
        return
    with pytest.raises(ValueError, match=(
            rf'^a.pth is no {title}: it is of another kind '
            rf'\({READERS[given][1]}\), for {given}.py')):
        read(states[given], source='a.pth')


@pytest.mark.parametrize('tool', READERS)
@pytest.mark.parametrize('prefix', ['module.', '_orig_mod.'])
def test_wrapped_names__are_read(tool, prefix, states):
    read, _ = READERS[tool]
    wrapped = {prefix + key: value for key, value in states[tool].items()}
    expected, found = read(states[tool]), read(wrapped)
    assert found.vit.keys() == expected.vit.keys()
    assert found.head.keys() == expected.head.keys()


def test_check__something_else():
    for read, title in READERS.values():
        with pytest.raises(ValueError, match=f'is no {title}: it has no `'):
            read({'model.weight': torch.ones(1)})

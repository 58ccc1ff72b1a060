import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.runner import CheckpointLoader
from test_model_conversion.erfnet_code import RandomState

from mmseg_anomaly.model_conversion import from_original_erfnet


@pytest.mark.parametrize('outputs, words', [
    (20, '20 outputs, the last one void'),
    (19, 'none for void: set model.decode_head.void_output=False')])
def test_erfnet2mmseg__writes_a_checkpoint(outputs, words, load_tool,
                                           tmp_path, capfd):
    MMLogger.get_instance(f'erfnet_{outputs}')
    state = RandomState(outputs)
    torch.save(dict(state), tmp_path / 'a.pth')
    load_tool('model_converters/erfnet2mmseg.py').main(
        [str(tmp_path / 'a.pth'), str(tmp_path / 'b.pth')])
    written = CheckpointLoader.load_checkpoint(
        str(tmp_path / 'b.pth'))['state_dict']
    expected = from_original_erfnet(state)
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[k], expected[k]) for k in expected)
    assert words in capfd.readouterr().out

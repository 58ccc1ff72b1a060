"""Tests of mmseg_anomaly._quiet."""
import logging
import warnings

import pytest
from mmengine import logging as mmengine_logging

from mmseg_anomaly._quiet import quiet_imports, spare_terminal


def test_quiet_imports__leaves_out_what_it_names(capsys):
    original = mmengine_logging.print_log
    with pytest.warns(UserWarning) as caught, quiet_imports():
        mmengine_logging.print_log('Could not import OneDL')
        mmengine_logging.print_log('Could not import your module')
        warnings.warn('Fail to import ``MultiScaleDeformableAttention`` from '
                      '``mmcv.ops``', stacklevel=1)
        warnings.warn('your own', stacklevel=1)
    assert capsys.readouterr().out == 'Could not import your module\n'
    assert [str(warning.message) for warning in caught] == ['your own']
    assert mmengine_logging.print_log is original


def test_spare_terminal__keeps_all_lines_in_the_file(tmp_path, capsys):
    logger = logging.Logger('test')
    logger.addHandler(logging.StreamHandler())
    logger.addHandler(logging.FileHandler(tmp_path / 'run.log'))
    spare_terminal(logger)
    lines = ['Config:\nmodel = 1', 'Config: yours',
             'Hooks will be executed in the following order:\nbefore_run',
             '"FileClient" will be deprecated in future. Please use io']
    for line in lines:
        logger.info(line)
    assert capsys.readouterr().err == 'Config: yours\n'
    assert (tmp_path / 'run.log').read_text().splitlines() == (
        '\n'.join(lines).splitlines())

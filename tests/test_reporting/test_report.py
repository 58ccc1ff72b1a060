import csv
import io
import json
import math
import re

import pytest

from mmseg_anomaly.reporting.report import (
    Report,
    csv_text,
    json_content,
    latex_document,
    main_table,
    markdown_text,
    write_report,
)
from mmseg_anomaly.reporting.runs import FinishedRun


def scorer_report(auprc, fpr95, intervals=None):
    return dict(
        values=dict(AuPRC=auprc, FPR95=fpr95, AUROC=90.0, F1=50.0),
        bounds=dict(AuPRC=0.0, FPR95=0.0, AUROC=0.0, F1=0.0),
        F1_threshold=-0.25, merged_bits=0, intervals=intervals, images=None,
        curves=dict(thresholds=[2., 1.], recall=[.5, 1.], precision=[1., .5],
                    fpr=[0., .5]))


def finished(name, scorers, metrics=None, partial='', **changes):
    summary = dict(
        version=1, protocol='windows (640, 640)', metric_protocol='exact',
        float16=False, num_images=3, num_normal_images=1, num_pixels=80,
        num_positives=20, bootstrap=None, scorers=scorers)
    return FinishedRun(
        name, dict(checkpoint_sha256='abc'), metrics or {},
        {**summary, **changes}, dict(split='val', layout='official',
                                     partial=partial))


def make_report(*runs):
    return Report(
        model=dict(config='c.py', checkpoint='c.pth',
                   checkpoint_sha256='abc'),
        versions=dict(mmseg_anomaly='0.1', torch='2.14'),
        formulas={'rba': '-sum_c tanh(S_c)', 'msp': '1 - max_c S_c'},
        titles={'road': 'Road val', 'lost': 'Lost'}, runs=runs)


@pytest.fixture
def report():
    return make_report(
        finished('road', {'rba': scorer_report(70.0, 10.0),
                          'msp': scorer_report(60.0, 5.0)}),
        finished('lost', {'rba': scorer_report(math.nan, math.nan),
                          'msp': scorer_report(math.nan, math.nan)},
                 partial='2 broken'))


@pytest.fixture
def component_report():
    return make_report(finished(
        'road', {'rba': scorer_report(70.0, 10.0)},
        {'component/rba/sIoU': 40.0, 'component/rba/PPV': 30.0,
         'component/rba/F1': 20.0, 'anomaly/rba/AuPRC': 70.0}))


def test_main_table__two_columns_a_dataset(report):
    table = main_table(report)
    assert [(column.group, column.metric, column.larger_is_better)
            for column in table.columns] == [
        ('Road val', 'AuPRC', True), ('Road val', 'FPR95', False),
        ('Lost (partial)', 'AuPRC', True),
        ('Lost (partial)', 'FPR95', False)]
    assert table.rows[0][0] == 'rba'
    assert table.rows[1][1][:2] == [60.0, 5.0]


def test_main_table__components_where_they_were_matched(component_report):
    table = main_table(component_report)
    assert [column.metric for column in table.columns] == [
        'AuPRC', 'FPR95', 'sIoU', 'PPV', 'F1*']
    assert table.rows[0][1] == [70.0, 10.0, 40.0, 30.0, 20.0]
    assert all(math.isnan(value) for value in table.rows[1][1])


def test_json__holds_the_protocol_and_no_nan(report, component_report):
    content = json.loads(
        json.dumps(json_content(report), allow_nan=False))
    assert content['model']['checkpoint_sha256'] == 'abc'
    assert content['formulas']['msp'] == '1 - max_c S_c'
    road, lost = content['datasets'].values()
    assert road['title'] == 'Road val'
    assert road['protocol'] == 'windows (640, 640)'
    assert (road['num_pixels'], road['num_positives']) == (80, 20)
    assert road['scorers']['rba']['values']['AuPRC'] == 70.0
    assert 'curves' not in road['scorers']['rba']
    assert lost['scorers']['rba']['values']['AuPRC'] is None
    assert lost['facts']['partial'] == '2 broken'
    components = json_content(component_report)['datasets']['road'][
        'scorers']['rba']['components']
    assert components == {'sIoU': 40.0, 'PPV': 30.0, 'F1*': 20.0}


def test_json__writes_infinite_thresholds_as_text():
    found = scorer_report(1.0, 2.0)
    found['F1_threshold'] = math.inf
    content = json_content(make_report(finished('road', {'rba': found})))
    scorer = content['datasets']['road']['scorers']['rba']
    assert scorer['F1_threshold'] == 'inf'


def test_csv__one_line_a_dataset_and_scorer(report):
    lines = list(csv.DictReader(io.StringIO(csv_text(report))))
    assert [(line['dataset'], line['scorer']) for line in lines] == [
        ('road', 'rba'), ('road', 'msp'), ('lost', 'rba'), ('lost', 'msp')]
    assert lines[0]['FPR95'] == '10.0'
    assert lines[0]['formula'] == '-sum_c tanh(S_c)'
    assert lines[0]['torch_version'] == '2.14'
    assert lines[0]['checkpoint_sha256'] == 'abc'
    assert lines[0]['windows'] == 'windows (640, 640)'
    assert lines[2]['partial'] == '2 broken'


def test_csv__columns_that_only_some_datasets_have(component_report, report):
    both = make_report(report.runs[1], component_report.runs[0])
    lines = list(csv.DictReader(io.StringIO(csv_text(both))))
    assert [line['PPV'] for line in lines] == ['', '', '30.0']


def test_markdown__table_protocol_and_what_is_partial(report):
    text = re.sub(' +', ' ', markdown_text(report))
    assert '| `rba` | **70.00** | 10.00 | - | - |' in text
    assert '**Lost is partial**' in text
    assert '2 broken' in text
    assert '| Road val | 3 | 1 | 80 | 20 | windows (640, 640) |' in text
    assert '| `msp` | `1 - max_c S_c` |' in text
    assert 'checkpoint_sha256 abc' in text
    assert 'torch 2.14' in text


def test_markdown__confidence_intervals():
    limits = dict(AuPRC=[65.0, 75.0], FPR95=[8.0, 12.0], AUROC=[80.0, 95.0])
    text = re.sub(' +', ' ', markdown_text(make_report(finished(
        'road', {'rba': scorer_report(70.0, 10.0, limits)},
        bootstrap=dict(replicates=200, level=0.95, seed=0)))))
    assert '95% confidence intervals, 200 samples' in text
    assert '| `rba` | 70.00 [65.00, 75.00] | 10.00 [8.00, 12.00] |' in text
    assert 'AuPRC_low' in csv_text(make_report(finished(
        'road', {'rba': scorer_report(70.0, 10.0, limits)})))


def test_latex__protocol_above_the_table(report):
    lines = latex_document(report).splitlines()
    table = lines.index(r'\begin{tabular}{lrrrr}')
    assert all(line.startswith('%') for line in lines[:table])
    assert any('Lost (partial): images 3' in line for line in lines[:table])
    assert r'rba & \textbf{70.00} & 10.00 & - & - \\' in lines


def test_write_report__leaves_every_file(report, tmp_path):
    write_report(report, tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*')
             if path.is_file()}
    curves = {f'{folder}/{kind}_curve.{suffix}' for folder in ('road', 'lost')
              for kind in ('pr', 'roc') for suffix in ('png', 'svg')}
    assert names == curves | {f'results.{suffix}'
                              for suffix in ('json', 'csv', 'md', 'tex')}

"""What users call things reaches Markdown, HTML and LaTeX as text."""
import csv
import io
import os
import re

import matplotlib
import pytest
from test_reporting.test_report import finished, make_report, scorer_report

from mmseg_anomaly.model_card import model_card
from mmseg_anomaly.reporting.curves import write_curves
from mmseg_anomaly.reporting.escaping import (
    Markdown,
    code,
    latex_text,
    markdown,
    one_line,
)
from mmseg_anomaly.reporting.report import (
    csv_text,
    latex_document,
    markdown_text,
    unique_titles,
    write_report,
)

HOSTILE = [
    '<script>alert(1)</script>', 'a|b', 'a\nb', 'a\r\n\\input{x}', '`a`',
    '[a](http://b)', '![a](b)', '*a*', '_a_', '&lt;b&gt;', '$a$', '50% & more',
    'a_b', os.fsdecode(b'stra\xdfe'), '--- | ---', '~~a~~'
]


@pytest.mark.parametrize(('text', 'escaped'), [
    ('rba', 'rba'), ('Lost & Found', 'Lost & Found'), ('a_b', 'a_b'),
    ('_a_', '&#95;a&#95;'), ('a|b', 'a&#124;b'), ('<b>', '&lt;b&gt;'),
    ('&lt;', '&amp;lt;'), ('a\n b', 'a b'), ('*a*', '&#42;a&#42;'),
    (Markdown('**1**'), '**1**')])
def test_markdown(text, escaped):
    assert markdown(text) == escaped


@pytest.mark.parametrize(('text', 'escaped'), [
    ('soft_max', '`soft_max`'), ('a*b', '`a*b`'), ('a\nb', '`a b`'),
    ('a`b', '<code>a&#96;b</code>'), ('a|b', '<code>a&#124;b</code>'),
    ('<b>', '<code>&lt;b&gt;</code>')])
def test_code(text, escaped):
    assert code(text) == escaped


@pytest.mark.parametrize(('text', 'escaped'), [
    ('a\nb', 'a b'), ('<|>', r'\textless{}\textbar{}\textgreater{}'),
    ('50%', r'50\%'), ('\\input{x}', r'\textbackslash{}input\{x\}')])
def test_latex_text(text, escaped):
    assert latex_text(text) == escaped


def hostile_report(name):
    report = make_report(
        finished('road', {name: scorer_report(70., 10., dict(AuPRC=(1., 2.)))},
                 partial=f'{name} left out', bootstrap=dict(
                     level=0.95, replicates=10, seed=0)))
    report.formulas.clear()
    report.formulas[name] = name
    report.titles.update(road=name, lost=f'{name}2')
    report.model['config'] = name
    report.missing['lost'] = name
    return report


@pytest.mark.parametrize('name', HOSTILE)
def test_report__shows_names_as_they_are(name, tmp_path):
    report = hostile_report(name)
    text = markdown_text(report)
    assert not re.search(r'<(?!/?code>)', text)
    assert not re.search(r'\]\(|!\[', re.sub('`[^`]*`', '', text))
    for table in re.findall(r'(?:^\|.*\n)+', text, re.MULTILINE):
        assert len({line.count('|') for line in table.splitlines()}) == 1
    document = latex_document(report)
    comments = document[:document.index(r'\begin{tabular}')].splitlines()
    assert all(line.startswith('% ') for line in comments)
    assert r'\input{' not in document[len('\n'.join(comments)):]
    assert {row['scorer'] for row in csv.DictReader(
        io.StringIO(csv_text(report), newline=''))} == {name}
    write_report(report, tmp_path)
    assert (tmp_path / 'results.md').read_text('utf-8').count('is missing')


@pytest.mark.parametrize('name', [r'$\nothing{$', '$a$', 'a$', 'a\nb'])
def test_curves__take_no_name_for_a_formula(name, tmp_path):
    with matplotlib.rc_context({'svg.fonttype': 'none'}):
        paths = write_curves(tmp_path, name, dict(
            scorers={name: scorer_report(70., 10.)}, num_positives=20,
            num_pixels=80))
    text = paths[1].read_text()
    assert one_line(name) in text


@pytest.mark.parametrize('name', HOSTILE)
def test_card__shows_names_as_they_are(name):
    card = model_card(name, {name: 50.}, dict(
        config=name, checkpoint=dict(file=name, sha256='0' * 64),
        precision='float32', windows='whole', scorers={name: name},
        dataset=dict(type='Set', num_images=1, num_classes=2, anomalies=[]),
        void='void', device='cpu', versions=dict(torch='2')), 'mit')
    text = card.split('---\n', 2)[2]
    assert not re.search(r'<(?!/?code>)', text)
    assert not re.search(r'\]\(|!\[', re.sub('`[^`]*`', '', text))
    assert f'# {markdown(name)}\n' in text
    assert len(re.findall('^# ', text, re.MULTILINE)) == 1


def test_unique_titles__add_names_where_needed():
    assert unique_titles(dict(a='Road', b='Lost', c='Road\n')) == dict(
        a='Road (a)', b='Lost', c='Road\n (c)')

"""The page that goes with published weights, and the hashes of the files."""
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from .file_hash import sha256_of
from .reporting.escaping import code, markdown
from .reporting.tables import markdown_table

HASHES = 'SHA256SUMS'


def model_card(name: str, metrics: Mapping[str, float],
               protocol: Mapping[str, Any], license: str | None) -> str:
    """Write the card of a model in Markdown with a header of YAML.

    Args:
        name: Model name, as in the title.
        metrics: What its test printed; a NaN is shown but is no result in
            the header.
        protocol: ``config``, ``checkpoint`` (``file``, ``sha256``),
            ``precision``, ``windows``, ``scorers`` (name -> formula),
            ``dataset`` (``type``, ``num_images``, ``num_classes``,
            ``anomalies``), ``void``, ``device`` and ``versions``.
        license: Licence of the weights, or None if nobody stated it.

    Returns:
        The text of a ``README.md`` as the Hugging Face Hub reads it.
    """
    header = _header(name, metrics, protocol, license)
    return '\n'.join([
        '---', header.strip(), '---', '', f'# {markdown(name)}', '',
        'Semantic segmentation and anomaly scores by `mmseg_anomaly`, a '
        'plugin for\nMMSegmentation.', '',
        '## Results', '', *_result_lines(metrics, protocol['dataset']), '',
        '## Protocol', '', *_protocol_lines(protocol), '',
        '## Versions', '',
        markdown_table(('library', 'version'), protocol['versions'].items()),
        '## Licence', '',
        markdown(license or 'The licence of these weights was not stated.'),
        ''])


def _header(name: str, metrics: Mapping[str, float],
            protocol: Mapping[str, Any], license: str | None) -> str:
    dataset = protocol['dataset']['type']
    return ModelCardData(
        license=license or None,
        library_name='mmseg_anomaly',
        pipeline_tag='image-segmentation',
        tags=['mmsegmentation', 'semantic-segmentation',
              'anomaly-segmentation'],
        model_name=name,
        eval_results=[
            EvalResult(
                task_type='image-segmentation', dataset_type=dataset,
                dataset_name=dataset, metric_type=key,
                metric_value=float(value))
            for key, value in metrics.items() if math.isfinite(value)
        ]).to_yaml()


def _result_lines(metrics: Mapping[str, float],
                  dataset: Mapping[str, Any]) -> Iterable[str]:
    yield _dataset_line(dataset)
    yield ''
    yield markdown_table(('metric', 'value'), (
        (key, f'{value:.4f}') for key, value in metrics.items()))
    yield ('\nAll digits are in `metrics.json`. This folder gives the numbers '
           'back, with the\nversions below:\n')
    yield (f'```bash\nsha256sum -c {HASHES}\n'
           'python tools/test.py config.py model.safetensors\n```')


def _dataset_line(dataset: Mapping[str, Any]) -> str:
    line = (f'{code(dataset["type"])}, {dataset["num_images"]} images, '
            f'{dataset["num_classes"]} classes')
    for anomalies in dataset['anomalies']:
        line += (f'; {anomalies["num_pixels"]} pixels that are not void, '
                 f'{anomalies["num_positives"]} of them anomalous')
    return f'{line}.'


def _protocol_lines(protocol: Mapping[str, Any]) -> Iterable[str]:
    checkpoint = protocol['checkpoint']
    yield f'- config: {code(protocol["config"])}'
    yield (f'- checkpoint: {code(checkpoint["file"])}, SHA-256 '
           f'`{checkpoint["sha256"]}`')
    yield f'- inference: {protocol["windows"]}, {protocol["precision"]}'
    yield f'- {protocol["void"]}'
    yield f'- device: {protocol["device"]}'
    for name, formula in protocol['scorers'].items():
        yield f'- {code(name)} = {markdown(formula)}'


def write_hashes(folder: Path) -> None:
    """Write the SHA-256 of each file of a folder, for ``sha256sum -c``."""
    files = sorted(path for path in folder.iterdir()
                   if path.is_file() and path.name != HASHES)
    (folder / HASHES).write_text(''.join(
        f'{sha256_of(path)}  {path.name}\n' for path in files))

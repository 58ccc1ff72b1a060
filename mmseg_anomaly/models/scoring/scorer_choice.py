"""Which scorers a decode head can serve, and what they compute."""
import ast
from collections.abc import Collection

# In the order tables list them; S are the evidence `seg_logits`, T is the
# temperature, m and p are masks and class probabilities of queries, d their
# distances to classes and v the probability that they are objects.
FORMULAS = {
    'msp': '1 - max_c S_c',
    'softmax_msp': '1 - max_c softmax(S / T)_c',
    'max_logit': '-max_c S_c',
    'entropy': 'H(softmax(S / T))',
    'sum_entropy': 'H(S / sum_c S_c)',
    'energy': '-T logsumexp_c(S_c / T)',
    'rba': '-sum_c tanh(S_c)',
    'eam': '1 - sum_q sigmoid(m_q) max_{c<=K} p_qc',
    'min_distance': '2 - sum_q sigmoid(m_q) v_q (2 - min_{c<=K} d_qc)',
    'pixel_head': 'softmax(L_normal, L_anomaly)_anomaly'
}
MASK_CLASSIFIERS_ONLY = ('msp', 'sum_entropy', 'rba')
EVIDENCE = {
    'eam': 'eam',
    'min_distance': 'closeness',
    'pixel_head': 'pixel_head'
}


def fitting_scorers(is_mask_classifier: bool,
                    evidence_names: Collection[str]) -> list[str]:
    """Return the scorers that make sense for a head.

    Args:
        is_mask_classifier: Whether ``seg_logits`` are scores of a mask
            classifier rather than plain logits.
        evidence_names: What the head's ``predict_evidence`` returns.

    Returns:
        Names in the order of ``FORMULAS``.
    """
    return [
        name for name in FORMULAS
        if (is_mask_classifier or name not in MASK_CLASSIFIERS_ONLY)
        and EVIDENCE.get(name, 'seg_logits') in evidence_names
    ]


def parse_scorer(text: str) -> str | dict:
    """Read a scorer from a command line.

    Args:
        text: 'rba', or 'softmax_msp:temperature=2' with any number of
            settings, separated by commas.

    Returns:
        What ``test_cfg.scorer`` takes; settings become a part of the name,
        so that one rule can serve twice.

    Raises:
        ValueError: If a setting is not written name=value.
    """
    name, _, settings = text.partition(':')
    if not settings:
        return name
    arguments = {}
    for setting in settings.split(','):
        key, equals, value = setting.partition('=')
        try:
            arguments[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            equals = ''
        if not equals:
            raise ValueError(f'scorer {text!r}: expected settings such as '
                             f'`softmax_msp:temperature=2`, got {setting!r}')
    return dict(type=name, name=text.replace(':', '_'), **arguments)


def formula(cfg: str | dict) -> str:
    """State what a scorer computes.

    Args:
        cfg: An entry of ``test_cfg.scorer``.

    Returns:
        Its formula, with the settings that differ from the defaults.
    """
    settings = {} if isinstance(cfg, str) else dict(cfg)
    name = settings.pop('type', cfg)
    settings.pop('name', None)
    settings = {'T': settings.pop('temperature', 1.0), **settings}
    text = FORMULAS.get(name, name)
    return text + ''.join(f', {key} = {value:g}' if key == 'T' else
                          f', {key} = {value}'
                          for key, value in settings.items()
                          if key != 'T' or ' T' in text)


def scorer_name(cfg: str | dict) -> str:
    """Return what a scorer's map is called."""
    return cfg if isinstance(cfg, str) else cfg.get('name', cfg['type'])

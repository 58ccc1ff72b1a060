"""Texts of users inside Markdown, HTML and LaTeX.

Names of sets, classes, models and files come from folders and configs. What
they hold must neither end a cell, a comment or a line, nor become markup.
"""
import re
from typing import Any

from ..paths import printable

_LATEX_SPECIAL = {
    '\\': r'\textbackslash{}', '&': r'\&', '%': r'\%', '$': r'\$',
    '#': r'\#', '_': r'\_', '{': r'\{', '}': r'\}',
    '~': r'\textasciitilde{}', '^': r'\textasciicircum{}',
    '<': r'\textless{}', '>': r'\textgreater{}', '|': r'\textbar{}'
}
_ENTITIES = {'<': '&lt;', '>': '&gt;', '|': '&#124;', '`': '&#96;',
             '*': '&#42;', '[': '&#91;', ']': '&#93;', '\\': '&#92;'}
_ENTITY = re.compile(r'&(?=#?\w+;)')
_EMPHASIS = re.compile(r'(?<![^\W_])_|_(?![^\W_])')


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def markdown(text: Any) -> Markdown:
    """Return text that Markdown and HTML show as it is, on one line."""
    if isinstance(text, Markdown):
        return text
    text = _ENTITY.sub('&amp;', one_line(text))
    text = ''.join(_ENTITIES.get(letter, letter) for letter in text)
    text = re.sub(r'~(?=~)|(?<=~)~', '&#126;', text)
    return Markdown(_EMPHASIS.sub('&#95;', text))


def code(text: Any) -> Markdown:
    """Return text set as code, on one line.

    Between backticks nothing can be escaped, so that names which need it
    stand in an HTML element.
    """
    text = one_line(text)
    if re.search(r'[`<>|\\]|&#?\w+;', text):
        return Markdown(f'<code>{markdown(text)}</code>')
    return Markdown(f'`{text}`')


def latex_text(text: Any) -> str:
    """Return text that LaTeX sets as it is, on one line."""
    return ''.join(_LATEX_SPECIAL.get(letter, letter)
                   for letter in one_line(text))


def one_line(text: Any) -> str:
    """Return text with single blanks, as a comment of LaTeX needs it."""
    return printable(' '.join(str(text).split()))

"""What the classes that a config names by ``type`` take as arguments."""
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import mmengine.registry
import mmseg.registry
from mmengine.registry import Registry

# taken out of a dict before its ``type`` is built
TAKEN_OUT = frozenset({
    '_delete_', '_scope_', 'constructor', 'convert_to_iter_based',
    'paramwise_cfg', 'priority', 'type'})


def arguments_of(node: Mapping) -> set[str] | None:
    """Return the keys that a dict with a ``type`` may have.

    ``**kwargs`` go to the next class of the method resolution order.

    Returns:
        The names; None if any will do or the type is unknown.
    """
    kind = _class_of(node.get('type'))
    if kind is None:
        return None
    names = set(TAKEN_OUT)
    makers = ([vars(each)['__init__'] for each in kind.__mro__
               if '__init__' in vars(each)] if inspect.isclass(kind)
              else [kind])
    for maker in makers:
        parameters = inspect.signature(maker).parameters.values()
        names |= {parameter.name for parameter in parameters}
        if all(parameter.kind is not parameter.VAR_KEYWORD
               for parameter in parameters):
            return names
    return None


def find_node(content: Mapping, levels: Sequence[str]) -> Any:
    """Return what lies under a key of a config, None if nothing does."""
    node: Any = content
    for level in levels:
        if isinstance(node, Mapping) and level in node:
            node = node[level]
        elif (isinstance(node, list | tuple) and level.isdigit()
                and int(level) < len(node)):
            node = node[int(level)]
        else:
            return None
    return node


def _class_of(kind: Any) -> Any:
    if not isinstance(kind, str):
        return kind
    registries = [value for module in (mmseg.registry, mmengine.registry)
                  for value in vars(module).values()
                  if isinstance(value, Registry)]
    found = (registry.get(kind) for registry in registries)
    return next((each for each in found if each is not None), None)

"""Notice when a graph is recorded that is to run without this code.

Such a graph repeats what was done for the example: a loop over images keeps
its length, and ONNX loses what is written into a part of a tensor. Code that
works image by image or in place, to save memory, does neither here.
"""
import torch

# torch 2.6 knows no difference between compiling and exporting
_is_exporting = getattr(torch.compiler, 'is_exporting',
                        torch.compiler.is_compiling)


def is_exporting() -> bool:
    """Whether a tracer or an exporter records what is computed."""
    return (torch.jit.is_tracing() or torch.onnx.is_in_onnx_export()
            or _is_exporting())


def refuse_export(what: str, remedy: str) -> None:
    """Raise a ``RuntimeError`` while a graph is recorded.

    Args:
        what: What a graph would do for the example only.
        remedy: What to export in its place.
    """
    if is_exporting():
        raise RuntimeError(
            f'{what} cannot be traced or exported, the graph would be right '
            f'for the example only: {remedy}')

"""Load a pixel head from a file of its own."""
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...checks import check_text
from ..head_checkpoint import attach_head, read_head


@HOOKS.register_module()
class AttachHeadHook(Hook):
    """Add a trained pixel head to the plain EoMT that is being loaded.

    With the hook in the config, as in our pixel head configs, a test reads
    ``tools/test.py CONFIG EOMT.pth --cfg-options
    custom_hooks.0.head=HEAD.safetensors``. The head is refused if the EoMT is
    not the one it was trained on.

    Config::

        custom_hooks = [
            dict(type='AttachHeadHook', head='head.safetensors')]

    Args:
        head: File that ``tools/misc/extract_head.py`` wrote; None does
            nothing.
    """

    # Before the checkpoint is compared with the model.
    priority = 'LOW'

    def __init__(self, head: str | None = None) -> None:
        check_text('head', head, optional=True, of=self)
        self.head = head

    def after_load_checkpoint(self, runner: Runner,
                              checkpoint: dict[str, Any]) -> None:
        """Complete the checkpoint.

        Raises:
            FileNotFoundError: If there is no file of the head.
            ValueError: If it is none, or head and checkpoint do not belong
                together.
        """
        if self.head is None:
            return
        names = (Path(runner.cfg.get('load_from') or 'the checkpoint').name,
                 Path(self.head).name)
        head = read_head(self.head)
        state_dict = checkpoint.get('state_dict', checkpoint)
        attached = attach_head(state_dict, head, names)
        state_dict.clear()
        state_dict.update(attached)

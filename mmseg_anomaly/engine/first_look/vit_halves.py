"""Both halves of a ViT agree, in a segmentor of any kind."""
from ...models.eomt.vit_settings import check_same_vit
from .look import Look


def differing_vit_halves(look: Look) -> str | None:
    """Compare backbone and decode head; None if there are not both."""
    parts = dict(look.model.named_children())
    if 'backbone' not in parts or 'decode_head' not in parts:
        return None
    try:
        check_same_vit(parts['backbone'], parts['decode_head'])
    except ValueError as error:
        return str(error)
    return None

"""Small looks at runs that were never built."""
from types import SimpleNamespace

from mmengine.dataset import Compose, DefaultSampler
from torch import nn

from mmseg_anomaly.engine.first_look import Look


class Part(nn.Module):
    """A module with attributes and children."""

    def __init__(self, children=None, **attributes):
        super().__init__()
        for name, child in (children or {}).items():
            self.add_module(name, child)
        vars(self).update(attributes)


def part(**attributes):
    return SimpleNamespace(**attributes)


def loading(num_classes):
    return part(num_classes=num_classes)


def a_dataset(classes=None, pipeline=(), **attributes):
    """A dataset whose metainfo lists classes, unless they are None."""
    compose = Compose([])
    compose.transforms = list(pipeline)
    meta = {} if classes is None else dict(
        classes=tuple(f'class {index}' for index in range(classes)))
    return part(metainfo=meta, pipeline=compose, **attributes)


def a_loader(dataset=None, sampler=None, length=3):
    class Loader(SimpleNamespace):

        def __len__(self):
            return length

    return Loader(dataset=dataset, batch_size=4, drop_last=True,
                  sampler=sampler or DefaultSampler(range(4), seed=0))


def a_look(dataset=None, model=None, phase='train', metrics=()):
    loop = part(dataloader=a_loader(dataset))
    if phase != 'train':
        loop.evaluator = part(metrics=list(metrics))
    return Look(phase, loop, model or Part())

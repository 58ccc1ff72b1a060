"""ERFNet as the original code computes it, from its state dict alone."""
import torch
import torch.nn.functional as F

ENCODER_DILATIONS = [1] * 5 + [None] + [2, 4, 8, 16] * 2
"""Of the layers after the first; None is a downsampler."""


class OriginalERFNet:
    """Functions on parameters named as the original names them."""

    def __init__(self, state):
        self.state = state

    def __call__(self, images):
        """Return logits (B, 20, H, W) of RGB images in [0, 1]."""
        x = self.downsample('encoder.initial_block', images)
        x = self.downsample('encoder.layers.0', x)
        for i, dilation in enumerate(ENCODER_DILATIONS, 1):
            name = f'encoder.layers.{i}'
            x = (self.downsample(name, x) if dilation is None else
                 self.residual(name, x, dilation))
        for i in range(6):
            name = f'decoder.layers.{i}'
            x = (self.residual(name, x, 1) if i % 3 else
                 self.upsample(name, x))
        return F.conv_transpose2d(
            x, *self.parameters('decoder.output_conv'), stride=2)

    def parameters(self, name):
        return self.state[f'{name}.weight'], self.state[f'{name}.bias']

    def norm(self, name, x):
        mean, var = (self.state[f'{name}.running_{part}']
                     for part in ('mean', 'var'))
        return F.batch_norm(x, mean, var, *self.parameters(name), eps=1e-3)

    def downsample(self, name, x):
        convolved = F.conv2d(
            x, *self.parameters(f'{name}.conv'), stride=2, padding=1)
        pooled = F.max_pool2d(x, 2)
        both = torch.cat([convolved, pooled], dim=1)
        return self.norm(f'{name}.bn', both).relu()

    def upsample(self, name, x):
        x = F.conv_transpose2d(
            x, *self.parameters(f'{name}.conv'), stride=2, padding=1,
            output_padding=1)
        return self.norm(f'{name}.bn', x).relu()

    def residual(self, name, x, dilation):
        y = x
        for number, step in ((1, 1), (2, dilation)):
            y = F.conv2d(y, *self.parameters(f'{name}.conv3x1_{number}'),
                         padding=(step, 0), dilation=(step, 1)).relu()
            y = F.conv2d(y, *self.parameters(f'{name}.conv1x3_{number}'),
                         padding=(0, step), dilation=(1, step))
            y = self.norm(f'{name}.bn{number}', y)
            y = y.relu() if number == 1 else y
        return (x + y).relu()


class RandomState(dict):
    """Random parameters, such that values neither vanish nor explode."""

    def __init__(self, outputs):
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)
        self.encoder(outputs)
        for start, before, after in ((0, 128, 64), (3, 64, 16)):
            name = f'decoder.layers.{start}'
            self.conv(f'{name}.conv', after, before, 3, 3, transposed=True)
            self.norm(f'{name}.bn', after)
            for i in (1, 2):
                self.residual(f'decoder.layers.{start + i}', after)
        self.conv('decoder.output_conv', outputs, 16, 2, 2, transposed=True)

    def encoder(self, outputs):
        names = ['initial_block', *(f'layers.{i}' for i in range(15))]
        widths = {0: (3, 16), 1: (16, 64), 7: (64, 128)}
        for i, name in enumerate(names):
            name = f'encoder.{name}'
            if i in widths:
                before, after = widths[i]
                self.conv(f'{name}.conv', after - before, before, 3, 3)
                self.norm(f'{name}.bn', after)
            else:
                self.residual(name, after)
        self.conv('encoder.output_conv', outputs, 128, 1, 1)

    def random(self, name, *shape, low=-1., high=1.):
        self[name] = low + (high - low) * torch.rand(
            *shape, generator=self.generator)

    def conv(self, name, out, before, *kernel, transposed=False):
        limit = (3 / (before * kernel[0] * kernel[1]))**.5
        channels = (before, out) if transposed else (out, before)
        self.random(f'{name}.weight', *channels, *kernel, low=-limit,
                    high=limit)
        self.random(f'{name}.bias', out)

    def norm(self, name, channels):
        self.random(f'{name}.weight', channels, low=.1, high=.4)
        self.random(f'{name}.bias', channels)
        self.random(f'{name}.running_mean', channels)
        # small enough that another eps is seen
        self.random(f'{name}.running_var', channels, low=.01, high=.5)
        self[f'{name}.num_batches_tracked'] = torch.tensor(9)

    def residual(self, name, channels):
        for number in (1, 2):
            self.conv(f'{name}.conv3x1_{number}', channels, channels, 3, 1)
            self.conv(f'{name}.conv1x3_{number}', channels, channels, 1, 3)
            self.norm(f'{name}.bn{number}', channels)

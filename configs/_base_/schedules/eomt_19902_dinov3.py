# What the original code does differently with DINOv3 (its ADE20K config): a
# rate of 2e-4 for every layer, warm-up of 2000 + 3000 iterations, a first
# annealing window of 0 to 3000. No Cityscapes config was published: the
# length and the later windows are those of eomt_19902.py, an assumption. Its
# `lr_mult=0.1` is left out, because it multiplies nothing there.
_base_ = './eomt_19902.py'

max_iters = 19902
optim_wrapper = dict(
    optimizer=dict(lr=2e-4), paramwise_cfg=dict(layer_decay=1.0))
param_scheduler = [
    dict(
        type='TwoStageWarmupPolyLR',
        warmup_iters=(2000, 3000),
        power=0.9,
        begin=0,
        end=max_iters,
        by_epoch=False)
]
custom_hooks = [
    dict(
        type='AttnMaskAnnealingHook',
        start_iters=(0, 8292, 13268),
        end_iters=(3000, 11609, 16585))
]

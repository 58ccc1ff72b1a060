# A short training on a small set: warm-up over 3 % + 6 % of the iterations,
# masked attention annealed between 16 % and 80 %, twice the published rate.
_base_ = './eomt_19902.py'

max_iters = 300
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
param_scheduler = [
    dict(
        type='TwoStageWarmupPolyLR',
        warmup_iters=(9, 18),
        power=0.9,
        begin=0,
        end=max_iters,
        by_epoch=False)
]
custom_hooks = [
    dict(
        type='AttnMaskAnnealingHook',
        start_iters=(48, 112, 176),
        end_iters=(112, 176, 240))
]

# A short training on a small set: warm-up over 3 % + 6 % of the iterations,
# masked attention annealed between 16 % and 80 %, twice the published rate.
max_iters = 300
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='EoMTOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=2e-4, weight_decay=0.05),
    paramwise_cfg=dict(layer_decay=0.8),
    clip_grad=dict(max_norm=0.01, norm_type=2))
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
randomness = dict(seed=0)

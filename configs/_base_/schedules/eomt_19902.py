# EoMT on Cityscapes: 107 epochs of 186 iterations at a total batch of 16.
max_iters = 19902
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=1990)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='EoMTOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
    paramwise_cfg=dict(layer_decay=0.8),
    clip_grad=dict(max_norm=0.01, norm_type=2))
param_scheduler = [
    dict(
        type='TwoStageWarmupPolyLR',
        warmup_iters=(500, 1000),
        power=0.9,
        begin=0,
        end=max_iters,
        by_epoch=False)
]
custom_hooks = [
    dict(
        type='AttnMaskAnnealingHook',
        start_iters=(3317, 8292, 13268),
        end_iters=(6634, 11609, 16585))
]
randomness = dict(seed=0)

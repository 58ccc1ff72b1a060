# The quick start: nothing is pretrained, so one rate for all, ten times that
# of fine-tuning; two joint blocks, unmasked between 15 % and 80 %.
max_iters = 1000
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(
        norm_decay_mult=0., bias_decay_mult=0.,
        custom_keys={'queries': dict(decay_mult=0.)}),
    clip_grad=dict(max_norm=0.1, norm_type=2))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.02, begin=0, end=40, by_epoch=False),
    dict(
        type='PolyLR',
        eta_min=0.,
        power=0.9,
        begin=40,
        end=max_iters,
        by_epoch=False)
]
custom_hooks = [
    dict(
        type='AttnMaskAnnealingHook',
        start_iters=(150, 367),
        end_iters=(583, 800))
]
randomness = dict(seed=0)

# A pixel head on a frozen EoMT: 5 epochs of Cityscapes at a total batch of
# 16. The constructor leaves frozen parameters out of the optimiser.
max_iters = 930
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='EoMTOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.01))
param_scheduler = []

# A pixel head on the model of the quick start. Train that first.
_base_ = './eomt_tiny_demo_oe_eim.py'

model = dict(
    backbone=dict(frozen=True),
    decode_head=dict(
        _delete_=True,
        type='PixelAnomalyHead',
        semantic_head=_base_.model.decode_head),
    outlier_losses=[],
    test_cfg=dict(
        scorer=['pixel_head', 'rba', 'msp', 'softmax_msp', 'max_logit',
                'entropy', 'energy']))

max_iters = 200
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='EoMTOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01))
param_scheduler = []
custom_hooks = [dict(type='AttachHeadHook', head=None)]
load_from = 'work_dirs/eomt_tiny_demo_oe_eim/iter_1000.pth'

# The quick start: a small EoMT learns the generated road world from nothing,
# on two CPU cores. RbA and EIM as in the full-size configs; objects are pasted
# hard, as the drawn scenes of the test hold them.
_base_ = [
    '../_base_/models/eomt_tiny_96x192.py',
    '../_base_/datasets/synthetic_roads.py',
    '../_base_/eim.py',
    '../_base_/schedules/eomt_demo_1000.py',
    '../_base_/default_runtime.py',
]

model = dict(
    decode_head=dict(query_losses=_base_.eim_losses),
    outlier_losses=[dict(type='RbALoss')])
train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
default_hooks = dict(checkpoint=dict(interval=250))

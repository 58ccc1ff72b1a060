# Train eomt_b_640.py (or a child of it) first.
_base_ = [
    '../_base_/models/eomt_b_640x640_pixel-head.py',
    '../_base_/datasets/cityscapes_640x640.py',
    '../_base_/outlier_exposure.py',
    '../_base_/schedules/pixel_head_930.py',
    '../_base_/default_runtime.py',
]

train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
load_from = 'work_dirs/eomt_b_640/iter_19902.pth'

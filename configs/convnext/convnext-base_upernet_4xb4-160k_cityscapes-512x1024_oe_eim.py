_base_ = [
    './convnext-base_upernet_4xb4-160k_cityscapes-512x1024.py',
    '../_base_/outlier_exposure.py',
    '../_base_/eim.py',
]

model = dict(outlier_losses=_base_.eim_losses)
train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

_base_ = [
    './vit-base-p14-dinov2_linear_4xb4-160k_cityscapes-518x1036.py',
    '../_base_/outlier_exposure.py',
    '../_base_/eim.py',
]

model = dict(outlier_losses=_base_.eim_losses)
train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

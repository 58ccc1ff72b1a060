_base_ = [
    './erfnet_fcn_1xb4-20k_camvid-352x480.py',
    '../_base_/outlier_exposure.py',
    '../_base_/eim.py',
]

model = dict(outlier_losses=_base_.eim_losses)
train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

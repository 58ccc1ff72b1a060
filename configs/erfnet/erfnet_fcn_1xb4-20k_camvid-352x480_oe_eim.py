_base_ = [
    './erfnet_fcn_1xb4-20k_camvid-352x480.py',
    '../_base_/outlier_exposure.py',
]

model = dict(outlier_losses=[
    dict(type='EIMLoss', temperature=1.0, loss_weight=0.1)
])
train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

_base_ = ['./eomt_s_640.py', '../_base_/outlier_exposure.py']

train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
model = dict(outlier_losses=_base_.outlier_losses)

_base_ = [
    './erfnet_fcn_1xb4-160k_cityscapes-512x1024.py',
    '../_base_/outlier_exposure.py',
]

# A pixel head takes pasted pixels as void, so a term in `loss_decode` would
# pass over them; in `outlier_losses` EIM sees them, and nothing opposes it.
model = dict(outlier_losses=[
    dict(type='EIMLoss', temperature=1.0, loss_weight=0.1)
])
train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

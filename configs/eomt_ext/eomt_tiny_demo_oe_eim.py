# The quick start: a small EoMT learns the generated road world from nothing,
# on two CPU cores. RbA and EIM as in the full-size configs; objects are pasted
# hard, as the drawn scenes of the test hold them.
_base_ = [
    '../_base_/models/eomt_b_640x640.py',
    '../_base_/datasets/synthetic_roads.py',
    '../_base_/default_runtime.py',
]

vit = dict(
    _delete_=True,
    arch=dict(embed_dim=192, depth=6, num_heads=3),
    img_size=_base_.crop_size,  # (h, w)
    patch_size=8,
    num_joint_blocks=2,
    pretrained=None)
model = dict(
    data_preprocessor=dict(size=vit['img_size']),
    backbone=dict(type='EoMTViT', **vit),
    decode_head=dict(
        type='EoMTDecodeHead',
        num_classes=_base_.num_classes,
        num_queries=24,
        criterion=dict(num_points=1024),
        query_losses=[
            dict(type='EIMLoss', temperature=1.0, loss_weight=0.1)
        ],
        **vit),
    outlier_losses=[dict(type='RbALoss')],
    test_cfg=dict(
        crop_size=vit['img_size'],
        # first what ranks best after so short a training
        scorer=['energy', 'msp', 'softmax_msp', 'max_logit', 'entropy',
                'rba']))

train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(
        type='OutlierPaste',
        source=dict(
            type='CocoOutliers',
            data_root=_base_.data_root,
            ann_file='outliers/instances_train.json',
            data_prefix=dict(img_path='outliers/train'),
            deny_categories=(),
            deny_image_categories=()),
        paste_probability=0.8,  # a short training sees few objects
        max_scale=0.5),
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

max_iters = 1000
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
# nothing is pretrained: one rate for all, ten times that of fine-tuning
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(
        norm_decay_mult=0., bias_decay_mult=0.,
        custom_keys={'queries': dict(decay_mult=0.)}),
    clip_grad=dict(max_norm=0.1, norm_type=2))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.02, begin=0, end=40, by_epoch=False),
    dict(
        type='PolyLR',
        eta_min=0.,
        power=0.9,
        begin=40,
        end=max_iters,
        by_epoch=False)
]
custom_hooks = [
    dict(
        type='AttnMaskAnnealingHook',
        start_iters=(150, 367),
        end_iters=(583, 800))
]
default_hooks = dict(checkpoint=dict(interval=250))
randomness = dict(seed=0)

# Train eomt_l_1024.py (or a child of it) first.
_base_ = [
    '../_base_/models/eomt_b_640x640_pixel-head.py',
    '../_base_/datasets/cityscapes_1024x1024.py',
    '../_base_/outlier_exposure.py',
    '../_base_/schedules/pixel_head_930.py',
    '../_base_/default_runtime.py',
]

vit = dict(
    arch='vit_large_patch14_reg4_dinov2',
    img_size=(1024, 1024),  # (h, w)
    num_joint_blocks=4)
model = dict(
    data_preprocessor=dict(size=vit['img_size']),
    vit=vit,
    test_cfg=dict(crop_size=vit['img_size']))
train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
load_from = 'work_dirs/eomt_l_1024/iter_19902.pth'

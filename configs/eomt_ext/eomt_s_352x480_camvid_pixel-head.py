# Train eomt_s_352x480_camvid_ft.py first.
_base_ = [
    '../_base_/models/eomt_b_640x640_pixel-head.py',
    '../_base_/datasets/camvid_352x480.py',
    '../_base_/outlier_exposure.py',
    '../_base_/schedules/pixel_head_930.py',
    '../_base_/default_runtime.py',
]

vit = dict(
    arch='vit_small_patch14_dinov2',
    img_size=_base_.crop_size)  # (h, w)
model = dict(
    data_preprocessor=dict(size=vit['img_size']),
    vit=vit,
    decode_head=dict(
        semantic_head=dict(num_classes=_base_.num_classes)),
    test_cfg=dict(crop_size=vit['img_size']))
train_pipeline = [
    *_base_.train_pipeline[:3], _base_.outlier_paste,
    *_base_.train_pipeline[3:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
max_iters = 200
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(optimizer=dict(lr=1e-3))  # for so few iterations
load_from = 'work_dirs/eomt_s_352x480_camvid_ft/iter_100.pth'

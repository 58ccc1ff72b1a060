_base_ = [
    '../_base_/models/eomt_b_640x640.py',
    '../_base_/datasets/camvid_352x480.py',
    '../_base_/schedules/eomt_300.py',
    '../_base_/default_runtime.py',
]

vit = dict(
    arch='vit_small_patch14_dinov2',
    img_size=_base_.crop_size)  # (h, w)
model = dict(
    data_preprocessor=dict(size=vit['img_size']),
    vit=vit,
    decode_head=dict(
        num_classes=_base_.num_classes,
        # fewer than the 88 x 120 pixels of a mask: same loss, less work
        criterion=dict(num_points=4096)),
    test_cfg=dict(crop_size=vit['img_size']))
default_hooks = dict(checkpoint=dict(interval=50))

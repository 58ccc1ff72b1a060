_base_ = [
    '../_base_/models/eomt_b_640x640.py',
    '../_base_/datasets/cityscapes_1024x1024.py',
    '../_base_/schedules/eomt_19902.py',
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
custom_hooks = [
    dict(
        type='AttnMaskAnnealingHook',
        # k / 6 of the iterations
        start_iters=(3317, 6634, 9951, 13268),
        end_iters=(6634, 9951, 13268, 16585))
]

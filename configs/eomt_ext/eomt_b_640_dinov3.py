_base_ = [
    '../_base_/models/eomt_b_640x640.py',
    '../_base_/datasets/cityscapes_640x640.py',
    '../_base_/schedules/eomt_19902_dinov3.py',
    '../_base_/default_runtime.py',
]

vit = dict(arch='vit_base_patch16_dinov3_qkvb')
model = dict(vit=vit)

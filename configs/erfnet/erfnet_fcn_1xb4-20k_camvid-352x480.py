_base_ = [
    '../_base_/models/erfnet_fcn.py',
    '../_base_/datasets/camvid_352x480.py',
    '../_base_/schedules/sgd_20k.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    decode_head=dict(num_classes=_base_.num_classes),
    test_cfg=dict(crop_size=_base_.crop_size))

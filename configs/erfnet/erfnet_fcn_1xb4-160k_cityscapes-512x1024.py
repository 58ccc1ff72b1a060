_base_ = [
    '../_base_/models/erfnet_fcn.py',
    '../_base_/datasets/cityscapes_512x1024.py',
    '../_base_/schedules/sgd_160k.py',
    '../_base_/default_runtime.py',
]

# overlap by a third, as MMSeg's slide mode usually does: (h, w)
model = dict(test_cfg=dict(stride=(341, 683)))

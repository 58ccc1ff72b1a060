_base_ = [
    '../_base_/models/vit-base-p14-dinov2_linear.py',
    '../_base_/datasets/cityscapes_518x1036.py',
    '../_base_/schedules/adamw_160k.py',
    '../_base_/default_runtime.py',
]

custom_imports = dict(imports=['mmseg_anomaly', 'mmpretrain.models'])
# overlap by a third, as MMSeg's slide mode usually does: (h, w)
model = dict(test_cfg=dict(stride=(345, 691)))
# pretrained weights move at a tenth of the rate of the new layer
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={'backbone': dict(lr_mult=0.1)},
        norm_decay_mult=0.,
        bias_decay_mult=0.))

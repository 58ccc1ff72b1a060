_base_ = [
    '../_base_/models/convnext-base_upernet.py',
    '../_base_/datasets/cityscapes_512x1024.py',
    '../_base_/schedules/adamw_160k.py',
    '../_base_/default_runtime.py',
]

custom_imports = dict(imports=['mmseg_anomaly', 'mmpretrain.models'])
# overlap by a third, as MMSeg's slide mode usually does: (h, w)
model = dict(test_cfg=dict(stride=(341, 683)))
optim_wrapper = dict(
    constructor='LearningRateDecayOptimizerConstructor',
    paramwise_cfg=dict(
        decay_rate=0.9, decay_type='stage_wise', num_layers=12))

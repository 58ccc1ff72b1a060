# Cityscapes, 19 classes, in its own resolution: 512x1024 crops in training,
# test images as they are.
_base_ = './cityscapes_640x640.py'

num_classes = 19
crop_size = (512, 1024)  # (h, w)
load = dict(type='LoadImageFromFile')
load_label = dict(type='LoadCheckedAnnotations', num_classes=num_classes)
train_pipeline = [
    dict(type='SeedSample'),
    load,
    load_label,
    dict(
        type='RandomResize',
        scale=(2048, 1024),  # (w, h)
        ratio_range=(0.5, 2.0),
        keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs')
]
test_pipeline = [load, load_label, dict(type='PackSegInputs')]
tta_pipeline = [
    load,
    dict(
        type='TestTimeAug',
        transforms=[_base_.tta_flips, [load_label],
                    [dict(type='PackSegInputs')]])
]
train_dataloader = dict(
    batch_size=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

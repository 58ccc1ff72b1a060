# Cityscapes, 19 classes, seen through 1024x1024 windows.
_base_ = './cityscapes_640x640.py'

crop_size = (1024, 1024)  # (h, w)
train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(
        type='RandomResize',
        scale=crop_size[::-1],  # (w, h)
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
        backend='pillow'),
    dict(type='RandomCrop', crop_size=crop_size),
    *_base_.train_pipeline[5:]
]
test_pipeline = [
    *_base_.test_pipeline[:1],
    dict(type='ResizeToWindow', window_size=crop_size),
    *_base_.test_pipeline[2:]
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[[dict(type='ResizeToWindow', window_size=crop_size)],
                    [
                        dict(type='RandomFlip', prob=0.),
                        dict(type='RandomFlip', prob=1.)
                    ],
                    [
                        dict(
                            type='LoadCheckedAnnotations',
                            num_classes=_base_.num_classes)
                    ], [dict(type='PackSegInputs')]])
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

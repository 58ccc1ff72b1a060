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
    test_pipeline[0],
    dict(
        type='TestTimeAug',
        transforms=[[test_pipeline[1]], _base_.tta_flips,
                    [test_pipeline[2]], [test_pipeline[3]]])
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

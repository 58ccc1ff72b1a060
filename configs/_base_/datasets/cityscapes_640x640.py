# Cityscapes, 19 classes, seen through 640x640 windows.
_base_ = './loaders.py'

dataset_type = 'CityscapesDataset'
data_root = 'data/cityscapes'
num_classes = 19
crop_size = (640, 640)  # (h, w)
train_pipeline = [
    dict(type='SeedSample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadCheckedAnnotations', num_classes=num_classes),
    dict(
        type='RandomResize',
        scale=crop_size[::-1],  # (w, h)
        ratio_range=(0.5, 2.0),
        keep_ratio=True,
        backend='pillow'),  # antialiased, as EoMT resizes
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeToWindow', window_size=crop_size),
    # after the resize: results are compared in the original resolution
    dict(type='LoadCheckedAnnotations', num_classes=num_classes),
    dict(type='PackSegInputs')
]
tta_pipeline = [
    test_pipeline[0],
    dict(
        type='TestTimeAug',
        transforms=[[test_pipeline[1]], _base_.tta_flips,
                    [test_pipeline[2]], [test_pipeline[3]]])
]
# EoMT trains with a total batch of 16: on N devices set batch_size=16 / N
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
        pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='leftImg8bit/val', seg_map_path='gtFine/val'),
        pipeline=test_pipeline))
# Cityscapes val with objects of COCO val2017 pasted by a fixed seed, made once
# by tools/dataset_converters/make_static_benchmark.py (see README.md)
test_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type='StaticAnomalyDataset',
        data_root='data/cityscapes_static',
        pipeline=test_pipeline))

# CamVid, 11 classes, seen through 352x480 windows.
_base_ = './loaders.py'

dataset_type = 'CamVidDataset'
data_root = 'data/camvid'
num_classes = 11
crop_size = (352, 480)  # (h, w)
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
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='images/train', seg_map_path='annotations/train'),
        pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='images/val', seg_map_path='annotations/val'),
        pipeline=test_pipeline))
# CamVid val with objects of COCO val2017 pasted by a fixed seed, made once by
# tools/dataset_converters/make_static_benchmark.py (see eomt_ext/README.md)
test_dataloader = dict(
    num_workers=2,
    dataset=dict(
        type='StaticAnomalyDataset',
        data_root='data/camvid_static',
        pipeline=test_pipeline))

# CamVid, 11 classes, seen through 352x480 windows.
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
                            num_classes=num_classes)
                    ], [dict(type='PackSegInputs')]])
]
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='images/train', seg_map_path='annotations/train'),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='images/val', seg_map_path='annotations/val'),
        pipeline=test_pipeline))
# CamVid val with objects of COCO val2017 pasted by a fixed seed, made once by
# tools/dataset_converters/make_static_benchmark.py (see eomt_ext/README.md)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='StaticAnomalyDataset',
        data_root='data/camvid_static',
        pipeline=test_pipeline))

val_evaluator = [dict(type='SemanticIoUMetric', iou_metrics=['mIoU'])]
test_evaluator = [
    dict(type='SemanticIoUMetric', iou_metrics=['mIoU']),
    dict(type='AnomalyMetric')
]

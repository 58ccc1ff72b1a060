# The generated road world, 8 classes, 128x256 scenes seen whole, at 96x192.
# tools/dataset_converters/synthetic_roads.py writes it.
dataset_type = 'SyntheticRoadsDataset'
data_root = 'data/synthetic_roads'
num_classes = 8
world = dict()  # arguments of WorldSize that are not its defaults
crop_size = (96, 192)  # (h, w)
train_pipeline = [
    dict(type='SeedSample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadCheckedAnnotations', num_classes=num_classes),
    dict(
        type='RandomResize',
        scale=crop_size[::-1],  # (w, h)
        ratio_range=(0.9, 1.5),  # scenes come at many scales already
        keep_ratio=True,
        backend='pillow'),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeToWindow', window_size=crop_size),
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
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='images/train', seg_map_path='labels/train'),
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='images/val', seg_map_path='labels/val'),
        pipeline=test_pipeline))
# the validation scenes again, with strange objects on them
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='images/test', seg_map_path='labels/test'),
        pipeline=test_pipeline))

val_evaluator = [dict(type='SemanticIoUMetric', iou_metrics=['mIoU'])]
test_evaluator = [
    dict(type='SemanticIoUMetric', iou_metrics=['mIoU']),
    dict(type='AnomalyMetric')
]
